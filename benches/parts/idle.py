"""Who wakes up while nothing happens: a machine full of quiet apps should be quiet."""

import time

from harness.fleet import Fleet
from harness.processes import context_switches

# One slow look of the emperor may fall into the window.
EMPEROR_LIMIT = 10
HEARTBEAT_SECONDS = 10
SWITCHES_PER_BEAT = 4


def run(bench):
    count, seconds = bench.rounds(100, 20), bench.rounds(20, 10)
    what = f"Context switches of {count} idle vassals in {seconds} s, all threads of all processes."
    bench.report.part("idle", what)
    interpreter = bench.interpreters[0]
    with Fleet(bench, interpreter, count) as fleet:
        kinds = fleet.by_kind()
        time.sleep(5)
        before = {kind: list(map(context_switches, pids)) for kind, pids in kinds.items()}
        time.sleep(seconds)
        after = {kind: list(map(context_switches, pids)) for kind, pids in kinds.items()}
    wakes = {kind: [b - a for a, b in zip(before[kind], after[kind])] for kind in kinds}
    rows = [[kind, len(counts), sum(counts), max(counts)] for kind, counts in wakes.items()]
    bench.report.table(["process", "how many", "switches, all", "switches, most in one"], rows)
    # A heartbeat is one question and one answer, each a wait that ends and one that begins.
    beats = count * (seconds // HEARTBEAT_SECONDS + 1)
    is_met = (
        sum(wakes["master"]) <= beats * SWITCHES_PER_BEAT
        and sum(wakes["worker"]) <= beats * SWITCHES_PER_BEAT
        and sum(wakes["emperor"]) <= EMPEROR_LIMIT
    )
    total = sum(map(sum, wakes.values()))
    bench.report.goal(f"{total} switches in {seconds} s (heartbeats and the emperor's slow look)", is_met)
