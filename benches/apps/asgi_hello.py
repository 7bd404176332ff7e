"""The smallest ASGI app worth measuring."""

START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain"), (b"content-length", b"12")],
}
BODY = {"type": "http.response.body", "body": b"hello world\n"}


async def application(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("http only")
    await send(START)
    await send(BODY)
