"""How Lictor is started for a measurement."""

import contextlib
import shutil
import subprocess
from pathlib import Path

from .client import answer
from .places import Place, certificate
from .processes import SERVER_CPU, Process, until

APPS = Path(__file__).resolve().parent.parent / "apps"
START_SECONDS = 60


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


def vassal_text(interpreter, module, port, chdir=APPS, workers=1):
    return app_text(interpreter, module, chdir, workers) + f'http = "127.0.0.1:{port}"\n'


def app_text(interpreter, module, chdir=APPS, workers=1):
    return (
        f'module = "{module}:application"\nchdir = "{chdir}"\nvirtualenv = "{interpreter.venv}"\n'
        f'processes = {workers}\n'
    )


def place_text(place, certificate):
    """Where the vassal listens, in the options' words."""
    address = f"127.0.0.1:{place.port}"
    return {
        "http": f'http = "{address}"\n',
        "h2": f'https = "{address},{certificate[0]},{certificate[1]}"\nhttp2 = "tls"\n',
        "h2c": f'http = "{address}"\nhttp2 = "all"\n',
        "nginx": f'{"uwsgi" if place.way == "uwsgi" else "http"} = "{place.socket}"\n',
    }[place.wire]


class Lictor:
    """One vassal under an emperor."""

    def __init__(self, bench, interpreter, work, way="proxy"):
        self.bench, self.interpreter, self.work = bench, interpreter, work
        self.name = f"lictor, {interpreter.way}" + (", by uwsgi_pass" if way == "uwsgi" else "")
        self.place = Place(bench, work.wire, way)

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.place)
            self.emperor = stack.enter_context(Emperor(self.bench))
            text = app_text(self.interpreter, self.work.module, workers=self.work.workers)
            text += f"threads = {self.work.threads}\n" + place_text(self.place, certificate(self.bench.home))
            self.emperor.drop("app", text)
            until(self.place.is_answering, START_SECONDS, self.emperor.process, self.name)
            self.open = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.open.close()

    @property
    def pid(self):
        return self.emperor.pid
