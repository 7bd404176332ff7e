"""Takes and gives bodies of any size, and says what has reached it."""

import json
import os
import zlib
from urllib.parse import parse_qs

PIECE = bytes(range(256)) * 256
EVENTS = os.open("events", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def note(**event):
    os.write(EVENTS, (json.dumps(event) + "\n").encode())


def pieces(environ, wanted):
    sent = 0
    try:
        while sent < wanted:
            piece = PIECE[: wanted - sent]
            sent += len(piece)
            yield piece
    finally:
        note(down=wanted, closed_after=sent, who=environ.get("QUERY_STRING"))


def upload(environ, start_response):
    length, check = 0, 0
    try:
        while piece := environ["wsgi.input"].read(65536):
            length, check = length + len(piece), zlib.crc32(piece, check)
    except OSError as error:
        note(broken=type(error).__name__, after=length, who=environ["QUERY_STRING"])
        raise
    note(up=length, who=environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Expect", environ.get("HTTP_EXPECT", "none"))])
    return [f"{length}-{check}".encode()]


def application(environ, start_response):
    path, query = environ["PATH_INFO"], parse_qs(environ["QUERY_STRING"])
    if path == "/up":
        return upload(environ, start_response)
    if path == "/down":
        wanted = int(query["size"][0])
        fields = [("Content-Type", "application/octet-stream")]
        if "length" in query:
            fields.append(("Content-Length", str(wanted)))
        start_response("200 OK", fields)
        return pieces(environ, wanted)
    if path == "/early":
        start_response("403 Forbidden", [("Content-Type", "text/plain")])
        return [b"not read"]
    if path == "/text":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"a line of text that compresses\n" * 4000]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{environ['REQUEST_METHOD']} {environ['REQUEST_URI']}".encode()]
