#!/usr/bin/env python3
"""Drives the real binary with what RFC 9113 forbids a client of HTTP/2, section by section.

Each case sends frames over a connection in the clear and tells what has to come of it: `goaway` with one of these
codes and the end of the connection, `reset` of the stream with one of them, a status, or that nothing
happens and the connection goes on. Where the RFC leaves the choice between an error of the stream and
one of the connection (section 5.4), either will do. The cases follow those of h2spec.

    tests/conformance/http2.py [--lictor target/debug/lictor] [--verbose]
"""

import argparse
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 1, 1, 4, 8, 32
NO_ERROR, PROTOCOL, INTERNAL, FLOW, TIMEOUT, CLOSED, SIZE, REFUSED, CANCEL, COMPRESSION, CONNECT, CALM = range(12)
LARGEST = 2**31 - 1

APP = """
def application(environ, start_response):
    size = len(environ["wsgi.input"].read())
    start_response("200 OK", [])
    return [b"x" * int(environ["QUERY_STRING"] or 5) + b"%d" % size]
"""


def frame(sort, flags, stream, load=b"", length=None):
    length = len(load) if length is None else length
    return struct.pack(">I", length)[1:] + struct.pack(">BBI", sort, flags, stream) + load


def field(name, value):
    """Literally, without a place in the table (RFC 7541 section 6.2.2)."""
    name, value = name.encode("latin-1"), value.encode("latin-1")
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def block(*more, method="GET", scheme="http", path="/", authority="a"):
    pseudo = {":method": method, ":scheme": scheme, ":path": path, ":authority": authority}
    fields = [(name, value) for name, value in pseudo.items() if value is not None]
    return b"".join(field(*pair) for pair in [*fields, *more])


def head(stream=1, flags=END_STREAM | END_HEADERS, load=None):
    return frame(HEADERS, flags, stream, block() if load is None else load)


def setting(number, value):
    return frame(SETTINGS, 0, 0, struct.pack(">HI", number, value))


def window(stream, more):
    return frame(WINDOW, 0, stream, struct.pack(">I", more))


