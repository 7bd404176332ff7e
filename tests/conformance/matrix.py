#!/usr/bin/env python3
"""Holds both interfaces against their specifications over a matrix of requests and answers.

    tests/conformance/matrix.py [--lictor target/debug/lictor]

Methods × bodies × answers × HTTP/1.0 and 1.1, each on a connection of its own and on a kept one; under
`wsgiref.validate` for WSGI and under `apps/asgi_checked.py` for ASGI; with a Python that is embedded
and with one that is executed, where both are on the machine.
"""

import contextlib
import glob
import http.client
import itertools
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator

from harness import ANSWER_SECONDS, Emperor, Verdicts, exchange, lictor, virtualenv

APPS = pathlib.Path(__file__).resolve().parent / "apps"
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND")
SMALL, LARGE = b"answer", b"0123456789abcdef" * 16384
LONG_BODY = bytes(range(256)) * 700
BODIES = ("none", "empty", "length", "long", "chunked", "chunked-long", "short", "short-long")
ANSWERS = {
    "list": (200, SMALL), "parts": (200, SMALL * 2), "generator": (200, LARGE), "write": (200, LARGE + SMALL),
    "empty": (200, b""), "204": (204, b""), "304": (304, b""), "file": (200, LARGE), "exc_info": (500, SMALL),
    "late": (200, None),
}
ONLY_WSGI = ("file", "exc_info")
PATH = "import os, sys; print(os.path.realpath(sys.executable))"


def pythons() -> dict[str, str]:
    """One Python of each build: those that are linked to a libpython are embedded by Lictor."""
    found: dict[str, str] = {}
    for python in ["/usr/bin/python3", sys.executable, *glob.glob(os.path.expanduser("~/.pyenv/versions/*/bin/python"))]:
        done = subprocess.run([python, "-c", PATH], capture_output=True, text=True)
        if done.returncode == 0:
            linked = subprocess.run(["ldd", done.stdout.strip()], capture_output=True, text=True).stdout
            found.setdefault("embedded" if "libpython" in linked else "executed", python)
    return found


