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
    bench.report.say(f"\nAt half load, {THREADS // 2} connections:\n")
    rows, ours = [], {}
    for interpreter, server in contenders(bench, work):
        try:
            with server:
                _, rate, late = wrk(server.place.port, bench.rounds(4, 2), connections=THREADS // 2)
        except RuntimeError as error:
            print(f"{server.name}: {error}", flush=True)
            rows.append([interpreter.kind, server.name, "failed", "–"])
            continue
        rows.append([interpreter.kind, server.name, f"{rate:.0f}", milliseconds(late)])
        if server.name.startswith("lictor"):
            ours[interpreter.way] = late / SLEEP_SECONDS
    bench.report.table(["Python", "server", "requests per s", "99th percentile, ms"], rows)
    for way, times in ours.items():
        bench.report.goal(f"{times:.2f} × the sleep", times <= LATE_GOAL, "waiting, late", way)
