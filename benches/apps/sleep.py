"""Waits as for a database, then answers."""

import time

SECONDS = 0.01
BODY = b"slept\n"
HEADERS = [("Content-Type", "text/plain"), ("Content-Length", str(len(BODY)))]


def application(environ, start_response):
    time.sleep(SECONDS)
    start_response("200 OK", HEADERS)
    return [BODY]
