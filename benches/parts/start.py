"""From a dropped file to the first answer, and from a touch to the new code.

What the interpreter itself needs to start and import the app is measured beside it and taken off:
what remains is the supervisor's own.
"""

import os
import statistics
import subprocess
import time

from harness.client import answer, free_port
from harness.processes import SERVER_CPU, Process, pin, until
from harness.report import milliseconds
from harness.servers import START_SECONDS, Emperor, vassal_text

GOAL_SECONDS = 0.060
KINDS = ["drop to first answer", "touch to new code"]
APP = '''"""Says which version of the code answers."""


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "{length}")])
    return [b"{version}"]
'''


def run(bench):
    runs = bench.rounds(15, 5)
    bench.report.part("start", f"Hello app, Lictor {runs} runs each, medians in ms, on one CPU.")
    rows, goals = [], []
    for interpreter in bench.interpreters:
        bare, *times = lictor(bench, interpreter, runs)
        rows += rows_of(f"lictor, {interpreter.way}", bare, times)
        for what, measured in zip(KINDS, times):
            over = statistics.median(measured) - statistics.median(bare)
            goal = f"{interpreter.way}, {what}: {milliseconds(over)} ms over the interpreter (≤ 60)"
            goals.append((goal, over <= GOAL_SECONDS))
    if bench.has_uwsgi:
        bare, *times = uwsgi(bench, bench.interpreters[0], bench.rounds(5, 2))
        rows += rows_of("uWSGI emperor", bare, times)
    bench.report.table(["server", "what", "median", "slowest", "interpreter alone", "over it"], rows)
    for goal, is_met in goals:
        bench.report.goal(goal, is_met)


def rows_of(server, bare, times):
    for what, measured in zip(KINDS, times):
        median, alone = statistics.median(measured), statistics.median(bare)
        yield [server, what, *map(milliseconds, [median, max(measured), alone, median - alone])]


def write_app(directory, version):
    """Each version has its own length: a cached module is known by its size and whole seconds."""
    version = "v" * (version + 1)
    draft = directory / "draft"
    draft.write_text(APP.format(version=version, length=len(version)))
    draft.rename(directory / "hello.py")
    return version.encode()


def bare_start(interpreter, directory):
    begun = time.perf_counter()
    subprocess.run([interpreter.python, "-c", "import hello"], cwd=directory, check=True, preexec_fn=pin(SERVER_CPU))
    return time.perf_counter() - begun


def wait_for(port, body, process):
    begun = time.perf_counter()
    until(lambda: answer(port, START_SECONDS) == body, START_SECONDS, process, "the new answer")
    return time.perf_counter() - begun


def lictor(bench, interpreter, runs):
    bare, drops, touches = [], [], []
    with Emperor(bench) as emperor:
        for number in range(runs):
            directory = emperor.home / f"app-{number}"
            directory.mkdir()
            body = write_app(directory, 0)
            bare.append(bare_start(interpreter, directory))
            port = free_port()
            emperor.drop(f"app{number}", vassal_text(interpreter, "hello", port, chdir=directory))
            drops.append(wait_for(port, body, emperor.process))
            # Let the drop settle: its last event must not speed the touch up.
            time.sleep(0.2)
            body = write_app(directory, 1)
            os.utime(emperor.vassals / f"app{number}.toml")
            touches.append(wait_for(port, body, emperor.process))
            (emperor.vassals / f"app{number}.toml").unlink()
            time.sleep(0.2)
    return bare, drops, touches


def uwsgi(bench, interpreter, runs):
    bare, drops, touches = [], [], []
    home = bench.fresh_directory("uwsgi")
    vassals = home / "vassals"
    vassals.mkdir()
    with Process(["uwsgi", "--emperor", vassals], log=home / "log") as process:
        time.sleep(1.5)
        for number in range(runs):
            directory = home / f"app-{number}"
            directory.mkdir()
            body = write_app(directory, 0)
            bare.append(bare_start(interpreter, directory))
            port = free_port()
            text = (
                f"[uwsgi]\nplugin = python3\nprocesses = 1\nmaster = true\nneed-app = true\n"
                f"die-on-term = true\nchdir = {directory}\nmodule = hello:application\n"
                f"http11-socket = 127.0.0.1:{port}\n"
            )
            (home / "draft").write_text(text)
            (home / "draft").rename(vassals / f"app{number}.ini")
            drops.append(wait_for(port, body, process))
            # It compares whole seconds; at different places within its own second.
            time.sleep(1.1 + 0.2 * number)
            body = write_app(directory, 1)
            os.utime(vassals / f"app{number}.ini")
            touches.append(wait_for(port, body, process))
            (vassals / f"app{number}.ini").unlink()
    return bare, drops, touches
