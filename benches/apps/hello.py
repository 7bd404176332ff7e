"""The smallest app worth measuring: a status, two headers, twelve bytes."""

BODY = b"hello world\n"
HEADERS = [("Content-Type", "text/plain"), ("Content-Length", str(len(BODY)))]


def application(environ, start_response):
    start_response("200 OK", HEADERS)
    return [BODY]
