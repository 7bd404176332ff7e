"""Which Pythons are measured, and the virtualenvs that hold the peers.

A static interpreter and a shared one differ by 10 to 20 % in speed, so everybody is measured on the
same build: the static one (Debian's `/usr/bin/python3`, where there is one) and, if one is found,
a shared one, which Lictor embeds.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

QUESTION = """
import json, platform, sys, sysconfig
shared = bool(sysconfig.get_config_var("Py_ENABLE_SHARED"))
# Debian builds both: what counts is whether this process has a libpython mapped.
mapped = any("libpython3" in line for line in open("/proc/self/maps"))
print(json.dumps([platform.python_version(), mapped, sys.executable, sys.version_info[:2] >= (3, 9)]))
"""
PACKAGES = ["granian", "gunicorn", "flask", "uvicorn[standard]", "hypercorn[uvloop]", "fastapi", "websockets"]
# Built from source, which needs a compiler, Python's headers and libev's (`libev-dev`). On the system's
# Python uWSGI is the distribution's.
BUILT = ["bjoern", "uwsgi"]


class Interpreter:
    """One build of Python, and the virtualenv below `target/bench` that stands on it."""

    def __init__(self, executable, version, is_shared, home):
        self.executable = Path(executable)
        self.version = version
        self.kind = "shared" if is_shared else "static"
        self.way = "embedded" if is_shared else "executed"
        self.venv = home / f"venv-{self.kind}-{version}"

    @property
    def python(self):
        return self.venv / "bin" / "python"

    @property
    def is_system(self):
        """The distribution's own, which its uWSGI has in it."""
        return self.executable.parent == Path("/usr/bin")

    @property
    def label(self):
        return f"Python {self.version}, {self.kind}"

    def install(self):
        """Makes the virtualenv, once; with its own copy of the executable, which nobody else maps."""
        done = self.venv / "installed.json"
        if done.exists() and json.loads(done.read_text()) == PACKAGES + BUILT:
            return
        print(f"installing {', '.join(PACKAGES)} for {self.label}", flush=True)
        subprocess.run([self.executable, "-m", "venv", "--clear", "--copies", self.venv], check=True)
        pip = [self.python, "-m", "pip", "install", "--quiet"]
        subprocess.run(pip + ["--disable-pip-version-check"] + PACKAGES, check=True)
        for package in BUILT:
            # Left out where it cannot be built: `has` tells.
            subprocess.run(pip + ["--disable-pip-version-check", package], capture_output=True)
        done.write_text(json.dumps(PACKAGES + BUILT))

    def has(self, module):
        return subprocess.run([self.python, "-c", f"import {module}"], capture_output=True).returncode == 0

    def peer_version(self, package):
        """Or "none", of one that could not be built."""
        name = package.partition("[")[0]
        question = f"from importlib.metadata import version; print(version('{name}'))"
        command = [self.python, "-c", question]
        return subprocess.run(command, capture_output=True, text=True).stdout.strip() or "none"


def numbers(path):
    return [int(number) for number in re.findall(r"\d+", path)]


def candidates(given):
    """Where to look: what was given, the system's, those on PATH, and pyenv's."""
    yield from given
    yield "/usr/bin/python3"
    for directory in os.get_exec_path():
        yield os.path.join(directory, "python3")
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(map(str, root.glob("versions/3.*/bin/python3")), key=numbers, reverse=True)


def find(given, home):
    """The first static and the first shared interpreter, as far as there are any. The one that runs
    this only if there is no other: its library is mapped already, which makes a vassal look light."""
    found, own = {}, {}
    for candidate in candidates(given):
        if len(found) == 2:
            break
        if not shutil.which(candidate):
            continue
        done = subprocess.run([candidate, "-c", QUESTION], capture_output=True, text=True)
        if done.returncode != 0:
            continue
        version, is_shared, executable, is_new_enough = json.loads(done.stdout)
        if is_new_enough:
            is_own = os.path.realpath(executable) == os.path.realpath(sys.executable)
            interpreter = Interpreter(executable, version, is_shared, home)
            (own if is_own else found).setdefault(is_shared, interpreter)
    found = {**own, **found}
    return [found[key] for key in sorted(found)]
