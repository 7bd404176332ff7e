"""What a hello vassal weighs: master and one worker, alone and among a hundred.

The proportional set size shares each page among all who map it. A page that a process outside maps
too counts for less, so outsiders that use the same interpreter are told.
"""

import os
import time

from harness.fleet import Fleet
from harness.processes import Process, everybody, pss_kib
from harness.servers import APPS

ALONE_GOAL_MIB = 9
MANY_GOAL_MIB = 6


def run(bench):
    many = bench.rounds(100, 20)
    bench.report.part("memory", f"PSS in MiB after one request each, of one vassal alone and each of {many}.")
    rows, goals = [], []
    for interpreter in bench.interpreters:
        bare = weigh_bare(interpreter)
        rows.append([f"{interpreter.way}, the interpreter by itself", "–", f"{bare:.2f}", "–", "–", "–", "–"])
        for count, goal in [(1, ALONE_GOAL_MIB), (many, MANY_GOAL_MIB)]:
            weights, outsiders = weigh(bench, interpreter, count)
            each = (weights["master"] + weights["worker"]) / count
            rows.append([interpreter.way, count, f"{each:.2f}", f"{weights['master'] / count:.2f}",
                         f"{weights['worker'] / count:.2f}", f"{weights['emperor']:.1f}", outsiders])
            low = f", too low: {outsiders} other processes share its pages" if outsiders else ""
            key = "memory, alone" if count == 1 else "memory, many"
            goals.append((f"{each:.2f} MiB{low}", each <= goal, key, interpreter.way))
    head = ["Python", "vassals", "each", "its master", "its worker", "emperor, whole", "others on the same Python"]
    bench.report.table(head, rows)
    for goal in goals:
        bench.report.goal(*goal)


def weigh_bare(interpreter):
    """MiB of the interpreter after the same import, without any server."""
    command = [interpreter.python, "-c", "import hello, time; time.sleep(60)"]
    with Process(command, cwd=APPS) as process:
        time.sleep(1)
        return pss_kib(process.pid) / 1024


def weigh(bench, interpreter, count):
    """MiB by kind of process, and how many processes outside map the same interpreter."""
    with Fleet(bench, interpreter, count) as fleet:
        time.sleep(1)
        kinds = fleet.by_kind()
        weights = {kind: sum(map(pss_kib, pids)) / 1024 for kind, pids in kinds.items()}
        ours = set(everybody(fleet.emperor.pid))
        mapped = interpreter_files(kinds["worker"][0])
        others = [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) not in ours]
        return weights, sum(1 for pid in others if mapped & interpreter_files(pid))


def interpreter_files(pid):
    """The inodes of the interpreter or its library that a process maps."""
    try:
        with open(f"/proc/{pid}/maps") as file:
            rows = [line.split(None, 5) for line in file]
    except OSError:
        return set()
    files = [row for row in rows if len(row) == 6]
    return {row[4] for row in files if os.path.basename(row[5].strip()).startswith(("python", "libpython"))}
