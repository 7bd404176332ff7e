"""Many vassals at once: coming up, being adopted, being stopped."""

import json
import os
import signal
import time

from harness.servers import Emperor, vassal_text

UP_SECONDS, ADOPT_SECONDS, STOP_SECONDS = 40, 1, 2
PATIENCE_SECONDS = 300


def run(bench):
    many, some = bench.rounds(1000, 100), bench.rounds(100, 30)
    bench.report.part("fleets", "Hello vassals with one worker each, on unix sockets and all CPUs.")
    rows = []
    for interpreter in bench.interpreters:
        times = {count: lives(bench, interpreter, count) for count in (many, some)}
        for count, seconds in times.items():
            rows.append([interpreter.way, count, *(f"{time:.2f}" for time in seconds)])
        up, (_, adopted, stopped) = times[many][0], times[some]
        bench.report.goal(f"{interpreter.way}: {many} vassals up in {up:.1f} s (≤ 40)", up <= UP_SECONDS)
        bench.report.goal(f"{interpreter.way}: {some} adopted in {adopted:.2f} s (≤ 1)", adopted <= ADOPT_SECONDS)
        bench.report.goal(f"{interpreter.way}: {some} idle ones stopped in {stopped:.2f} s (≤ 2)", stopped <= STOP_SECONDS)
    bench.report.table(["Python", "vassals", "up, s", "adopted, s", "stopped, s"], rows)


def lives(bench, interpreter, count):
    """Seconds until all are up, until all are adopted by another emperor, until all are gone."""
    emperor = Emperor(bench, cpu=None)
    for number in range(count):
        text = vassal_text(interpreter, "hello", 0)
        socket = emperor.home / f"{number}.sock"
        emperor.drop(f"hello{number}", text.replace('"127.0.0.1:0"', f'"{socket}"'))
    try:
        up = timed(emperor, emperor.start, lambda: ready(emperor) == count)
        emperor.kill()
        adopted = timed(emperor, emperor.start, lambda: emperor.said("adopted as it runs") == count)
        begun = time.perf_counter()
        os.kill(emperor.pid, signal.SIGTERM)
        emperor.process.child.wait(PATIENCE_SECONDS)
        return up, adopted, time.perf_counter() - begun
    finally:
        emperor.__exit__()


def timed(emperor, action, condition):
    begun = time.perf_counter()
    action()
    while not condition():
        if time.perf_counter() - begun > PATIENCE_SECONDS:
            raise RuntimeError(f"not within {PATIENCE_SECONDS} s:\n{emperor.process.last_words()}")
        time.sleep(0.05)
    return time.perf_counter() - begun


def ready(emperor):
    ran = emperor.run("status", "--json")
    if ran.returncode:
        return 0
    return sum(vassal["state"] == "ready" for vassal in json.loads(ran.stdout)["vassals"])
