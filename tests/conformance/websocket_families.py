#!/usr/bin/env python3
"""Websockets by the families of cases that Autobahn's suite made known.

    tests/conformance/websocket_families.py [--lictor target/debug/lictor]

Each family is a table of what is sent and what has to come back, over a raw socket, against an app
that holds every message against the ASGI specification and against FastAPI's own route. Then the
client library `websockets` negotiates compression in every way it can (`deflate_client.py`).
"""

import dataclasses
import functools
import pathlib
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator

from frames import BINARY, CLOSE, CONT, PING, PONG, TEXT, Client, frame, in_fragments
from harness import Emperor, Verdicts, lictor, virtualenv
from matrix import ledger

HERE = pathlib.Path(__file__).resolve().parent
FASTAPI = ["fastapi==0.115.12"]
CLIENTS = ["websockets==15.0.1", "wsproto==1.2.0"]
END = frame(CLOSE, struct.pack("!H", 1000))
Frame = tuple[int, bytes]


@dataclasses.dataclass(frozen=True)
class Case:
    """What is sent and awaited, then what ends it and with which frame it is answered."""

    name: str
    sent: bytes
    back: list[Frame]
    last: bytes = END
    told: bytes = struct.pack("!H", 1000)
    # Packets of this size; 0 is at once.
    chop: int = 0


def good(name: str, sent: bytes, back: list[Frame], chop: int = 0) -> Case:
    return Case(name, sent, back, chop=chop)


def bad(name: str, sent: bytes, code: int, before: Frame | None = None, chop: int = 0) -> Case:
    """Nothing behind what is wrong may be answered."""
    begun = frame(before[0] & 15, before[1]) if before else b""
    told = struct.pack("!H", code)
    return Case(name, begun, [before] if before else [], sent + frame(TEXT, b"unheard"), told, chop)


def last(name: str, sent: bytes, told: bytes) -> Case:
    """What ends the connection at once."""
    return Case(name, b"", [], sent, told)


