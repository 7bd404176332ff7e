"""How each server under test is started: Lictor and its peers, one worker each."""

import os
import shutil
import subprocess
from pathlib import Path

from .client import answer, free_port
from .processes import SERVER_CPU, Process, until

APPS = Path(__file__).resolve().parent.parent / "apps"
START_SECONDS = 60
# Of granian's settings for one worker, the two that are best in different places.
GRANIAN_SETTINGS = {
    "runtime st": ["--runtime-mode", "st", "--runtime-threads", "1", "--blocking-threads", "1"],
    "runtime mt": ["--runtime-mode", "mt", "--runtime-threads", "1", "--blocking-threads", "1"],
}


class Emperor:
    """A running `lictor emperor` with a directory of its own."""

    def __init__(self, bench, cpu=SERVER_CPU):
        self.home = bench.fresh_directory("lictor")
        self.vassals = self.home / "vassals"
        self.vassals.mkdir()
        self.run_dir = self.home / "run"
        self.binary = bench.lictor
        self.cpu = cpu
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def start(self):
        socket = self.run_dir / "emperor.sock"
        socket.unlink(missing_ok=True)
        command = [self.binary, "emperor", self.vassals, "--run-dir", self.run_dir]
        self.process = Process(command, cpu=self.cpu, log=self.home / "log")
        until(socket.exists, START_SECONDS, self.process, "lictor emperor")

    def kill(self):
        """As the kernel would for lack of memory; the vassals stay, for the next one to adopt."""
        self.process.child.kill()
        self.process.child.wait()

    def run(self, *words):
        """A command of `lictor` against this emperor."""
        command = [self.binary, *words, "--run-dir", self.run_dir]
        return subprocess.run(command, capture_output=True, text=True, timeout=START_SECONDS)

    def said(self, text):
        """How often its log has this text."""
        with open(self.home / "log", errors="replace") as file:
            return sum(text in line for line in file)

    def __exit__(self, *_):
        self.process.end()
        shutil.rmtree(self.home, ignore_errors=True)

    @property
    def pid(self):
        return self.process.pid

    def drop(self, name, text):
        """Lays a vassal file down as one should: written elsewhere, then renamed."""
        draft = self.home / f"{name}.draft"
        draft.write_text(text)
        draft.rename(self.vassals / f"{name}.toml")

    def wait(self, port):
        until(lambda: answer(port), START_SECONDS, self.process, "lictor")


def vassal_text(interpreter, module, port, chdir=APPS):
    return (
        f'module = "{module}:application"\nchdir = "{chdir}"\nvirtualenv = "{interpreter.venv}"\n'
        f'http = "127.0.0.1:{port}"\nprocesses = 1\n'
    )


class Lictor:
    """One vassal with one worker."""

    def __init__(self, bench, interpreter, module):
        self.bench, self.interpreter, self.module = bench, interpreter, module
        self.name = f"lictor, {interpreter.way}"
        self.port = None

    def __enter__(self):
        self.port = free_port()
        self.emperor = Emperor(self.bench).__enter__()
        try:
            self.emperor.drop("app", vassal_text(self.interpreter, self.module, self.port))
            self.emperor.wait(self.port)
        except BaseException:
            self.emperor.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.emperor.__exit__()

    @property
    def pid(self):
        return self.emperor.pid


class Peer:
    """A server that is one command with the port in it."""

    def __init__(self, name, command, log):
        self.name, self.command, self.log = name, command, log
        self.port = None

    def __enter__(self):
        self.port = free_port()
        words = [str(word).replace("PORT", str(self.port)) for word in self.command]
        self.process = Process(words, cwd=APPS, log=self.log, env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"))
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


def granian(bench, interpreter, module, setting):
    command = [
        interpreter.venv / "bin" / "granian", "--interface", "wsgi", "--workers", "1",
        "--host", "127.0.0.1", "--port", "PORT", "--no-ws", "--log-level", "warning",
        *GRANIAN_SETTINGS[setting], f"{module}:application",
    ]
    return Peer(f"granian, {setting}", command, bench.home / "granian.log")


def gunicorn(bench, interpreter, module):
    command = [
        interpreter.venv / "bin" / "gunicorn", "--workers", "1", "--worker-class", "gthread",
        "--threads", "1", "--keep-alive", "75", "--bind", "127.0.0.1:PORT", "--log-level", "error",
        f"{module}:application",
    ]
    return Peer("gunicorn, gthread", command, bench.home / "gunicorn.log")


def uwsgi(bench, interpreter, module):
    """Debian's embeds Debian's own Python: on a virtualenv of that version or not at all."""
    command = ["uwsgi", *uwsgi_options(), "--http11-socket", "127.0.0.1:PORT",
               "--chdir", APPS, "--virtualenv", interpreter.venv, "--module", f"{module}:application"]
    return Peer("uWSGI, http11-socket", command, bench.home / "uwsgi.log")


def uwsgi_options():
    """The emperor's fairest setting: one worker under a master, no request log."""
    return ["--plugin", "python3", "--master", "--need-app", "--processes", "1",
            "--disable-logging", "--die-on-term"]
