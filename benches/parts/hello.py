"""WSGI hello, kept connections: what a request costs beside the app."""

from harness.throughput import Work, best, best_peer, compare

# One worker, by peer: bjoern is C on one thread without limits or timeouts.
GOALS = {"bjoern": 1.2, "granian": 1.6, "uWSGI": 3.5}


def run(bench):
    bench.report.part("hello", "Twelve bytes by WSGI, one worker, `wrk -t1 -c32`, medians of interleaved rounds.")
    if not bench.has_wrk:
        return bench.report.say("left out: no wrk")
    measured = compare(bench, Work("hello"))
    for interpreter in bench.interpreters:
        ours = best(measured, interpreter.kind, "lictor")
        for name, goal in GOALS.items():
            theirs = best(measured, interpreter.kind, name)
            if theirs:
                what = f"{interpreter.way}: {ours / theirs:.2f} × {name} (≥ {goal})"
                bench.report.goal(what, ours / theirs >= goal)
    bench.report.part("hello2", "The same with two workers, all on the one CPU.")
    measured = compare(bench, Work("hello", workers=2))
    for interpreter in bench.interpreters:
        for what, unit in [("median", "per CPU s"), ("rate", "per s")]:
            ours = best(measured, interpreter.kind, "lictor", what)
            theirs, name = best_peer(measured, interpreter.kind, what)
            bench.report.goal(f"{interpreter.way}: {ours / theirs:.2f} × {name} {unit} (> 1)", ours > theirs)