def framing() -> Iterator[Case]:
    """1 and 9, 10: messages of every size, and how they are cut."""
    for opcode in (TEXT, BINARY):
        for size in (0, 1, 125, 126, 127, 128, 65535, 65536):
            for chop in (0, 997):
                body = b"*" * size if opcode == TEXT else bytes(at % 256 for at in range(size))
                yield good(f"1 {opcode} {size} {chop}", frame(opcode, body), [(0x80 | opcode, body)], chop)
        for size in (1 << 18, 1 << 20, 4 << 20, 16 << 20):
            body = b"ab" * (size // 2)
            yield good(f"9 {opcode} {size}", frame(opcode, body), [(0x80 | opcode, body)])
        for piece in (64, 256, 1300, 65536, 1 << 20):
            body = b"xyz?" * (1 << 18 if piece > 64 else 1 << 15)
            yield good(f"9.3 {opcode} {piece}", in_fragments(opcode, body, piece), [(0x80 | opcode, body)])
        yield bad(f"9 {opcode} too large", frame(opcode, b"x" * ((16 << 20) + 1)), 1009)
    yield good("10 auto-fragment", in_fragments(TEXT, b"*" * 65536, 1300), [(0x81, b"*" * 65536)])
    yield good("1 one byte a packet", frame(TEXT, b"hello") * 2, [(0x81, b"hello")] * 2, 1)


def pings() -> Iterator[Case]:
    """2: pings and pongs."""
    for body in (b"", b"hello", b"\x00\xff\xfe\xfd", b"\xfe" * 125):
        for chop in (0, 1):
            yield good(f"2 ping {len(body)} {chop}", frame(PING, body), [(0x8A, body)], chop)
    yield bad("2 ping of 126", frame(PING, b"\xfe" * 126), 1002)
    yield bad("2 pong of 126", frame(PONG, b"\xfe" * 126), 1002)
    yield good("2 unasked pong", frame(PONG, b"unasked") + frame(PING, b"a"), [(0x8A, b"a")])
    many = [b"payload-%d" % number for number in range(10)]
    for chop in (0, 1):
        sent = b"".join(frame(PING, body) for body in many)
        yield good(f"2 ten pings {chop}", sent, [(0x8A, body) for body in many], chop)


def reserved() -> Iterator[Case]:
    """3 and 4: bits and opcodes that mean nothing."""
    before = (0x81, b"before")
    for rsv in range(1, 8):
        for opcode in (CONT, TEXT, BINARY, CLOSE, PING, PONG):
            for chop in (0, 1):
                sent = frame(opcode, b"hi", rsv=rsv)
                yield bad(f"3 rsv {rsv} opcode {opcode} {chop}", sent, 1002, before, chop)
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        for body in (b"", b"body"):
            yield bad(f"4 opcode {opcode} {len(body)}", frame(opcode, body), 1002, before)


def fragmentation() -> Iterator[Case]:
    """5: messages in parts, and what may not be between them."""
    first, second = frame(TEXT, b"one", fin=False), frame(CONT, b"two")
    for chop in (0, 1):
        yield good(f"5 two parts {chop}", first + second, [(0x81, b"onetwo")], chop)
        yield good(f"5 ping between {chop}", first + frame(PING, b"p") + second, [(0x8A, b"p"), (0x81, b"onetwo")], chop)
        yield bad(f"5 ping in parts {chop}", frame(PING, b"a", fin=False) + frame(CONT, b"b"), 1002, chop=chop)
        yield bad(f"5 pong in parts {chop}", frame(PONG, b"a", fin=False) + frame(CONT, b"b"), 1002, chop=chop)
        yield bad(f"5 text within text {chop}", first + frame(TEXT, b"new"), 1002, chop=chop)
        yield bad(f"5 binary within text {chop}", first + frame(BINARY, b"new"), 1002, chop=chop)
        yield bad(f"5 no beginning {chop}", frame(CONT, b"x"), 1002, chop=chop)
        yield bad(f"5 no beginning, not final {chop}", frame(CONT, b"x", fin=False), 1002, chop=chop)
        yield bad(f"5 a second end {chop}", second, 1002, (0x81, b"onetwo"), chop)
        yield bad(f"5 close in parts {chop}", frame(CLOSE, b"\x03\xe8", fin=False), 1002, chop=chop)
    yield good("5 empty parts", frame(TEXT, fin=False) + frame(CONT, fin=False) + frame(CONT), [(0x81, b"")])
    yield good("5 empty around", frame(TEXT, fin=False) + frame(CONT, b"m", fin=False) + frame(CONT), [(0x81, b"m")])
    pongs = [(0x8A, b"?")] * 9
    yield good("5 a ping after each", in_fragments(BINARY, b"x" * 10, 1, ping=True), [*pongs, (0x82, b"x" * 10)])


WRONG_BYTES = (b"\x80", b"\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xed\xa0\x80",
               b"\xed\xbf\xbf", b"\xf0\x80\x80\x80", b"\xf4\x90\x80\x80", b"\xf5", b"\xf8\x88\x80\x80\x80", b"\xfe",
               b"\xff", b"\xce ", b"\xe1\xbd ", b"\xf0\x9f\xa6 ")
RIGHT = ("", "κόσμε", "\x00", "\x7f\x80", "\u07ff\u0800", "\ud7ff\ue000", "\ufffe\uffff", "\U00010000\U0010ffff", "\ufeff")


def utf8() -> Iterator[Case]:
    """6: text, right and wrong, with the wrong bytes at every position and every cut."""
    for text in RIGHT:
        body = text.encode()
        for cut in range(1, len(body) + 1):
            yield good(f"6 {text!a} in {cut}", in_fragments(TEXT, body, cut), [(0x81, body)])
        yield good(f"6 {text!a} chopped", frame(TEXT, body), [(0x81, body)], 1)
    around = "aκ€🦀z".encode()
    places = [0, 1, 3, 6, 10, 11]
    for wrong in WRONG_BYTES:
        for at in places:
            body = around[:at] + wrong + around[at:]
            yield bad(f"6 {wrong.hex()} at {at}", frame(TEXT, body), 1007)
        yield bad(f"6 {wrong.hex()} in parts", in_fragments(TEXT, around + wrong + around, 1), 1007)
        # Said at once, although the message goes on.
        yield last(f"6 {wrong.hex()} told early", frame(TEXT, around + wrong, fin=False), b"\x03\xef")
    for tail in (b"\xce", b"\xe1\xbd", b"\xf0\x9f\xa6"):
        yield bad(f"6 ends within {tail.hex()}", frame(TEXT, around + tail), 1007)
        yield bad(f"6 ends within {tail.hex()}, in parts", in_fragments(TEXT, around + tail, 1), 1007)
    for byte in range(256):
        body = bytes([byte])
        is_text = byte < 0x80
        if is_text:
            yield good(f"6 byte {byte}", frame(TEXT, body), [(0x81, body)])
        else:
            yield bad(f"6 byte {byte}", frame(TEXT, body), 1007)
        yield good(f"6 byte {byte} binary", frame(BINARY, body), [(0x82, body)])


def closing() -> Iterator[Case]:
    """7: every code, reasons, and what comes after."""
    valid = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999}
    for code in sorted(valid | {0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535}):
        body = struct.pack("!H", code)
        for reason in (b"", b"why", b"*" * 123):
            told = body if code in valid else b"\x03\xea"
            yield last(f"7 code {code} {len(reason)}", frame(CLOSE, body + reason), told)
    yield last("7 no code", frame(CLOSE), b"")
    yield last("7 one byte", frame(CLOSE, b"\x03"), b"\x03\xea")
    yield last("7 124 bytes of reason", frame(CLOSE, b"\x03\xe8" + b"*" * 124), b"\x03\xea")
    for wrong in WRONG_BYTES:
        # What breaks off is not wrong at its last byte, but there is no more to come.
        yield last(f"7 reason {wrong.hex()}", frame(CLOSE, b"\x03\xe8" + wrong), b"\x03\xef")
    for name, after in (("ping", frame(PING)), ("text", frame(TEXT, b"x")), ("close", END), ("noise", b"\xff" * 99)):
        yield last(f"7 {name} after close", END + after, b"\x03\xe8")
    yield last("7 close within a message", frame(TEXT, b"begun", fin=False) + END, b"\x03\xe8")


