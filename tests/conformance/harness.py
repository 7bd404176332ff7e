"""What the suites share: packages fetched once, vassals under an emperor of their own, raw sockets.

Everything that is fetched lies below `target/conformance`; nothing of it is kept in the repository.
"""

import argparse
import contextlib
import fcntl
import hashlib
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEPT = ROOT / "target" / "conformance"
READY_SECONDS = 120
ANSWER_SECONDS = 60


@contextlib.contextmanager
def _alone(name: str) -> Iterator[None]:
    """Held by whoever installs; several suites may run at once."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with open(KEPT / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def virtualenv(packages: list[str], python: str | None = None) -> pathlib.Path:
    """A virtual environment with just these packages, made once."""
    python = python or sys.executable
    key = hashlib.sha256(json.dumps([python, *packages]).encode()).hexdigest()[:12]
    place = KEPT / f"venv-{key}"
    with _alone(place.name):
        done = place / "installed"
        if not done.exists():
            subprocess.run([python, "-m", "venv", "--clear", place], check=True)
            if packages:
                subprocess.run([*pip(place), "install", *packages], check=True)
            done.write_text("\n".join(packages))
    return place


def pip(place: pathlib.Path) -> list[str | pathlib.Path]:
    return [place / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--quiet"]


def source_package(name: str, version: str, sha256: str) -> pathlib.Path:
    """A source package from PyPI, by its hash, unpacked."""
    place = KEPT / f"{name}-{version}"
    tool = virtualenv([])
    with _alone(place.name):
        if not place.is_dir():
            wanted = KEPT / f"{name}.txt"
            wanted.write_text(f"{name}=={version} --hash=sha256:{sha256}\n")
            fetch = ["download", "--no-deps", "--no-binary", name, "--require-hashes", "-d", KEPT, "-r", wanted]
            subprocess.run([*pip(tool), *fetch], check=True)
            with tempfile.TemporaryDirectory(dir=KEPT) as unpacked:
                with tarfile.open(KEPT / f"{name}-{version}.tar.gz") as archive:
                    archive.extractall(unpacked, filter="data")
                (pathlib.Path(unpacked) / place.name).rename(place)
    return place


def crate(name: str) -> pathlib.Path:
    """The source of a crate that the product is built with, as cargo has fetched it."""
    done = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--locked"], cwd=ROOT, check=True, capture_output=True
    )
    found = [package for package in json.loads(done.stdout)["packages"] if package["name"] == name]
    return pathlib.Path(found[0]["manifest_path"]).parent


def lictor() -> pathlib.Path:
    """The binary that the suite was told to drive."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--lictor", type=pathlib.Path, default=ROOT / "target" / "debug" / "lictor")
    return arguments.parse_args().lictor.resolve()


class Emperor:
    """Lictor over a directory of vassals, each given as its text and the files of its app."""

    def __init__(self, binary: pathlib.Path) -> None:
        self.binary = binary
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="lictor-conformance-"))
        self.vassals = self.directory / "vassals"
        self.apps = self.directory / "apps"
        self.vassals.mkdir()
        self.apps.mkdir()
        self.log = open(self.directory / "log", "w+")
        self.child: subprocess.Popen[bytes] | None = None

    def add(self, name: str, text: str, app: str) -> None:
        """A vassal whose app is the module `app` in a folder of its own."""
        folder = self.apps / name
        folder.mkdir()
        (folder / "app.py").write_text(app)
        (self.vassals / f"{name}.toml").write_text(f'chdir = "{folder}"\n{text}\n')

    def __enter__(self) -> "Emperor":
        command = [self.binary, "emperor", self.vassals, "--run-dir", self.directory / "run"]
        self.child = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        return self

    def __exit__(self, *_: object) -> None:
        assert self.child is not None
        self.child.terminate()
        try:
            self.child.wait(60)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def log_text(self) -> str:
        return (self.directory / "log").read_text(errors="replace")

    def ready(self) -> dict[str, dict]:
        """Waits until every vassal serves, and tells their status by name."""
        assert self.child is not None
        until = time.monotonic() + READY_SECONDS
        names = {path.stem for path in self.vassals.iterdir()}
        while time.monotonic() < until and self.child.poll() is None:
            command = [self.binary, "status", "--json", "--run-dir", self.directory / "run"]
            done = subprocess.run(command, capture_output=True)
            if done.returncode == 0:
                shown = {vassal["name"]: vassal for vassal in json.loads(done.stdout)["vassals"]}
                if names <= shown.keys() and all(shown[name]["state"] == "ready" for name in names):
                    return shown
            time.sleep(0.05)
        sys.exit(f"the vassals do not come up:\n{self.log_text()}")

    def address(self, name: str, shown: dict[str, dict]) -> tuple[str, int]:
        host, _, port = shown[name]["sockets"][0]["address"].rpartition(":")
        return host, int(port)


def exchange(address: tuple[str, int] | str, request: bytes, *, shut: bool = True) -> bytes:
    """All that comes back for bytes after which nothing more is sent."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as client:
        client.settimeout(ANSWER_SECONDS)
        client.connect(address)
        answer = b""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(request)
            if shut:
                client.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            while piece := client.recv(65536):
                answer += piece
        return answer


class Verdicts:
    """Counts what was checked and keeps what was wrong, to the end."""

    def __init__(self) -> None:
        self.checked = 0
        self.wrong: list[str] = []

    def check(self, is_right: bool, told: str) -> None:
        self.checked += 1
        if not is_right:
            self.wrong.append(told)

    def end(self, suite: str, at_least: int) -> None:
        """Says what came of it; a suite that shrank proves nothing."""
        if self.wrong:
            sys.exit(f"{suite}: {len(self.wrong)} of {self.checked} are wrong:\n" + "\n".join(self.wrong))
        if self.checked < at_least:
            sys.exit(f"{suite}: only {self.checked} checks, where {at_least} were expected")
        print(f"{suite}: {self.checked} checks, all as they should be")
