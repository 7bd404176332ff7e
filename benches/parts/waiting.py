"""An app that waits 10 ms in each request, with eight threads: throughput, and how late answers are."""

from harness.client import wrk
from harness.report import milliseconds
from harness.throughput import Work, ahead_of_all, contenders

THREADS = 8
SLEEP_SECONDS = 0.01
LATE_GOAL = 1.3


def run(bench):
    work = Work("sleep", threads=THREADS)
    ahead_of_all(bench, "waiting", f"Ten milliseconds of sleep a request, {THREADS} threads, `wrk -t1 -c32`.", work)
    if not bench.has_wrk:
        return
    bench.report.say(f"At half load, {THREADS // 2} connections:\n")
    rows, ours = [], {}
    for interpreter, server in contenders(bench, work):
        with server:
            _, rate, late = wrk(server.port, bench.rounds(5, 2), connections=THREADS // 2)
        rows.append([interpreter.kind, server.name, f"{rate:.0f}", milliseconds(late)])
        if server.name.startswith("lictor"):
            ours[interpreter.way] = late / SLEEP_SECONDS
    bench.report.table(["Python", "server", "requests per s", "99th percentile, ms"], rows)
    for way, times in ours.items():
        bench.report.goal(f"{way}: 99th percentile {times:.2f} × the sleep (≤ {LATE_GOAL})", times <= LATE_GOAL)
