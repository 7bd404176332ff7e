#!/usr/bin/env python3
"""Drives httpbin on Lictor by the test suite of `requests`.

    tests/conformance/requests_suite.py [LICTOR]

Both are fetched from PyPI into `target/conformance`; nothing of them is kept in the repository.
httpbin runs as a vassal with four threads, and every test that would start a server of its own gets
that one instead. Tests that need a network beyond this machine are left out. Exits 1 if one fails.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HOME = ROOT / "target" / "conformance"
REQUESTS = "2.34.2"
PACKAGES = [f"requests[socks]=={REQUESTS}", "httpbin==0.10.4", "pytest==9.2.0", "pytest-mock==3.17.0", "trustme==1.2.1"]
# They connect to an address that drops everything, which needs a route to it.
NEEDS_NETWORK = "not connect_timeout and not total_timeout_connect"
READY_SECONDS = 60
# Stands in for pytest-httpbin, which would serve by wsgiref.
PLUGIN = """
import os

import pytest


class Server:
    def __init__(self, url):
        self.url = url

    def __add__(self, path):
        return self.url + path


@pytest.fixture(scope="session")
def httpbin():
    return Server(os.environ["HTTPBIN_URL"])


@pytest.fixture(scope="session")
def httpbin_both(httpbin):
    return httpbin


@pytest.fixture(scope="session")
def httpbin_secure():
    pytest.skip("its certificates belong to pytest-httpbin")
"""


def prepare():
    """The virtualenv and the suite, once."""
    venv, suite = HOME / "venv", HOME / f"requests-{REQUESTS}"
    done = HOME / "installed.json"
    if not (done.exists() and json.loads(done.read_text()) == PACKAGES):
        HOME.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        pip = [venv / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "-q"]
        subprocess.run([*pip, "install", *PACKAGES], check=True)
        fetch = ["download", "--no-deps", "--no-binary", ":all:", "-d", HOME, f"requests=={REQUESTS}"]
        subprocess.run([*pip, *fetch], check=True)
        shutil.rmtree(suite, ignore_errors=True)
        with tarfile.open(HOME / f"requests-{REQUESTS}.tar.gz") as archive:
            archive.extractall(HOME, filter="data")
        done.write_text(json.dumps(PACKAGES))
    (HOME / "lictor_httpbin.py").write_text(PLUGIN)
    return venv, suite


class Emperor:
    """Lictor with httpbin as its only vassal."""

    def __init__(self, binary, venv):
        self.binary, self.venv = binary, venv
        self.run_dir = HOME / "run"

    def __enter__(self):
        vassals = HOME / "vassals"
        shutil.rmtree(vassals, ignore_errors=True)
        vassals.mkdir()
        (vassals / "httpbin.toml").write_text(
            f'module = "httpbin:app"\nvirtualenv = "{self.venv}"\nhttp = "127.0.0.1:0"\nthreads = 4\n'
        )
        with open(HOME / "log", "w") as log:
            command = [self.binary, "emperor", vassals, "--run-dir", self.run_dir]
            self.child = subprocess.Popen(command, stdout=log, stderr=log)
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait()

    def url(self):
        until = time.monotonic() + READY_SECONDS
        command = [self.binary, "status", "--json", "--run-dir", self.run_dir]
        while time.monotonic() < until and self.child.poll() is None:
            done = subprocess.run(command, capture_output=True, text=True)
            vassals = json.loads(done.stdout)["vassals"] if done.returncode == 0 else []
            if vassals and vassals[0]["state"] == "ready":
                return f"http://{vassals[0]['sockets'][0]['address']}"
            time.sleep(0.05)
        raise SystemExit(f"httpbin did not come up; see {HOME / 'log'}")


def main():
    binary = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target" / "release" / "lictor").resolve()
    venv, suite = prepare()
    with Emperor(binary, venv) as emperor:
        env = dict(os.environ, HTTPBIN_URL=emperor.url(), PYTHONPATH=str(HOME))
        words = ["-q", "-W", "ignore", "-p", "lictor_httpbin", "-k", NEEDS_NETWORK, "tests/test_requests.py"]
        return subprocess.run([venv / "bin" / "python", "-m", "pytest", *words], cwd=suite, env=env).returncode


if __name__ == "__main__":
    sys.exit(main())
