"""An app inside a reading of the ASGI 3 specification that takes nothing on trust.

Every scope and every message from the server is held against the specification's types: which keys
must be there, which may, what each is. The ledger tells what was wrong.
"""

import asyncio
import json
import zlib
from urllib.parse import parse_qs

SMALL, LARGE = b"answer", b"0123456789abcdef" * 16384
opened, closed, failures = 0, 0, []


def is_headers(value):
    pairs = [(list, tuple)[isinstance(pair, tuple)](pair) for pair in value]
    return all(
        len(pair) == 2 and all(isinstance(part, bytes) for part in pair) and pair[0] == pair[0].lower() and pair[0]
        for pair in pairs
    )


def is_address(value):
    return value is None or (len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], (int, type(None))))


def is_text(value):
    return type(value) is str


def is_bytes(value):
    return type(value) is bytes


def is_one_of(*values):
    return lambda value: type(value) is str and value in values


def is_strings(value):
    return all(type(one) is str for one in value)


def is_path(value):
    return is_text(value) and (value.startswith("/") or value == "*")


def is_versions(value):
    return value["version"] in ("3.0",) and value.get("spec_version", "2.0") in ("2.0", "2.1", "2.2", "2.3", "2.4", "2.5")


COMMON = {"asgi": is_versions, "path": is_path, "raw_path": is_bytes, "query_string": is_bytes, "root_path": is_text,
          "headers": is_headers, "client": is_address, "server": is_address, "http_version": is_one_of("1.0", "1.1", "2")}
MAY = {"extensions": lambda value: isinstance(value, dict), "state": lambda value: isinstance(value, dict)}
SCOPES = {
    "http": (COMMON | {"method": lambda value: is_text(value) and value == value.upper(),
                       "scheme": is_one_of("http", "https")}, MAY),
    "websocket": (COMMON | {"scheme": is_one_of("ws", "wss"), "subprotocols": is_strings}, MAY),
    "lifespan": ({"asgi": is_versions}, {"state": MAY["state"]}),
}
MESSAGES = {
    "http.request": ({}, {"body": is_bytes, "more_body": lambda value: type(value) is bool}),
    "http.disconnect": ({}, {}),
    "lifespan.startup": ({}, {}),
    "lifespan.shutdown": ({}, {}),
    "websocket.connect": ({}, {}),
    "websocket.receive": ({}, {"text": lambda value: value is None or is_text(value),
                               "bytes": lambda value: value is None or is_bytes(value)}),
    "websocket.disconnect": ({}, {"code": lambda value: type(value) is int,
                                  "reason": lambda value: value is None or is_text(value)}),
}


def hold(what, kind, value, must, may):
    """Notes every key that is missing, is not known or is of a wrong kind."""
    given = {key: part for key, part in value.items() if key != "type"}
    wrong = [f"no {key}" for key in must if key not in given]
    for key, part in given.items():
        rule = must.get(key) or may.get(key)
        if rule is None or not rule(part):
            wrong.append(f"{key}={part!r}")
    failures.extend(f"{what} {kind}: {one}" for one in wrong)


class Receiving:
    """`receive` as the specification lets it behave: what may follow what."""

    def __init__(self, kind, receive):
        self.kind, self.inner, self.is_over, self.is_gone = kind, receive, False, False

    async def __call__(self):
        message = await self.inner()
        kind = message["type"]
        if kind not in MESSAGES or not kind.startswith(self.kind):
            failures.append(f"a message {kind!r} in {self.kind}")
            return message
        hold("message", kind, message, *MESSAGES[kind])
        if kind == "http.request":
            if self.is_over or self.is_gone:
                failures.append("http.request after the last one")
            self.is_over = not message.get("more_body", False)
        if kind == "websocket.receive" and (message.get("text") is None) == (message.get("bytes") is None):
            failures.append(f"websocket.receive with both or neither: {message!r}")
        self.is_gone = self.is_gone or kind.endswith(".disconnect")
        return message


async def body_of(receive):
    length, check, more = 0, 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        piece, more = message.get("body", b""), message.get("more_body", False)
        length, check = length + len(piece), zlib.crc32(piece, check)
    return f"{length}-{check}"


def parts_of(kind):
    """Status, length if it is declared, and the pieces."""
    plain = {"list": (200, len(SMALL), [SMALL]), "parts": (200, None, [SMALL, b"", SMALL]),
             "write": (200, None, [LARGE[at : at + 50_000] for at in range(0, len(LARGE), 50_000)] + [SMALL]),
             "generator": (200, None, [LARGE[at : at + 7000] for at in range(0, len(LARGE), 7000)]),
             "empty": (200, 0, []), "204": (204, None, []), "304": (304, None, []), "late": (200, None, [SMALL])}
    return plain[kind]


async def answer(kind, method, said, send):
    status, length, parts = parts_of(kind)
    headers = [(b"x-body", said.encode()), (b"x-method", method.encode())]
    headers += [] if length is None else [(b"content-length", b"%d" % length)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for part in parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    if kind == "late":
        raise RuntimeError("on purpose, late")
    await send({"type": "http.response.body"})


async def http(scope, receive, send):
    global opened, closed
    opened += 1
    try:
        said = await body_of(receive)
        if said is not None:
            await answer(parse_qs(scope["query_string"].decode())["answer"][0], scope["method"], said, send)
            message = await asyncio.wait_for(receive(), 30)
            if message["type"] != "http.disconnect":
                failures.append(f"after the response came {message!r}")
    finally:
        closed += 1


async def websocket(receive, send):
    message = await receive()
    if message["type"] != "websocket.connect":
        failures.append(f"a websocket began with {message!r}")
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message.get("text"), "bytes": message.get("bytes")})


async def lifespan(scope, receive, send):
    scope["state"]["begun"] = True
    for _ in range(2):
        message = await receive()
        await send({"type": f"{message['type']}.complete"})


async def application(scope, receive, send):
    if scope["type"] not in SCOPES:
        failures.append(f"scope {scope['type']!r}")
        return
    hold("scope", scope["type"], scope, *SCOPES[scope["type"]])
    if scope["type"] != "lifespan" and scope.get("state") != {"begun": True}:
        failures.append(f"state of the lifespan: {scope.get('state')!r}")
    if scope.get("path") == "/--ledger":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps([opened, closed, failures]).encode()})
        return
    receive = Receiving(scope["type"], receive)
    if scope["type"] == "http":
        await http(scope, receive, send)
    elif scope["type"] == "websocket":
        await websocket(receive, send)
    else:
        await lifespan(scope, receive, send)
