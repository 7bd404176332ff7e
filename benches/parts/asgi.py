"""ASGI: hello, FastAPI, and websockets."""

from harness.throughput import Work, ahead_of_all, best, best_peer, compare
from harness.websockets import load_by_websockets

GOAL, EAGER_GOAL = 2.0, 2.4


def run(bench):
    bench.report.part("asgi", "Twelve bytes by ASGI, one worker, `wrk -t1 -c32`, medians of interleaved rounds.")
    if not bench.has_wrk:
        return bench.report.say("left out: no wrk")
    measured = compare(bench, Work("asgi_hello", interface="asgi"))
    for interpreter in bench.interpreters:
        # Eager tasks came with 3.12.
        has_eager = tuple(map(int, interpreter.version.split(".")[:2])) >= (3, 12)
        goal = EAGER_GOAL if has_eager else GOAL
        ours = best(measured, interpreter.kind, "lictor")
        theirs, name = best_peer(measured, interpreter.kind)
        bench.report.goal(f"{interpreter.way}: {ours / theirs:.2f} × {name} (≥ {goal})", ours / theirs >= goal)
    ahead_of_all(bench, "fastapi", "FastAPI's first JSON.", Work("fastapi_json", interface="asgi"))
    echo = Work("ws_echo", interface="asgi", has_websockets=True, unit="messages", load=load_by_websockets)
    ahead_of_all(bench, "websocket", "64 bytes sent and given back, 100 connections.", echo)

