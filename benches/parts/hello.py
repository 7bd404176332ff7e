"""WSGI hello, one worker, kept connections: what a request costs beside the app."""

from harness.throughput import best, compare

GRANIAN_GOAL = 1.5
UWSGI_GOAL = 3.5


def run(bench):
    bench.report.part("hello", "Twelve bytes by WSGI, one worker, `wrk -t1 -c32`, medians of interleaved rounds.")
    if not bench.has_wrk:
        return bench.report.say("left out: no wrk")
    medians = compare(bench, "hello")
    for interpreter in bench.interpreters:
        kind = interpreter.kind
        ours, theirs = best(medians, kind, "lictor"), best(medians, kind, "granian")
        what = f"{interpreter.way}: {ours / theirs:.2f} × granian's better setting (≥ {GRANIAN_GOAL})"
        bench.report.goal(what, ours / theirs >= GRANIAN_GOAL)
    static, theirs = bench.interpreters[0].kind, best(medians, bench.interpreters[0].kind, "uWSGI")
    if theirs:
        ours = best(medians, static, "lictor")
        bench.report.goal(f"{ours / theirs:.2f} × uWSGI (≥ {UWSGI_GOAL})", ours / theirs >= UWSGI_GOAL)
