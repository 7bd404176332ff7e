"""What a run has in common: where things are, how long they last, and the report."""

import shutil
import subprocess
from pathlib import Path

from . import interpreters
from .report import Report

ROOT = Path(__file__).resolve().parent.parent.parent
TOOLS = {"wrk": "wrk", "h2load": "nghttp2-client", "nginx": "nginx-light", "openssl": "openssl"}


class Bench:
    def __init__(self, options):
        self.is_quick = options.quick
        self.home = ROOT / "target" / "bench"
        self.home.mkdir(parents=True, exist_ok=True)
        missing = [package for tool, package in TOOLS.items() if not shutil.which(tool)]
        if missing:
            raise SystemExit(f"needed tools are missing: `apt-get install {' '.join(missing)}`")
        self.has_uwsgi = shutil.which("uwsgi") is not None
        self.lictor = options.lictor or self.build()
        self.interpreters = interpreters.find(options.python, self.home)
        for interpreter in self.interpreters:
            interpreter.install()
        self.count = 0
        self.note = options.note
        self.report = Report(self.conditions())

    def build(self):
        print("building", flush=True)
        done = subprocess.run(["cargo", "build", "--release"], cwd=ROOT, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(done.stderr)
        return ROOT / "target" / "release" / "lictor"

    def rounds(self, full, quick):
        return quick if self.is_quick else full

    def fresh_directory(self, name):
        self.count += 1
        directory = self.home / f"{name}-{self.count}"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        return directory

    def conditions(self):
        yield f"Lictor: {self.lictor_version()}"
        for interpreter in self.interpreters:
            names = ", ".join(f"{name} {interpreter.peer_version(name)}" for name in interpreters.PACKAGES + interpreters.BUILT)
            yield f"{interpreter.label} ({interpreter.way} by Lictor): {names}"
        if self.has_uwsgi:
            version = subprocess.run(["uwsgi", "--version"], capture_output=True, text=True).stdout
            yield f"uWSGI {version.strip()} with its own distribution's Python, where pip could build none"
        if self.note:
            yield f"Note: {self.note}"
        yield "Server on CPU 0, clients on CPU 1, loopback" + (", quick" if self.is_quick else "")

    def lictor_version(self):
        version = subprocess.run([self.lictor, "--version"], capture_output=True, text=True).stdout.strip()
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True
        )
        return f"{version} ({done.stdout.strip()})" if done.returncode == 0 else version
