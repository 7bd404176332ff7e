"""A websocket client that can break every rule: frames by hand over a raw socket."""

import contextlib
import os
import socket
import struct

from harness import ANSWER_SECONDS

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> bytes:
    """As a client sends it: masked, its length in the shortest way."""
    first = fin << 7 | rsv << 4 | opcode
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", first, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, size)
    mask = os.urandom(4)
    stream = (mask * (size // 4 + 1))[:size]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")).to_bytes(size, "big")
    return head + mask + masked


def in_fragments(opcode: int, payload: bytes, size: int, *, ping: bool = False) -> bytes:
    """One message in frames of that size, with a ping between them."""
    pieces = [payload[at : at + size] for at in range(0, len(payload), size)] or [b""]
    sent = []
    for at, piece in enumerate(pieces):
        sent.append(frame(CONT if at else opcode, piece, fin=at == len(pieces) - 1))
        if ping and at < len(pieces) - 1:
            sent.append(frame(PING, b"?"))
    return b"".join(sent)


class Client:
    """One websocket, open."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, ANSWER_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.held = b""
        self.socket.sendall(HANDSHAKE)
        while b"\r\n\r\n" not in self.held:
            self.held += self.socket.recv(4096)
        head, _, self.held = self.held.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes, chop: int = 0) -> None:
        """All at once, or in pieces that each become a packet; whoever refuses may be gone meanwhile."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for at in range(0, len(data), chop or len(data) or 1):
                self.socket.sendall(data[at : at + (chop or len(data))])

    def take(self, count: int) -> bytes | None:
        while len(self.held) < count:
            try:
                piece = self.socket.recv(1 << 20)
            except ConnectionResetError:
                piece = b""
            if not piece:
                return None
            self.held += piece
        taken, self.held = self.held[:count], self.held[count:]
        return taken

    def next(self) -> tuple[int, bytes] | None:
        """The first byte of a frame and its payload; None at the end of the connection."""
        head = self.take(2)
        if head is None:
            return None
        size = head[1]
        assert size < 128, "a server's frame is not masked"
        if size > 125:
            size = int.from_bytes(self.take(2 if size == 126 else 8) or b"", "big")
        payload = self.take(size)
        return None if payload is None else (head[0], payload)

    def to_the_end(self) -> list[tuple[int, bytes]]:
        """All frames until the server closes the connection."""
        frames = []
        while (got := self.next()) is not None:
            frames.append(got)
        return frames
