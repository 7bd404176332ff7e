#!/usr/bin/env python3
"""curl against a worker, and curl and raw clients through a real nginx in front of it.

    tests/conformance/proxies.py [--lictor target/debug/lictor]

nginx keeps its connections, over TCP and over a unix socket, with its buffers on and off. Bodies of
100 MB up and down, uploads that break off, clients that read slowly or go away, many small requests
over kept connections. curl resumes, asks for ranges, compresses, uploads in chunks and with `Expect`.
"""

import concurrent.futures
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Callable

from harness import ANSWER_SECONDS, Emperor, Verdicts, exchange, lictor

APPS = pathlib.Path(__file__).resolve().parent / "apps"
PIECE = bytes(range(256)) * 256
BIG = 100 * 1024 * 1024
ODD = 1_234_567
NGINX = """
{user}daemon off; worker_processes 1; pid {place}/pid; error_log {place}/error.log info;
events {{ worker_connections 512; }}
http {{
    access_log off; client_max_body_size 0;
    client_body_temp_path {place}/t1; proxy_temp_path {place}/t2; fastcgi_temp_path {place}/t3;
    uwsgi_temp_path {place}/t4; scgi_temp_path {place}/t5;
    proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
    upstream tcp {{ server {tcp}; keepalive 8; }}
    upstream unix {{ server unix:{unix}; keepalive 8; }}
    {servers}
}}
"""
SERVER = "server {{ listen unix:{listen}; location / {{ proxy_pass http://{upstream}; {buffers} }} }}"
BUFFERS = {"buffered": "", "unbuffered": "proxy_buffering off; proxy_request_buffering off;"}


def big_file(place: pathlib.Path, size: int) -> pathlib.Path:
    path = place / f"{size}.bin"
    with open(path, "wb") as out:
        for at in range(0, size, len(PIECE)):
            out.write(PIECE[: size - at])
    return path


def checksum(path: pathlib.Path) -> str:
    length, check = 0, 0
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            length, check = length + len(piece), zlib.crc32(piece, check)
    return f"{length}-{check}"


class Way:
    """How a client gets to the worker: directly or through a server of nginx."""

    def __init__(self, name: str, place: pathlib.Path, *, address: tuple[str, int] | None = None,
                 path: str | None = None) -> None:
        self.name, self.place, self.address, self.path = name, place, address, path

    def curl(self, url: str, *flags: str | pathlib.Path) -> tuple[int, str]:
        """curl's exit code, and what it printed."""
        where = ["--unix-socket", self.path] if self.path else []
        host = "localhost" if self.path else f"{self.address[0]}:{self.address[1]}" if self.address else ""
        done = subprocess.run(
            ["curl", "--silent", "--show-error", "--max-time", "120", *where, *flags, f"http://{host}{url}"],
            capture_output=True,
        )
        return done.returncode, done.stdout.decode(errors="replace")

    def connect(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX if self.path else socket.AF_INET)
        client.settimeout(ANSWER_SECONDS)
        client.connect(self.path or self.address)
        return client


class Nginx:
    """One nginx in a directory of its own."""

    def __init__(self, place: pathlib.Path, tcp: str, unix: str) -> None:
        self.place = place
        place.mkdir()
        self.ways = {}
        servers = []
        for upstream in ("tcp", "unix"):
            for kind, buffers in BUFFERS.items():
                listen = str(place / f"{upstream}-{kind}.sock")
                servers.append(SERVER.format(listen=listen, upstream=upstream, buffers=buffers))
                self.ways[f"nginx {upstream} {kind}"] = Way(f"nginx {upstream} {kind}", place, path=listen)
        # Its workers would become another user, who may not enter our directories.
        user = "user root; " if os.geteuid() == 0 else ""
        text = NGINX.format(user=user, place=place, tcp=tcp, unix=unix, servers="\n".join(servers))
        (place / "nginx.conf").write_text(text)

    def __enter__(self) -> "Nginx":
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        self.child = subprocess.Popen([program, "-p", self.place, "-c", self.place / "nginx.conf", "-e", "stderr"],
                                      stderr=subprocess.DEVNULL)
        until = time.monotonic() + 30
        while not all(pathlib.Path(way.path or "").exists() for way in self.ways.values()):
            if self.child.poll() is not None or time.monotonic() > until:
                sys.exit(f"nginx does not start; see {self.place}/error.log")
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self.child.terminate()
        self.child.wait(30)


