"""A form, a database and two workers that share it; nothing beyond the standard library."""

import os
import sqlite3
import tempfile
from html import escape
from urllib.parse import parse_qs

# Beside nothing of yours: a new file for each start of the app, made before the workers are forked.
DATABASE = os.path.join(tempfile.mkdtemp(prefix="guestbook-"), "guests.db")

with sqlite3.connect(DATABASE) as database:
    database.execute("CREATE TABLE guest (name TEXT NOT NULL)")


def app(environ, start_response):
    if environ["REQUEST_METHOD"] == "POST":
        length = int(environ.get("CONTENT_LENGTH") or 0)
        form = parse_qs(environ["wsgi.input"].read(length).decode("utf-8", "replace"))
        with sqlite3.connect(DATABASE) as database:
            database.executemany("INSERT INTO guest VALUES (?)", [(n,) for n in form.get("name", [])])
        start_response("303 See Other", [("Location", "/"), ("Content-Length", "0")])
        return []
    with sqlite3.connect(DATABASE) as database:
        names = [row[0] for row in database.execute("SELECT name FROM guest ORDER BY rowid")]
    items = "".join(f"<li>{escape(name)}</li>" for name in names)
    page = f"<h1>Guests</h1><ul>{items}</ul><form method=post><input name=name><button>Sign</button></form>\n"
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [page.encode()]