FAMILIES: list[Callable[[], Iterator[Case]]] = [framing, pings, reserved, fragmentation, utf8, closing]


def split(got: list[Frame]) -> tuple[list[Frame], list[Frame]]:
    """Messages and pongs, which may overtake messages."""
    return [one for one in got if one[0] != 0x8A], [one for one in got if one[0] == 0x8A]


def play(address: tuple[str, int], case: Case) -> str | None:
    """What came of a case that should not have."""
    with Client(address) as client:
        client.send(case.sent, case.chop)
        got = [client.next() for _ in case.back]
        if None in got or split([one for one in got if one]) != split(case.back):
            return f"came back: {[one and (one[0], one[1][:30]) for one in got]}"
        client.send(case.last, case.chop)
        end = client.to_the_end()
    # A close frame of ours may have a reason behind its code.
    is_right = len(end) == 1 and end[0][0] == 0x88 and end[0][1][:2] == case.told
    return None if is_right else f"ended with {[(first, body[:30]) for first, body in end]}"


def run(name: str, address: tuple[str, int], verdicts: Verdicts) -> None:
    for family in FAMILIES:
        for case in family():
            wrong = play(address, case)
            verdicts.check(wrong is None, f"{name}: {case.name}: {wrong}")
    for race in range(50):
        with Client(address) as client:
            # The end of the connection meets messages, pings and a close in all orders.
            sent = [frame(TEXT, b"x" * race * 100), frame(PING), END]
            client.send(b"".join(sent[race % 3 :] + sent[: race % 3]))
            if race % 2:
                client.socket.shutdown(socket.SHUT_WR)
            got = client.to_the_end()
            verdicts.check(bool(got) and got[-1] == (0x88, b"\x03\xe8"), f"{name}: race {race}: {got[-1:]}")


def deflate(address: tuple[str, int], verdicts: Verdicts) -> None:
    """12 and 13: compression, in every way that a client may ask for it."""
    python = virtualenv(CLIENTS) / "bin" / "python"
    url = f"ws://{address[0]}:{address[1]}/"
    done = subprocess.run([python, HERE / "deflate_client.py", url], capture_output=True, text=True)
    sys.stdout.write(done.stdout)
    verdicts.check(done.returncode == 0, f"12 and 13: {done.stderr[-2000:]}")


def main() -> None:
    verdicts = Verdicts()
    with Emperor(lictor()) as emperor:
        line = functools.partial('module = "app:application"\nhttp = "127.0.0.1:0"\nvirtualenv = "{}"'.format)
        emperor.add("checked", line(virtualenv([])), (HERE / "apps" / "asgi_checked.py").read_text())
        emperor.add("fastapi", line(virtualenv(FASTAPI)), (HERE / "apps" / "fastapi_echo.py").read_text())
        shown = emperor.ready()
        for name in ("checked", "fastapi"):
            address = emperor.address(name, shown)
            run(name, address, verdicts)
            deflate(address, verdicts)
        failures = ledger(emperor.address("checked", shown))[2]
        verdicts.check(not failures, "the messages are not as ASGI wants them:\n  " + "\n  ".join(failures[:20]))
        if verdicts.wrong:
            print(emperor.log_text()[-2000:])
    verdicts.end("websockets", 1500)


if __name__ == "__main__":
    main()