def chunked(body: bytes) -> bytes:
    pieces = [body[at : at + 5000] for at in range(0, len(body), 5000)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def body_bytes(kind: str) -> tuple[bytes, bytes, bytes | None]:
    """Fields, what is sent, and what the app has to read; None if it must not get all of it."""
    whole = {"none": b"", "empty": b"", "length": b"a=b", "chunked": b"a=b"}.get(kind, LONG_BODY)
    if kind == "none":
        return b"", b"", b""
    if kind.startswith("chunked"):
        return b"Transfer-Encoding: chunked\r\n", chunked(whole), whole
    if kind == "short":
        return b"Content-Length: 10\r\n", b"abc", None
    field = b"Content-Length: %d\r\n" % len(whole)
    return field, whole[:100_000] if kind == "short-long" else whole, None if kind == "short-long" else whole


def cases(answers: list[str]) -> Iterator[tuple[str, str, str, str]]:
    for method, body, answer, version in itertools.product(METHODS, BODIES, answers, ("1.0", "1.1")):
        if version == "1.1" or not body.startswith("chunked"):
            yield method, body, answer, version


def request_of(method: str, fields: bytes, sent: bytes, answer: str, version: str) -> bytes:
    line = f"{method} /?answer={answer} HTTP/{version}\r\nHost: a\r\n".encode()
    return line + fields + b"\r\n" + sent


def read(client: socket.socket, method: str) -> tuple[int, dict[str, str], bytes | None]:
    """Status, fields and body of one response; no body if it was cut off."""
    response = http.client.HTTPResponse(client, method=method)
    response.begin()
    fields = {name.lower(): value for name, value in response.getheaders()}
    try:
        return response.status, fields, response.read()
    except (http.client.IncompleteRead, ConnectionResetError):
        return response.status, fields, None


def one(address: tuple[str, int], case: tuple[str, str, str, str], kept: list[socket.socket]) -> str | None:
    """What is wrong with the answer to one case."""
    method, body, answer, version = case
    fields, sent, expected = body_bytes(body)
    is_plain = version == "1.1" and expected is not None and answer != "late"
    client = kept.pop() if is_plain and kept else socket.create_connection(address, ANSWER_SECONDS)
    client.sendall(request_of(method, fields, sent, answer, version))
    if expected is None:
        client.shutdown(socket.SHUT_WR)
        with contextlib.closing(client), contextlib.suppress(ConnectionResetError):
            rest = client.recv(100)
            return None if not rest or rest[9:12] in (b"400", b"500") else f"an unfinished body was answered: {rest!r}"
        return None
    try:
        status, seen, got = read(client, method)
    except (http.client.HTTPException, OSError) as error:
        client.close()
        return f"no answer: {error!r}"
    if is_plain and "close" not in seen.get("connection", ""):
        kept.append(client)
    else:
        client.close()
    return judge(case, (status, seen, got), expected)


def judge(case: tuple[str, str, str, str], answer: tuple[int, dict[str, str], bytes | None], sent: bytes) -> str | None:
    method, _, kind, version = case
    status, seen, got = answer
    wanted_status, wanted = ANSWERS[kind]
    if status != wanted_status:
        return f"status {status}"
    if seen.get("x-body") != f"{len(sent)}-{zlib.crc32(sent)}" or seen.get("x-method") != method:
        return f"the app read something else: {seen}"
    if method == "HEAD" or status in (204, 304):
        return None if got == b"" and "transfer-encoding" not in seen else f"a body or its framing: {seen}"
    if wanted is None:
        # In HTTP/1.0 the end of the connection ends the body, so a cut cannot be seen.
        return None if got is None or version == "1.0" else "an answer that broke looks whole"
    return None if got == wanted else f"{len(got or b'')} bytes instead of {len(wanted)}"


def ledger(address: tuple[str, int]) -> tuple[int, int, list[str]]:
    told = exchange(address, b"GET /--ledger HTTP/1.0\r\n\r\n")
    opened, closed, failures = json.loads(told.partition(b"\r\n\r\n")[2])
    return opened, closed, failures


def run(name: str, address: tuple[str, int], verdicts: Verdicts) -> None:
    answers = [answer for answer in ANSWERS if name.startswith("wsgi") or answer not in ONLY_WSGI]
    kept: list[socket.socket] = []
    for case in cases(answers):
        wrong = one(address, case, kept)
        verdicts.check(wrong is None, f"{name} {' '.join(case)}: {wrong}")
    for client in kept:
        client.close()
    until = time.monotonic() + ANSWER_SECONDS
    while (books := ledger(address))[0] != books[1] and time.monotonic() < until:
        time.sleep(0.05)
    opened, closed, failures = books
    verdicts.check(opened == closed, f"{name}: {opened} answers were begun and {closed} closed")
    verdicts.check(opened > 100, f"{name}: only {opened} answers were begun")
    verdicts.check(not failures, f"{name}: the validator says:\n  " + "\n  ".join(failures[:20]))


def main() -> None:
    verdicts = Verdicts()
    with Emperor(lictor()) as emperor:
        for kind, python in pythons().items():
            for interface in ("wsgi", "asgi"):
                text = f'module = "app:application"\nhttp = "127.0.0.1:0"\nvirtualenv = "{virtualenv([], python)}"'
                emperor.add(f"{interface}-{kind}", text, (APPS / f"{interface}_checked.py").read_text())
        shown = emperor.ready()
        print("matrix: on", ", ".join(f"{name} (Python {vassal['python']})" for name, vassal in shown.items()))
        for name in shown:
            run(name, emperor.address(name, shown), verdicts)
        if verdicts.wrong:
            print(emperor.log_text()[-4000:])
    verdicts.end("matrix", 1500)


if __name__ == "__main__":
    main()
