"""Echoes through `websockets` and `wsproto` with every set of parameters of permessage-deflate.

Run by `websocket_families.py`, in a virtual environment that has both.
"""

import asyncio
import itertools
import random
import socket
import sys
from collections.abc import Iterator

from websockets.asyncio.client import connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Message, Request
from wsproto.extensions import PerMessageDeflate

SIZES = (0, 1, 16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072, 1 << 20)


def parameters() -> Iterator[dict[str, object]]:
    """Autobahn's 13.1 to 13.7, and those between."""
    yes_no, bits = (False, True), (None, 9, 10, 12, 15)
    for server_forgets, client_forgets, server_bits, client_bits in itertools.product(yes_no, yes_no, bits, bits):
        yield {"server_no_context_takeover": server_forgets, "client_no_context_takeover": client_forgets,
               "server_max_window_bits": server_bits, "client_max_window_bits": client_bits or True}


def bodies(seed: int) -> Iterator[str | bytes]:
    """Text that compresses, bytes that do not."""
    chance = random.Random(seed)
    for size in SIZES:
        yield ("word %d κ " % chance.randrange(100) * (size // 9 + 1))[:size]
        yield chance.randbytes(size)


async def echo(url: str, wanted: dict[str, object], seed: int) -> None:
    """Each message comes back as it was; what was agreed is what was asked for."""
    factory = ClientPerMessageDeflateFactory(**wanted)
    async with connect(url, extensions=[factory], compression=None, max_size=None, max_queue=None) as client:
        agreed = client.response.headers.get("Sec-WebSocket-Extensions", "")
        assert agreed.startswith("permessage-deflate"), (wanted, agreed)
        if wanted["server_no_context_takeover"]:
            assert "server_no_context_takeover" in agreed, (wanted, agreed)
        if wanted["server_max_window_bits"] not in (None, 15):
            bits = wanted["server_max_window_bits"]
            assert f"server_max_window_bits={bits}" in agreed.replace('"', ""), (wanted, agreed)
        for body in bodies(seed):
            await client.send(body)
            assert await client.recv() == body, (wanted, len(body))
        # In fragments, the compressed message spread over them.
        await client.send(["frag", "ments ", "", "κ" * 1000])
        assert await client.recv() == "fragments " + "κ" * 1000


def through_wsproto(url: str, forgets: bool) -> None:
    """Another implementation, with messages in odd parts."""
    host, port = url.removeprefix("ws://").rstrip("/").split(":")
    machine = WSConnection(ConnectionType.CLIENT)
    with socket.create_connection((host, int(port)), 60) as stream:
        offer = PerMessageDeflate(client_no_context_takeover=forgets, server_no_context_takeover=forgets)
        stream.sendall(machine.send(Request(host=host, target="/", extensions=[offer])))
        waiting: list[object] = []

        def following() -> object:
            while not waiting:
                machine.receive_data(stream.recv(65536) or None)
                waiting.extend(machine.events())
            return waiting.pop(0)

        accepted = following()
        assert isinstance(accepted, AcceptConnection) and accepted.extensions, accepted
        for number in range(60):
            whole = random.Random(number).randbytes(number) * number
            parts = [whole[at : at + 333] for at in range(0, len(whole), 333)] or [b""]
            for at, part in enumerate(parts):
                stream.sendall(machine.send(BytesMessage(part, message_finished=at == len(parts) - 1)))
            back, is_whole = b"", False
            while not is_whole:
                event = following()
                assert isinstance(event, Message), event
                back, is_whole = back + bytes(event.data), event.message_finished
            assert back == whole, number
        stream.sendall(machine.send(CloseConnection(4321, "κ")))
        closed = following()
        assert isinstance(closed, CloseConnection) and closed.code == 4321, closed


async def main() -> None:
    count = 0
    for count, wanted in enumerate(parameters(), 1):
        await echo(sys.argv[1], wanted, count)
    through_wsproto(sys.argv[1], False)
    through_wsproto(sys.argv[1], True)
    print(f"deflate: {count} sets of parameters and {count * len(SIZES) * 2} messages came back as they were sent")


asyncio.run(main())
