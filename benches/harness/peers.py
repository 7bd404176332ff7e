"""How each peer is started: as its own documentation recommends for this work."""

import os

from .client import answer, free_port
from .processes import Process, until
from .servers import APPS, START_SECONDS

# Of granian's settings, the two that are best in different places.
GRANIAN_RUNTIMES = ["st", "mt"]


class Peer:
    """A server that is one command with the port in it."""

    def __init__(self, bench, name, command, env=None):
        self.name, self.command, self.env = name, command, env or {}
        self.log = bench.home / f"{name.split(',')[0]}.log"
        self.port = None

    def __enter__(self):
        self.port = free_port()
        words = [str(word).replace("PORT", str(self.port)) for word in self.command]
        env = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", **self.env)
        self.process = Process(words, cwd=APPS, log=self.log, env=env)
        try:
            until(lambda: answer(self.port), START_SECONDS, self.process, self.name)
        except BaseException:
            self.process.end()
            raise
        return self

    def __exit__(self, *_):
        self.process.end()

    @property
    def pid(self):
        return self.process.pid


def granians(bench, interpreter, work):
    for runtime in GRANIAN_RUNTIMES:
        command = [
            interpreter.venv / "bin" / "granian", "--interface", work.interface, "--workers", work.workers,
            "--host", "127.0.0.1", "--port", "PORT", "--log-level", "warning",
            "--runtime-mode", runtime, "--runtime-threads", "1",
        ]
        if work.interface == "wsgi":
            command += ["--blocking-threads", work.threads]
        command += ["--ws"] if work.has_websockets else ["--no-ws"]
        command += ["--http", "2"] if work.is_http2 else []
        yield Peer(bench, f"granian, runtime {runtime}", [*command, f"{work.module}:application"])


def gunicorn(bench, interpreter, work):
    command = [
        interpreter.venv / "bin" / "gunicorn", "--workers", work.workers,
        "--keep-alive", "75", "--bind", "127.0.0.1:PORT", "--log-level", "error",
    ]
    command += ["--worker-class", "gthread", "--threads", work.threads] if work.interface == "wsgi" else [
        "--worker-class", "asgi"]
    kind = "gthread" if work.interface == "wsgi" else "asgi"
    yield Peer(bench, f"gunicorn, {kind}", [*command, f"{work.module}:application"])


def uvicorn(bench, interpreter, work):
    """With uvloop and httptools, which its `standard` extra brings."""
    yield Peer(bench, "uvicorn, uvloop", [
        interpreter.venv / "bin" / "uvicorn", "--host", "127.0.0.1", "--port", "PORT", "--no-access-log",
        "--log-level", "error", "--loop", "uvloop", "--http", "httptools", "--workers", work.workers,
        f"{work.module}:application",
    ])


def hypercorn(bench, interpreter, work):
    yield Peer(bench, "hypercorn, uvloop", [
        interpreter.venv / "bin" / "hypercorn", "--bind", "127.0.0.1:PORT", "--workers", work.workers,
        "--worker-class", "uvloop", "--log-level", "error", f"{work.module}:application",
    ])


def bjoern(bench, interpreter, work):
    """One thread and no supervisor: what C alone can do."""
    program = (
        f"import bjoern, {work.module} as app\n"
        "bjoern.run(app.application, '127.0.0.1', PORT)\n"
    )
    yield Peer(bench, "bjoern", [interpreter.python, "-c", program])


def uwsgi(bench, interpreter, work):
    """Debian's embeds Debian's own Python: on a virtualenv of that version or not at all."""
    command = ["uwsgi", *uwsgi_options(work.workers), "--http11-socket", "127.0.0.1:PORT",
               "--chdir", APPS, "--virtualenv", interpreter.venv, "--module", f"{work.module}:application"]
    command += ["--threads", work.threads] if work.threads > 1 else []
    yield Peer(bench, "uWSGI, http11-socket", command)


def uwsgi_options(workers=1):
    """The emperor's fairest setting: workers under a master, no request log."""
    return ["--plugin", "python3", "--master", "--need-app", "--processes", workers,
            "--disable-logging", "--die-on-term"]


def peers(bench, interpreter, work):
    """All that can do this work on this interpreter."""
    is_first = interpreter is bench.interpreters[0]
    yield from granians(bench, interpreter, work)
    if work.interface == "asgi":
        yield from uvicorn(bench, interpreter, work) if not work.is_http2 else ()
        if is_first and not work.has_websockets:
            yield from hypercorn(bench, interpreter, work)
        if is_first and not work.has_websockets and not work.is_http2:
            yield from gunicorn(bench, interpreter, work)
        return
    yield from gunicorn(bench, interpreter, work) if is_first else ()
    if interpreter.has("bjoern") and work.threads == work.workers == 1:
        yield from bjoern(bench, interpreter, work)
    if is_first and bench.has_uwsgi:
        yield from uwsgi(bench, interpreter, work)
