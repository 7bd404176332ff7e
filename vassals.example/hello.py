"""A WSGI app in four lines (PEP 3333)."""


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"hello from {environ['SERVER_SOFTWARE']}\n".encode()]
