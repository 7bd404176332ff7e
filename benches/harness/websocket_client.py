"""A websocket client for load, as a program: RFC 6455 by hand, one frame out and one frame back at a
time on each connection. Prints how many messages came back."""

import asyncio
import base64
import os
import sys

CONNECTIONS = 100
MESSAGE = b"m" * 64


class Client(asyncio.Protocol):
    """Sends one masked frame, waits until as many bytes came as its echo has, sends the next."""

    frame = bytes([0x82, 0x80 | len(MESSAGE)]) + bytes(4) + MESSAGE
    echo_bytes = 2 + len(MESSAGE)

    def __init__(self):
        self.received = b""
        self.is_open = False
        self.count = 0
        self.opened = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        key = base64.b64encode(os.urandom(16))
        transport.write(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + b"\r\n\r\n"
        )

    def data_received(self, data):
        self.received += data
        if not self.is_open:
            head, end, self.received = self.received.partition(b"\r\n\r\n")
            if not end:
                self.received = head
                return
            if b" 101 " not in head:
                return self.opened.set_exception(ConnectionError(head.decode("latin-1")))
            self.is_open = True
            self.opened.set_result(None)
        while len(self.received) >= self.echo_bytes:
            self.received = self.received[self.echo_bytes:]
            self.count += 1
            self.transport.write(self.frame)

    def begin(self):
        self.transport.write(self.frame)


async def main(port, seconds):
    loop = asyncio.get_running_loop()
    clients = [(await loop.create_connection(Client, "127.0.0.1", port))[1] for _ in range(CONNECTIONS)]
    await asyncio.gather(*(client.opened for client in clients))
    for client in clients:
        client.begin()
    await asyncio.sleep(seconds)
    counts = [client.count for client in clients]
    if not all(counts):
        raise ConnectionError(f"{counts.count(0)} connections got no echo")
    print(sum(counts))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
