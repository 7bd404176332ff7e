"""WSGI hello, kept connections: what a request costs beside the app."""

from harness.throughput import Work, compare, judge

# One worker, by peer: bjoern is C on one thread without limits or timeouts.
GOALS = {"bjoern": 1.2, "granian": 1.6, "uWSGI": 3.5}


def run(bench):
    bench.report.part("hello", "Twelve bytes by WSGI, one worker, `wrk -t1 -c32`, medians of interleaved rounds.")
    results = compare(bench, Work("hello"))
    for interpreter in bench.interpreters:
        for name, goal in GOALS.items():
            judge(bench, f"hello, {name}", results, interpreter, name, goal)
    bench.report.part("hello2", "The same with two workers, all on the one CPU.")
    results = compare(bench, Work("hello", workers=2))
    for interpreter in bench.interpreters:
        judge(bench, "hello2, per CPU s", results, interpreter)
        judge(bench, "hello2, per s", results, interpreter, what="rate")