def transfers(way: Way, verdicts: Verdicts) -> None:
    """Large bodies in both directions, whole and unchanged."""
    for size in (0, 1, ODD, BIG):
        file = big_file(way.place, size)
        wanted = checksum(file)
        # curl ends a chunked upload of nothing without its last chunk (seen with 7.88).
        chunked = [("-H", "Transfer-Encoding: chunked")] if size else []
        for flags in ((), *chunked, ("-H", "Expect:")):
            code, told = way.curl("/up?up", "-X", "POST", "-T", file, *flags)
            verdicts.check((code, told) == (0, wanted), f"{way.name}: {size} up {flags}: {code} {told[:80]}")
        for query in (f"size={size}", f"size={size}&length"):
            got = way.place / "got"
            code, _ = way.curl(f"/down?{query}", "-o", got)
            is_same = code == 0 and (checksum(got) if got.exists() else "0-0") == wanted
            verdicts.check(is_same, f"{way.name}: {query} down: {code}")
            got.unlink(missing_ok=True)
        file.unlink()


def early(way: Way, verdicts: Verdicts) -> None:
    """An answer before the body was read, and connections that go on after it."""
    file = big_file(way.place, ODD)
    for _ in range(5):
        code, told = way.curl("/early", "-X", "POST", "-T", file, "-w", "%{http_code}")
        verdicts.check(told == "not read403" and code in (0, 55, 56), f"{way.name}: an early answer: {code} {told!r}")
    file.unlink()
    verdicts.check(way.curl("/after")[1] == "GET /after", f"{way.name}: after early answers")


