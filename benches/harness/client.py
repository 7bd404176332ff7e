"""Clients: wrk for load, and single requests over plain sockets."""

import re
import socket
import subprocess

from .processes import CLIENT_CPU, cpu_seconds, pin

CONNECTIONS = 32


GIVEN_PORTS = set()


def free_port():
    """A port that nobody listens on, never the same twice in a run."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in GIVEN_PORTS:
            GIVEN_PORTS.add(port)
            return port


class Connection:
    """One HTTP/1.1 connection; an answer must declare its length."""

    def __init__(self, port, timeout=10):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self, is_last=False):
        """Status, body, and whether the server closes."""
        closing = b"Connection: close\r\n" if is_last else b""
        self.socket.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + closing + b"\r\n")
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.receive()
        head, _, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        while length and len(body) < int(length.group(1)):
            body += self.receive()
        is_closing = re.search(rb"(?i)\r\nconnection: *close", head) is not None
        return int(head.split(None, 2)[1]), body, is_closing

    def receive(self):
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionResetError("closed before the end of the answer")
        return piece

    def close(self):
        self.socket.close()


def answer(port, timeout=10):
    """The body of one good answer over a new connection, or None."""
    try:
        connection = Connection(port, timeout)
    except OSError:
        return None
    try:
        status, body, _ = connection.get(is_last=True)
        return body if status == 200 else None
    except (OSError, ValueError):
        return None
    finally:
        connection.close()


def wrk(port, seconds):
    """Requests done and requests a second, by kept connections."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", f"http://127.0.0.1:{port}/"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds + 30, check=True,
        preexec_fn=pin(CLIENT_CPU),
    ).stdout
    requests = int(re.search(r"(\d+) requests in", done).group(1))
    rate = float(re.search(r"Requests/sec: *([\d.]+)", done).group(1))
    if "Non-2xx" in done or "Socket errors" in done or requests == 0:
        raise RuntimeError(f"wrk was not answered well:\n{done}")
    return requests, rate


def load(root, port, seconds):
    """Requests per CPU second of the server, and requests per second."""
    wrk(port, 1)
    before = cpu_seconds(root)
    requests, rate = wrk(port, seconds)
    return requests / (cpu_seconds(root) - before), rate
