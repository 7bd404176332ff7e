"""What a run has in common: where things are, how long they last, and the report."""

import os
import shutil
import subprocess
from pathlib import Path

from . import interpreters
from .report import Report

ROOT = Path(__file__).resolve().parent.parent.parent
# What has to be there, by the distribution's package that brings it: a command, or a file.
NEEDED = {
    "wrk": "wrk", "h2load": "nghttp2-client", "nginx": "nginx-light", "openssl": "openssl",
    "uwsgi": "uwsgi-core", "/usr/lib/uwsgi/plugins/python3_plugin.so": "uwsgi-plugin-python3",
    # What bjoern and uWSGI are built with.
    "cc": "gcc", "/usr/include/ev.h": "libev-dev",
}


def install_needed():
    """As root by apt; else says what to install, unless the load generators are there: peers can be missing."""
    missing = [package for what, package in NEEDED.items() if not (shutil.which(what) or Path(what).exists())]
    if not missing:
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"installing {', '.join(missing)}", flush=True)
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        return
    hint = f"`apt-get install {' '.join(missing)}`"
    if not all(map(shutil.which, ["wrk", "h2load", "nginx", "openssl"])):
        raise SystemExit(f"needed tools are missing: {hint}")
    print(f"peers will be missing: {hint}", flush=True)


class Bench:
    def __init__(self, options):
        self.is_quick = options.quick
        self.home = ROOT / "target" / "bench"
        self.home.mkdir(parents=True, exist_ok=True)
        install_needed()
        self.has_uwsgi = shutil.which("uwsgi") is not None
        self.lictor = options.lictor.resolve() if options.lictor else self.build()
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
            packages = interpreters.PACKAGES + interpreters.BUILT
            names = ", ".join(f"{name} {interpreter.peer_version(name)}" for name in packages)
            yield f"{interpreter.label} ({interpreter.way} by Lictor): {names}"
        if self.has_uwsgi:
            version = subprocess.run(["uwsgi", "--version"], capture_output=True, text=True).stdout
            yield f"uWSGI {version.strip()} of the distribution on the distribution's own Python"
        if self.note:
            yield f"Note: {self.note}"
        yield "Server on CPU 0, clients on CPU 1, loopback" + (", quick" if self.is_quick else "")

    def lictor_version(self):
        version = subprocess.run([self.lictor, "--version"], capture_output=True, text=True).stdout.strip()
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True
        )
        return f"{version} ({done.stdout.strip()})" if done.returncode == 0 else version