def many(way: Way, verdicts: Verdicts) -> None:
    """Small requests over kept connections, several at once; none is answered with another's answer."""

    def one(client: int) -> list[str]:
        wrong = []
        with way.connect() as stream:
            reader = stream.makefile("rb")
            for number in range(100):
                target = f"/{client}-{number}"
                stream.sendall(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    line = reader.readline()
                    if not line:
                        return [*wrong, f"closed at {target}"]
                    head += line
                if b"chunked" in head.lower():
                    size = int(reader.readline(), 16)
                    body = reader.read(size)
                    reader.readline(), reader.readline(), reader.readline()
                else:
                    body = reader.read(int(head.lower().split(b"content-length:")[1].split()[0]))
                if body != f"GET {target}".encode():
                    wrong.append(f"{target} is answered with {body!r}")
        return wrong

    with concurrent.futures.ThreadPoolExecutor(8) as clients:
        wrong = [line for lines in clients.map(one, range(8)) for line in lines]
    verdicts.check(not wrong, f"{way.name}: {wrong[:5]}")


def events(path: pathlib.Path, is_wanted: Callable[[dict], bool]) -> list[dict]:
    """What the app noted, once there is what is waited for."""
    until = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < until:
        found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        if any(is_wanted(event) for event in found):
            return found
        time.sleep(0.05)
    return []


def broken(way: Way, log: pathlib.Path, verdicts: Verdicts) -> None:
    """Uploads that break off never look whole, and downloads that nobody takes are closed."""
    for number, framing in enumerate((b"Content-Length: 5000000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n100000\r\n")):
        who = f"{way.name}-{number}".replace(" ", "_")
        with way.connect() as client:
            client.sendall(f"POST /up?{who} HTTP/1.1\r\nHost: a\r\n".encode() + framing + b"x" * 300_000)
            if "nginx" not in way.name or "unbuffered" in way.name:
                # The body has to be on its way to the app before it breaks off.
                time.sleep(0.2)
        if "unbuffered" in way.name or "nginx" not in way.name:
            found = events(log, lambda event: event.get("who") == who and "broken" in event)
            verdicts.check(bool(found), f"{way.name}: an upload broke off and the app did not hear of it")
        whole = [one for one in events(log, lambda _: True) if one.get("who") == who and "up" in one]
        verdicts.check(not whole, f"{way.name}: an upload that broke off looks whole: {whole}")
    who = f"size={BIG}&{way.name}".replace(" ", "_")
    with way.connect() as client:
        client.sendall(f"GET /down?{who} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        client.recv(1000)
    found = events(log, lambda event: event.get("who") == who)
    verdicts.check(bool(found), f"{way.name}: a download was given up, and the answer was not closed")
    verdicts.check(way.curl("/after")[1] == "GET /after", f"{way.name}: after what broke off")


def slow(way: Way, verdicts: Verdicts) -> None:
    """Clients that trickle, while others are served."""
    slows = [way.connect() for _ in range(10)]
    for client in slows:
        client.sendall(b"POST /up?slow HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n")
    for _ in range(10):
        for client in slows:
            client.sendall(b"x" * 10)
        verdicts.check(way.curl("/beside")[1] == "GET /beside", f"{way.name}: beside slow clients")
    for client in slows:
        got = client.recv(4096)
        while b"100-" not in got and (piece := client.recv(4096)):
            got += piece
        verdicts.check(got.startswith(b"HTTP/1.1 200") and b"100-" in got, f"{way.name}: slow upload: {got[:80]!r}")
        client.close()
    code, told = way.curl("/down?size=3000000", "--limit-rate", "2M", "-o", "/dev/null", "-w", "%{size_download}")
    verdicts.check((code, told) == (0, "3000000"), f"{way.name}: slow reader: {code} {told}")


def by_curl(way: Way, files: pathlib.Path, verdicts: Verdicts) -> None:
    """What curl can ask for: resuming, ranges, compression, `Expect`."""
    source = big_file(files, ODD)
    whole = source.read_bytes()
    got = way.place / "part"
    for begun in (0, 1, ODD // 2, ODD - 1):
        got.write_bytes(whole[:begun])
        code, _ = way.curl(f"/files/{source.name}", "-C", "-", "-o", got)
        verdicts.check(code == 0 and got.read_bytes() == whole, f"{way.name}: resumed at {begun}: {code}")
    for asked, wanted in (("0-0", whole[:1]), ("100-199", whole[100:200]), ("-50", whole[-50:]),
                          (f"{ODD - 1}-", whole[-1:]), (f"{ODD - 5}-{ODD + 5}", whole[-5:])):
        code, told = way.curl(f"/files/{source.name}", "-r", asked, "-o", got, "-w", "%{http_code}")
        verdicts.check((code, told, got.read_bytes()) == (0, "206", wanted), f"{way.name}: range {asked}: {code} {told}")
    code, told = way.curl(f"/files/{source.name}", "-r", f"{ODD}-", "-o", "/dev/null", "-w", "%{http_code}")
    verdicts.check(told == "416", f"{way.name}: a range behind the end: {told}")
    code, told = way.curl("/text", "--compressed", "-o", got, "-w", "%{size_download} %{http_code}")
    size, status = told.split()
    is_right = status == "200" and int(size) < 2000 and got.read_bytes() == b"a line of text that compresses\n" * 4000
    verdicts.check(is_right, f"{way.name}: --compressed: {told}")
    code, told = way.curl("/text", "-o", "/dev/null", "-w", "%{size_download}")
    verdicts.check(told == str(31 * 4000), f"{way.name}: not compressed: {told}")
    code, told = way.curl("/up?expect", "-X", "POST", "-T", source, "-H", "Expect: 100-continue",
                          "--expect100-timeout", "100", "-w", " %{time_total}")
    verdicts.check(code == 0 and told.startswith(str(ODD)) and float(told.split()[1]) < 60,
                   f"{way.name}: Expect waits for its answer: {code} {told}")
    code, told = way.curl("/up?no", "-d", "x", "-H", "Expect: 200-ok", "-o", "/dev/null", "-w", "%{http_code}")
    verdicts.check(told == "417", f"{way.name}: an Expect that is not known: {told}")
    for flags, wanted in ((("-I",), "200"), (("-z", "Tue, 01 Jan 2030 00:00:00 GMT"), "304")):
        code, told = way.curl(f"/files/{source.name}", *flags, "-o", "/dev/null", "-w", "%{http_code}")
        verdicts.check(told == wanted, f"{way.name}: {flags}: {told}")
    etag = way.curl(f"/files/{source.name}", "-I", "-o", "/dev/null", "-w", "%header{etag}")[1]
    code, told = way.curl(f"/files/{source.name}", "-H", f"If-None-Match: {etag}", "-o", "/dev/null", "-w", "%{http_code}")
    verdicts.check(bool(etag) and told == "304", f"{way.name}: ETag {etag}: {told}")


def main() -> None:
    verdicts = Verdicts()
    with Emperor(lictor()) as emperor:
        files = emperor.directory / "files"
        files.mkdir()
        unix = str(emperor.directory / "app.sock")
        text = (f'module = "app:application"\nhttp = ["127.0.0.1:0", "{unix}"]\nthreads = 12\ncompress = true\n'
                f'static-map = {{ "/files" = "{files}" }}')
        emperor.add("site", text, (APPS / "transfers.py").read_text())
        address = emperor.address("site", emperor.ready())
        log = emperor.apps / "site" / "events"
        direct = Way("direct", emperor.directory, address=address)
        by_curl(direct, files, verdicts)
        with Nginx(emperor.directory / "nginx", f"{address[0]}:{address[1]}", unix) as nginx:
            for way in (direct, *nginx.ways.values()):
                began = time.monotonic()
                for suite in (transfers, early, many, slow):
                    suite(way, verdicts)
                broken(way, log, verdicts)
                print(f"proxies: {way.name}: {time.monotonic() - began:.0f} s")
        told = exchange(address, b"GET /end HTTP/1.0\r\n\r\n")
        verdicts.check(told.endswith(b"GET /end"), f"at the end: {told!r}")
        if verdicts.wrong:
            print(emperor.log_text()[-3000:])
    verdicts.end("proxies", 200)


if __name__ == "__main__":
    main()
