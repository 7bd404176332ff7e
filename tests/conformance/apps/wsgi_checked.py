"""An app between two readings of PEP 3333: `wsgiref.validate` around it, and a ledger around that."""

import io
import json
import sys
import warnings
import zlib
from urllib.parse import parse_qs
from wsgiref.validate import WSGIWarning, validator

warnings.simplefilter("error", WSGIWarning)
# The validator knows a list of methods; RFC 9110 does not.
warnings.filterwarnings("ignore", "Unknown REQUEST_METHOD", WSGIWarning)
SMALL, LARGE = b"answer", b"0123456789abcdef" * 16384
opened, closed, failures = 0, 0, []


class Iterable:
    """Counts whether each answer was closed, which PEP 3333 demands however it ended."""

    def __init__(self, parts):
        global opened
        opened += 1
        self.parts = iter(parts)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.parts)

    def close(self):
        global closed
        closed += 1


def body_of(environ):
    """Read in the pieces that the validator allows; how long it is and its checksum."""
    length, check = 0, 0
    while piece := environ["wsgi.input"].read(10_000):
        length, check = length + len(piece), zlib.crc32(piece, check)
    return f"{length}-{check}"


def break_late():
    yield SMALL
    raise RuntimeError("on purpose, late")


def answered(kind, environ, start, fields):
    plain = [("Content-Type", "text/plain"), *fields]
    if kind == "list":
        start("200 OK", [*plain, ("Content-Length", str(len(SMALL)))])
        return Iterable([SMALL])
    if kind == "parts":
        start("200 OK", plain)
        return Iterable([SMALL, b"", SMALL])
    if kind == "generator":
        start("200 OK", plain)
        return Iterable(LARGE[at : at + 7000] for at in range(0, len(LARGE), 7000))
    if kind == "write":
        write = start("200 OK", plain)
        for at in range(0, len(LARGE), 50_000):
            write(LARGE[at : at + 50_000])
        return Iterable([SMALL])
    if kind == "empty":
        start("200 OK", [*plain, ("Content-Length", "0")])
        return Iterable([])
    if kind in ("204", "304"):
        start({"204": "204 No Content", "304": "304 Not Modified"}[kind], fields)
        return Iterable([])
    if kind == "file":
        start("200 OK", plain)
        return environ["wsgi.file_wrapper"](io.BytesIO(LARGE), 8192)
    if kind == "exc_info":
        start("200 OK", plain)
        try:
            raise RuntimeError("on purpose")
        except RuntimeError:
            start("500 Oops", plain, sys.exc_info())
        return Iterable([SMALL])
    start("200 OK", plain)
    return Iterable(break_late())


def inner(environ, start_response):
    said = body_of(environ)
    kind = parse_qs(environ["QUERY_STRING"])["answer"][0]
    return answered(kind, environ, start_response, [("X-Body", said), ("X-Method", environ["REQUEST_METHOD"])])


checked = validator(inner)


def application(environ, start_response):
    if environ["PATH_INFO"] == "/--ledger":
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps([opened, closed, failures]).encode()]
    try:
        return checked(environ, start_response)
    except (AssertionError, WSGIWarning) as error:
        failures.append(f"{environ['REQUEST_METHOD']} {environ['QUERY_STRING']}: {type(error).__name__}: {error}")
        raise
