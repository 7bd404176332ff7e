"""A file of 100 KB by `wsgi.file_wrapper`."""

import os
import tempfile

SIZE = 100_000


def made():
    handle, path = tempfile.mkstemp()
    with os.fdopen(handle, "wb") as file:
        file.write(os.urandom(SIZE))
    # Open for as long as the process lives, so that nothing is left behind.
    kept = open(path, "rb")
    os.unlink(path)
    return kept


KEPT = made()
HEADERS = [("Content-Type", "application/octet-stream"), ("Content-Length", str(SIZE))]


def application(environ, start_response):
    file = open(f"/proc/self/fd/{KEPT.fileno()}", "rb")
    start_response("200 OK", HEADERS)
    wrapper = environ.get("wsgi.file_wrapper")
    return wrapper(file, 65536) if wrapper else iter(lambda: file.read(65536), b"")
