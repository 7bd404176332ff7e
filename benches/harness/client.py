"""Clients: wrk and h2load for load, and single requests over plain sockets."""

import re
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor

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


def ask(port, requests, connections):
    """So many requests in all, over kept connections that are open at the same time as far as the server
    takes them."""
    def one(share):
        connection = Connection(port)
        try:
            for number in range(share):
                status, _, is_closing = connection.get(is_last=number == share - 1)
                if status != 200:
                    raise RuntimeError(f"status {status}")
                if is_closing and number < share - 1:
                    connection.close()
                    connection = Connection(port)
        finally:
            connection.close()
    with ThreadPoolExecutor(connections) as pool:
        try:
            list(pool.map(one, [requests // connections] * connections))
        except OSError as error:
            raise RuntimeError(f"not answered well: {error}") from error


def wrk(port, seconds, connections=CONNECTIONS, script=None):
    """Requests done, requests a second and the 99th percentile in seconds, by kept connections."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", f"http://127.0.0.1:{port}/"]
    command[1:1] = ["-s", script] if script else []
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds + 30, check=True,
        preexec_fn=pin(CLIENT_CPU),
    ).stdout
    requests = int(re.search(r"(\d+) requests in", done).group(1))
    rate = float(re.search(r"Requests/sec: *([\d.]+)", done).group(1))
    number, unit = re.search(r"99% +([\d.]+)(us|ms|s)", done).groups()
    slow = float(number) * {"us": 1e-6, "ms": 1e-3, "s": 1}[unit]
    if "Non-2xx" in done or "Socket errors" in done or requests == 0:
        raise RuntimeError(f"wrk was not answered well:\n{done}")
    return requests, rate, slow


def h2load(url, *options, seconds=0):
    """How many requests were answered well, by HTTP/2; none may have failed."""
    done = subprocess.run(
        ["h2load", *options, url], capture_output=True, text=True, timeout=seconds + 30, preexec_fn=pin(CLIENT_CPU),
    )
    found = re.search(r"(\d+) succeeded, (\d+) failed", done.stdout)
    good, bad = map(int, found.groups()) if found else (0, 0)
    if done.returncode or bad or not good:
        raise RuntimeError(f"h2load was not answered well:\n{done.stdout}{done.stderr}")
    return good


def per_cpu_second(root, work):
    """What `work` gives (a count and a rate), the count by CPU seconds of the server."""
    before = cpu_seconds(root)
    count, rate = work()
    return count / (cpu_seconds(root) - before), rate


def load_by_wrk(server, seconds, **how):
    """Requests per CPU second of the server, and requests per second."""
    return per_cpu_second(server.pid, lambda: wrk(server.place.port, seconds, **how)[:2])


def load_by_h2load(server, seconds):
    """The same by HTTP/2: eight connections of eight streams."""
    def work():
        good = h2load(server.place.url, "-c8", "-m8", "-t1", f"-D{seconds}", seconds=seconds)
        return good, good / seconds
    return per_cpu_second(server.pid, work)