def reset(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


OPEN = head(flags=END_HEADERS, load=block(method="POST"))
ping = frame(PING, 0, 0, b"12345678")

# What is sent after the preface and empty settings, and what has to come of it: codes of an error of
# the connection or of the stream, a status, or None where the connection just goes on.
ANY = "stream or connection"
CASES = {
    "3.4 settings may come at once": (b"", None),
    "4.1 an unknown frame is ignored": (frame(99, 0xFF, 0, b"abc"), None),
    "4.1 unknown flags are ignored": (frame(PING, 0xF0, 0, b"12345678"), None),
    "4.1 a reserved bit is ignored": (frame(PING, 0, 0x80000000, b"12345678"), None),
    "4.2 data larger than a frame may be": (OPEN + frame(DATA, 0, 1, b"x" * 16385), ("goaway", SIZE)),
    "4.2 a head larger than a frame may be": (frame(HEADERS, 5, 1, b"x" * 16385), ("goaway", SIZE)),
    "4.3 a head that cannot be decoded": (head(load=b"\xff\xff\xff\xff\xff\xff"), ("goaway", COMPRESSION)),
    "4.3 a place in the table that is not there": (head(load=b"\xc5"), ("goaway", COMPRESSION)),
    "4.3 a table that becomes too large": (head(load=b"\x3f\xe1\x7f" + block()), ("goaway", COMPRESSION)),
    "4.3 another frame within a head": (head(flags=END_STREAM) + ping, ("goaway", PROTOCOL)),
    "4.3 another stream's frame within a head": (
        head(flags=END_STREAM) + frame(CONTINUATION, END_HEADERS, 3, field("a", "b")), ("goaway", PROTOCOL)),
    "5.1 data of a stream that is not open": (frame(DATA, END_STREAM, 1, b"x"), ("goaway", PROTOCOL)),
    "5.1 a reset of a stream that is not open": (reset(1), ("goaway", PROTOCOL)),
    "5.1 a window of a stream that is not open": (window(1, 100), ("goaway", PROTOCOL)),
    "5.1 a continuation of nothing": (frame(CONTINUATION, END_HEADERS, 1, block()), ("goaway", PROTOCOL)),
    "5.1 data after the end of its stream": (
        head() + frame(DATA, END_STREAM, 1, b"x"), (ANY, CLOSED, PROTOCOL)),
    "5.1 a head after the end of its stream": (head() + head(), (ANY, CLOSED, PROTOCOL)),
    "5.1 a continuation after the end of its stream": (
        head() + frame(CONTINUATION, END_HEADERS, 1, block()), ("goaway", CLOSED, PROTOCOL)),
    "5.1 data after a reset": (
        OPEN + reset(1) + frame(DATA, END_STREAM, 1, b"x"), (ANY, CLOSED, PROTOCOL)),
    "5.1 a window after a reset": (OPEN + reset(1) + window(1, 1), None),
    "5.1 a priority of a closed stream": (head() + frame(PRIORITY, 0, 1, b"\0\0\0\0\x0f"), None),
    "5.1.1 an even stream": (head(2), ("goaway", PROTOCOL)),
    "5.1.1 a stream below the last one": (head(5) + head(3), ("goaway", PROTOCOL, CLOSED)),
    "5.1.1 stream 0": (head(0), ("goaway", PROTOCOL)),
    "5.5 an unknown frame within a head": (head(flags=END_STREAM) + frame(99, 0, 1), ("goaway", PROTOCOL)),
    "6.1 data on stream 0": (frame(DATA, 0, 0, b"x"), ("goaway", PROTOCOL)),
    "6.1 padding longer than the data": (OPEN + frame(DATA, PADDED, 1, b"\x06hello"), ("goaway", PROTOCOL)),
    "6.2 padding longer than the head": (
        frame(HEADERS, 5 | PADDED, 1, b"\xff" + block()), ("goaway", PROTOCOL)),
    "6.2 a padded head with a priority": (
        frame(HEADERS, 5 | PADDED | WITH_PRIORITY, 1, b"\2\0\0\0\0\x0f" + block() + b"\0\0"), 200),
    "6.3 a priority on stream 0": (frame(PRIORITY, 0, 0, b"\0\0\0\1\x0f"), ("goaway", PROTOCOL)),
    "6.3 a priority of another size": (frame(PRIORITY, 0, 1, b"\0\0\0\1"), (ANY, SIZE)),
    "6.4 a reset of stream 0": (reset(0), ("goaway", PROTOCOL)),
    "6.4 a reset of another size": (OPEN + frame(RST_STREAM, 0, 1, b"\0\0\0"), ("goaway", SIZE)),
    "6.5 an acknowledgement with a load": (frame(SETTINGS, ACK, 0, b"\0"), ("goaway", SIZE)),
    "6.5 settings of a stream": (frame(SETTINGS, 0, 1, b"\0\3\0\0\0\1"), ("goaway", PROTOCOL)),
    "6.5 settings of another size": (frame(SETTINGS, 0, 0, b"\0\3\0"), ("goaway", SIZE)),
    "6.5.2 ENABLE_PUSH of 2": (setting(2, 2), ("goaway", PROTOCOL)),
    "6.5.2 INITIAL_WINDOW_SIZE above the largest": (setting(4, 2**31), ("goaway", FLOW)),
    "6.5.2 MAX_FRAME_SIZE below the smallest": (setting(5, 16383), ("goaway", PROTOCOL)),
    "6.5.2 MAX_FRAME_SIZE above the largest": (setting(5, 2**24), ("goaway", PROTOCOL)),
    "6.5.2 an unknown setting": (setting(0xFF, 1), None),
    "6.6 a push from a client": (frame(PUSH, END_HEADERS, 1, b"\0\0\0\2" + block()), ("goaway", PROTOCOL)),
    "6.7 a ping of a stream": (frame(PING, 0, 1, b"12345678"), ("goaway", PROTOCOL)),
    "6.7 a ping of another size": (frame(PING, 0, 0, b"123456"), ("goaway", SIZE)),
    "6.7 an acknowledgement of no ping": (frame(PING, ACK, 0, b"12345678"), None),
    "6.8 a farewell of a stream": (frame(GOAWAY, 0, 1, b"\0" * 8), ("goaway", PROTOCOL)),
    "6.9 a window that grows by nothing": (window(0, 0), ("goaway", PROTOCOL)),
    "6.9 a stream's window that grows by nothing": (OPEN + window(1, 0), (ANY, PROTOCOL)),
    "6.9 a window of another size": (frame(WINDOW, 0, 0, b"\0\0\1"), ("goaway", SIZE)),
    "6.9.1 the connection's window overflows": (window(0, LARGEST) * 2, ("goaway", FLOW)),
    "6.9.1 a stream's window overflows": (OPEN + window(1, LARGEST) * 2, (ANY, FLOW)),
    "6.9.1 more data than the window has room for": (
        OPEN + frame(DATA, 0, 1, b"x" * 16384) * 5, (ANY, FLOW)),
    "6.9.2 settings make a window overflow": (
        setting(4, 100) + OPEN + window(1, LARGEST - 100) + setting(4, LARGEST), ("goaway", FLOW)),
    "6.10 a head in pieces": (
        head(flags=END_STREAM) + frame(CONTINUATION, 0, 1, field("a", "b"))
        + frame(CONTINUATION, END_HEADERS, 1, field("c", "d")), 200),
    "6.10 a continuation of stream 0": (
        head(flags=END_STREAM) + frame(CONTINUATION, END_HEADERS, 0, b""), ("goaway", PROTOCOL)),
    "6.10 a continuation after the end of a head": (
        OPEN + frame(CONTINUATION, END_HEADERS, 1, b""), ("goaway", PROTOCOL)),
    "8.1 a second head without an end": (OPEN + head(flags=END_HEADERS, load=field("a", "b")), (ANY, PROTOCOL)),
    "8.1 trailers": (OPEN + frame(DATA, 0, 1, b"abc") + head(load=field("a", "b")), 200),
    "8.1 trailers with a pseudo-field": (OPEN + head(load=field(":method", "GET")), (ANY, PROTOCOL)),
    "8.1.1 less data than content-length": (
        head(flags=END_HEADERS, load=block(("content-length", "5"), method="POST"))
        + frame(DATA, END_STREAM, 1, b"abc"), (ANY, PROTOCOL)),
    "8.1.1 more data than content-length": (
        head(flags=END_HEADERS, load=block(("content-length", "1"), method="POST"))
        + frame(DATA, END_STREAM, 1, b"abc"), (ANY, PROTOCOL)),
    "8.1.1 content-length without data": (
        head(load=block(("content-length", "5"), method="POST")), (ANY, PROTOCOL)),
    "8.1.1 content-length is no number": (
        head(flags=END_HEADERS, load=block(("content-length", "x"), method="POST")), (ANY, PROTOCOL)),
    "8.2.1 a name in capitals": (head(load=block(("X-Test", "ok"))), (ANY, PROTOCOL)),
    "8.2.1 a name with a space": (head(load=block(("x test", "ok"))), (ANY, PROTOCOL)),
    "8.2.1 an empty name": (head(load=block(("", "ok"))), (ANY, PROTOCOL)),
    "8.2.1 a value with a line break": (head(load=block(("x-test", "a\r\nb: c"))), (ANY, PROTOCOL)),
    "8.2.1 a value with a zero": (head(load=block(("x-test", "a\0b"))), (ANY, PROTOCOL)),
    "8.2.2 connection": (head(load=block(("connection", "keep-alive"))), (ANY, PROTOCOL)),
    "8.2.2 transfer-encoding": (
        head(load=block(("transfer-encoding", "chunked"))), (ANY, PROTOCOL)),
    "8.2.2 upgrade": (head(load=block(("upgrade", "websocket"))), (ANY, PROTOCOL)),
    "8.2.2 keep-alive": (head(load=block(("keep-alive", "1"))), (ANY, PROTOCOL)),
    "8.2.2 proxy-connection": (head(load=block(("proxy-connection", "close"))), (ANY, PROTOCOL)),
    "8.2.2 te: gzip": (head(load=block(("te", "gzip"))), (ANY, PROTOCOL)),
    "8.2.2 te: trailers": (head(load=block(("te", "trailers"))), 200),
    "8.3 an unknown pseudo-field": (head(load=block((":test", "ok"))), (ANY, PROTOCOL)),
    "8.3 a pseudo-field of an answer": (head(load=block((":status", "200"))), (ANY, PROTOCOL)),
    "8.3 a pseudo-field after others": (
        head(load=field("a", "b") + block()), (ANY, PROTOCOL)),
    "8.3.1 two methods": (head(load=field(":method", "GET") + block()), (ANY, PROTOCOL)),
    "8.3.1 two paths": (head(load=field(":path", "/b") + block()), (ANY, PROTOCOL)),
    "8.3.1 two schemes": (head(load=field(":scheme", "http") + block()), (ANY, PROTOCOL)),
    "8.3.1 two authorities": (head(load=field(":authority", "b") + block()), (ANY, PROTOCOL)),
    "8.3.1 no method": (head(load=block(method=None)), (ANY, PROTOCOL)),
    "8.3.1 no scheme": (head(load=block(scheme=None)), (ANY, PROTOCOL)),
    "8.3.1 no path": (head(load=block(path=None)), (ANY, PROTOCOL)),
    "8.3.1 an empty path": (head(load=block(path="")), (ANY, PROTOCOL)),
    "8.3.1 a path that is none": (head(load=block(path="a")), (ANY, PROTOCOL, 400)),
    "8.3.1 a fragment": (head(load=block(path="/a#b")), (ANY, PROTOCOL, 400)),
    "8.3.1 a path with a space": (head(load=block(path="/a b")), (ANY, PROTOCOL, 400)),
    "8.3.1 a star for GET": (head(load=block(path="*")), (ANY, PROTOCOL, 400)),
    "8.3.1 a star for OPTIONS": (head(load=block(method="OPTIONS", path="*")), 200),
    "8.3.1 an authority with a user": (head(load=block(authority="u@a")), (ANY, PROTOCOL, 400)),
    "8.3.1 host and authority differ": (head(load=block(("host", "b"))), 400),
    "8.3.1 host and authority agree": (head(load=block(("host", "A"))), 200),
    "8.3.1 host without authority": (head(load=block(("host", "b"), authority=None)), 200),
    "8.3.1 neither host nor authority": (head(load=block(authority=None)), 400),
    "8.3.1 two hosts": (head(load=block(("host", "a"), ("host", "a"))), 400),
    "8.4 a method that is no token": (head(load=block(method="G T")), (ANY, PROTOCOL, 400)),
    "8.5 CONNECT": (head(load=field(":method", "CONNECT") + field(":authority", "a:1")), (ANY, 501)),
    "8.5 CONNECT with a path": (head(load=block(method="CONNECT")), (ANY, PROTOCOL, 501)),
}


# Each case on which we and the RFC differ, with the reason. All of them are h2's, and none lets the client
# go on as if nothing had happened, or shows the app anything.
CODE_OF_H2 = "the connection ends, with PROTOCOL_ERROR rather than the code of its own (section 7)"
DIFFERENCES = {
    "4.3 a head that cannot be decoded": CODE_OF_H2,
    "4.3 a place in the table that is not there": CODE_OF_H2,
    "4.3 a table that becomes too large": CODE_OF_H2,
    "6.3 a priority of another size": CODE_OF_H2,
    "6.4 a reset of another size": CODE_OF_H2,
    "6.5 an acknowledgement with a load": CODE_OF_H2,
    "6.5 settings of another size": CODE_OF_H2,
    "6.5.2 INITIAL_WINDOW_SIZE above the largest": CODE_OF_H2,
    "6.7 a ping of another size": CODE_OF_H2,
    "6.9 a window of another size": CODE_OF_H2,
    "8.1 trailers with a pseudo-field": "trailers of a request are thrown away",
    "8.3.1 a fragment": "a fragment is cut off, and the request is the one for the rest",
}


class Client:
    """One connection, and what has come on it."""

    def __init__(self, address, first=frame(SETTINGS, 0, 0)):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(5)
        self.socket.connect(address)
        self.held = b""
        self.codes = {"goaway": set(), "reset": set()}
        self.statuses = []
        self.is_over = False
        self.sent = 0
        self.send(PREFACE + first)

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def take(self, count):
        while len(self.held) < count:
            try:
                piece = self.socket.recv(65536)
            except (ConnectionResetError, TimeoutError):
                piece = b""
            if not piece:
                self.is_over = True
                return None
            self.held += piece
        taken, self.held = self.held[:count], self.held[count:]
        return taken

    def receive(self):
        """The next frame; None at the end."""
        start = self.take(9)
        if start is None:
            return None
        length, sort, flags, stream = struct.unpack(">I", b"\0" + start[:3])[0], start[3], start[4], start[5:]
        load = self.take(length)
        if load is None:
            return None
        if sort == GOAWAY:
            self.codes["goaway"].add(struct.unpack(">I", load[4:8])[0])
        elif sort == RST_STREAM:
            self.codes["reset"].add(struct.unpack(">I", load)[0])
        elif sort == HEADERS:
            # The first field is the status: one of those in the static table, or literal digits.
            known = dict(zip(range(0x88, 0x8F), (200, 204, 206, 304, 400, 404, 500)))
            self.statuses.append(known.get(load[0]) or self.literal(load))
        elif sort == SETTINGS and not flags & ACK:
            self.send(frame(SETTINGS, ACK, 0))
        return sort, flags, struct.unpack(">I", stream)[0], load

    @staticmethod
    def literal(load):
        # `:status` by its place in the table, then the value, perhaps in Huffman's code, where digits
        # have five bits or six (RFC 7541 appendix B).
        raw = load[2:2 + (load[1] & 0x7F)]
        if not load[1] & 0x80:
            return int(raw)
        bits, said = "".join(f"{byte:08b}" for byte in raw), ""
        codes = {**{f"{code:05b}": str(code) for code in range(3)},
                 **{f"{0x19 + at:06b}": str(3 + at) for at in range(7)}}
        while len(said) < 3:
            length = 5 if bits[:5] in codes else 6
            said, bits = said + codes[bits[:length]], bits[length:]
        return int(said)

    def settle(self, status_wanted):
        """Until the connection is over, or a ping is answered and everything before it is."""
        mark = b"the last"
        self.send(frame(PING, 0, 0, mark))
        is_answered = False
        while not (is_answered and (self.statuses or self.codes["reset"] or not status_wanted)):
            got = self.receive()
            if got is None:
                return
            is_answered = is_answered or got[0] == PING and got[1] & ACK and got[3] == mark

    def told(self):
        parts = [f"{sort} {sorted(codes)}" for sort, codes in self.codes.items() if codes]
        parts += [f"status {status}" for status in self.statuses]
        return ", ".join(parts + ["over" if self.is_over else "open"])


def is_expected(client, expected):
    if expected is None:
        return not client.is_over and not any(client.codes.values())
    if isinstance(expected, int):
        return client.statuses == [expected] and not client.is_over
    sort, *codes = expected
    if client.codes["goaway"] & set(codes):
        return client.is_over
    if sort == "goaway":
        return False
    is_told = bool(client.codes["reset"] & set(codes)) or client.statuses[:1] == [codes[-1]]
    return is_told and not client.is_over


class Site:
    """One vassal under an emperor of its own, on a unix socket."""

    def __init__(self, lictor, directory):
        directory = pathlib.Path(directory)
        (directory / "app").mkdir()
        (directory / "vassals").mkdir()
        (directory / "app" / "counting.py").write_text(APP)
        self.address = str(directory / "site.sock")
        (directory / "vassals" / "site.toml").write_text(
            f'module = "counting:application"\nchdir = "{directory}/app"\nhttp = "{self.address}"\nhttp2 = "all"\n'
        )
        self.log = open(directory / "log", "w+")
        self.emperor = subprocess.Popen(
            [lictor, "emperor", directory / "vassals", "--run-dir", directory / "run"],
            stdout=self.log, stderr=self.log,
        )
        deadline = time.monotonic() + 60
        while True:
            try:
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(self.address)
                    client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                    if client.recv(100):
                        return
            except OSError:
                pass
            if time.monotonic() > deadline or self.emperor.poll() is not None:
                self.log.seek(0)
                sys.exit(f"the vassal does not answer:\n{self.log.read()}")
            time.sleep(0.05)

    def stop(self):
        self.emperor.terminate()
        self.emperor.wait(60)


def respects_windows(address):
    """Section 6.9: nothing is sent beyond the client's windows, and all of it as they open."""
    client = Client(address, setting(4, 7))
    client.send(head(load=block(path="/?1000")))
    # Whatever takes a frame of data opens the window again, or nothing more comes.
    size, is_ended = 0, False
    while not is_ended:
        got = client.receive()
        if got is None:
            return "the connection ended"
        if got[0] == DATA:
            if len(got[3]) > 7:
                return f"{len(got[3])} bytes of data for a window of 7"
            size += len(got[3])
            is_ended = bool(got[1] & END_STREAM)
            client.send(window(1, len(got[3])) if got[3] else b"")
    return None if size == 1001 else f"{size} bytes came"


def respects_streams(address):
    """Section 5.1.2: no more streams than were announced."""
    client = Client(address)
    for stream in range(1, 2 * 129 + 2, 2):
        client.send(head(stream, END_HEADERS, block(method="POST")))
    client.settle(False)
    return None if client.codes["reset"] == {REFUSED} else client.told()


def refuses_other_prefaces(address):
    """Section 3.4: a preface without settings, and one that is none."""
    client = Client(address, ping)
    client.settle(False)
    if not client.is_over:
        return f"without settings: {client.told()}"
    with socket.socket(socket.AF_UNIX) as other:
        other.settimeout(20)
        other.connect(address)
        other.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rx")
        said = b""
        while piece := other.recv(65536):
            said += piece
    return None if said.startswith(b"HTTP/1.1 505 ") else f"another preface: {said!r}"


def main():
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--lictor", default=ROOT / "target" / "debug" / "lictor")
    arguments.add_argument("--verbose", action="store_true", help="tell every case")
    said = arguments.parse_args()
    wrong, different = [], 0
    scenes = [respects_windows, respects_streams, refuses_other_prefaces]
    with tempfile.TemporaryDirectory(prefix="lictor-conformance-") as directory:
        site = Site(said.lictor, directory)
        try:
            for name, (frames, expected) in CASES.items():
                client = Client(site.address)
                client.send(frames)
                client.settle(expected is not None)
                is_right, reason = is_expected(client, expected), DIFFERENCES.get(name)
                if is_right and reason:
                    wrong.append(f"{name} differs no more: {reason}")
                elif not is_right and reason and (client.codes["goaway"] == {PROTOCOL} or reason != CODE_OF_H2):
                    different += 1
                    print(f"differs: {name}: {client.told()}\n  because {reason}")
                elif not is_right:
                    wrong.append(f"{name}: {client.told()}, not {expected}")
                elif said.verbose:
                    print(f"as it should be: {name}: {client.told()}")
                client.socket.close()
            for scene in scenes:
                if complaint := scene(site.address):
                    wrong.append(f"{scene.__doc__} {complaint}")
        finally:
            site.stop()
    total = len(CASES) + len(scenes)
    print(f"{total - different - len(wrong)} of {total} as RFC 9113 wants it")
    if wrong:
        sys.exit("otherwise:\n" + "\n".join(wrong))


if __name__ == "__main__":
    main()
