"""The same answer through Flask: what most of a real request costs is Python's own."""

from flask import Flask

application = Flask(__name__)


@application.route("/")
def hello():
    return "hello world\n"
