"""One MiB in sixteen pieces, none of them known before."""

PIECE = b"x" * 65536
HEADERS = [("Content-Type", "application/octet-stream")]


def application(environ, start_response):
    start_response("200 OK", HEADERS)
    return (PIECE for _ in range(16))
