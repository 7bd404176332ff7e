"""How each peer is started: as its own documentation recommends for this work.

A command's words may hold PORT or SOCKET, for which its place is put in.
"""

import contextlib
import os

from .places import Place, certificate
from .processes import Process, until
from .servers import APPS, START_SECONDS

# Of granian's settings, the two that are best in different places.
GRANIAN_RUNTIMES = ["st", "mt"]


class Peer:
    """A server that is one command."""

    def __init__(self, bench, work, name, command, way="proxy"):
        self.name, self.command = name, command
        self.log = bench.home / f"{name.split(',')[0]}.log"
        self.place = Place(bench, work.wire, way)

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.place)
            env = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
            words = map(self.place.filled, self.command)
            self.process = stack.enter_context(Process(words, cwd=APPS, log=self.log, env=env))
            until(self.place.is_answering, START_SECONDS, self.process, self.name)
            self.open = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.open.close()

    @property
    def pid(self):
        return self.process.pid


def granians(bench, interpreter, work):
    bind = ["--uds", "SOCKET"] if work.wire == "nginx" else ["--host", "127.0.0.1", "--port", "PORT"]
    command = [
        interpreter.venv / "bin" / "granian", "--interface", work.interface, "--workers", work.workers,
        *bind, "--log-level", "warning", "--runtime-threads", "1", "--ws" if work.has_websockets else "--no-ws",
    ]
    if work.interface == "wsgi":
        command += ["--blocking-threads", work.threads]
    if work.wire in ("h2", "h2c"):
        command += ["--http", "2"]
    if work.wire == "h2":
        cert, key = certificate(bench.home)
        command += ["--ssl-certificate", cert, "--ssl-keyfile", key]
    for runtime in GRANIAN_RUNTIMES[:1] if bench.is_quick else GRANIAN_RUNTIMES:
        yield Peer(bench, work, f"granian, runtime {runtime}",
                   [*command, "--runtime-mode", runtime, f"{work.module}:application"])


def gunicorn(bench, interpreter, work):
    kind = "gthread" if work.interface == "wsgi" else "asgi"
    command = [
        interpreter.venv / "bin" / "gunicorn", "--workers", work.workers, "--worker-class", kind,
        "--keep-alive", "75", "--bind", "unix:SOCKET" if work.wire == "nginx" else "127.0.0.1:PORT",
        "--log-level", "error",
    ]
    command += ["--threads", work.threads] if kind == "gthread" else []
    yield Peer(bench, work, f"gunicorn, {kind}", [*command, f"{work.module}:application"])


def uvicorn(bench, interpreter, work):
    """With uvloop and httptools, which its `standard` extra brings."""
    yield Peer(bench, work, "uvicorn, uvloop", [
        interpreter.venv / "bin" / "uvicorn", "--host", "127.0.0.1", "--port", "PORT", "--no-access-log",
        "--log-level", "error", "--loop", "uvloop", "--http", "httptools", "--workers", work.workers,
        f"{work.module}:application",
    ])


def hypercorn(bench, interpreter, work):
    kind = "wsgi:" if work.interface == "wsgi" else ""
    tls = []
    if work.wire == "h2":
        cert, key = certificate(bench.home)
        tls = ["--certfile", cert, "--keyfile", key]
    yield Peer(bench, work, "hypercorn, uvloop", [
        interpreter.venv / "bin" / "hypercorn", "--bind", "127.0.0.1:PORT", "--workers", work.workers,
        "--worker-class", "uvloop", "--log-level", "error", *tls, f"{kind}{work.module}:application",
    ])


def bjoern(bench, interpreter, work):
    """One thread and no supervisor: what C alone can do. More workers are forks before it listens."""
    address = "'unix:SOCKET'" if work.wire == "nginx" else "'127.0.0.1', PORT"
    run = f"bjoern.run(app.application, {address}, reuse_port={work.workers > 1})\n"
    fork = f"any(os.fork() == 0 for _ in range({work.workers - 1}))\n"
    program = f"import os, bjoern, {work.module} as app\n{fork}{run}"
    yield Peer(bench, work, "bjoern", [interpreter.python, "-c", program])


def uwsgi(bench, interpreter, work):
    """Debian's on Debian's own Python, which is in it; else the one that pip built."""
    own = interpreter.venv / "bin" / "uwsgi"
    if interpreter.is_system and bench.has_uwsgi:
        command = ["uwsgi", "--plugin", "python3"]
    elif own.exists():
        command = [own]
    else:
        return
    # As a vassal of its emperor would be: workers under a master, no request log.
    command += ["--master", "--need-app", "--processes", work.workers, "--disable-logging", "--die-on-term",
                "--chdir", APPS, "--virtualenv", interpreter.venv, "--module", f"{work.module}:application"]
    command += ["--threads", work.threads] if work.threads > 1 else []
    if work.wire == "nginx":
        yield Peer(bench, work, "uWSGI, uwsgi_pass", [*command, "--uwsgi-socket", "SOCKET"], way="uwsgi")
        yield Peer(bench, work, "uWSGI, proxy_pass", [*command, "--http-socket", "SOCKET"], way="proxy, closing")
    else:
        yield Peer(bench, work, "uWSGI, http11-socket", [*command, "--http11-socket", "127.0.0.1:PORT"])


def peers(bench, interpreter, work):
    """All that can do this work on this interpreter. Those that are far behind on the one are left out
    on the other."""
    is_first = interpreter is bench.interpreters[0]
    yield from granians(bench, interpreter, work)
    if work.wire in ("h2", "h2c"):
        yield from hypercorn(bench, interpreter, work)
    elif work.interface == "asgi":
        yield from uvicorn(bench, interpreter, work)
        if not work.has_websockets:
            yield from gunicorn(bench, interpreter, work)
            yield from hypercorn(bench, interpreter, work) if is_first else ()
    else:
        yield from gunicorn(bench, interpreter, work) if is_first else ()
        yield from bjoern(bench, interpreter, work) if interpreter.has("bjoern") and work.threads == 1 else ()
        yield from uwsgi(bench, interpreter, work)
