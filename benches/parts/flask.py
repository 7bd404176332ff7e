"""Flask hello: what is left of the difference when the app costs something."""

from harness.throughput import Work, ahead_of_all


def run(bench):
    ahead_of_all(bench, "flask", "Flask's hello, one worker, `wrk -t1 -c32`.", Work("flask_hello"))
