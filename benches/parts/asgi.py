"""ASGI: hello, FastAPI, and websockets."""

from harness.throughput import Work, ahead_of_all
from harness.websockets import load_by_websockets

GOAL, EAGER_GOAL = 2.0, 2.4


def run(bench):
    hello = Work("asgi_hello", interface="asgi")
    ahead_of_all(bench, "asgi", "Twelve bytes by ASGI, one worker, `wrk -t1 -c32`.", hello, goal)
    ahead_of_all(bench, "fastapi", "FastAPI's first JSON.", Work("fastapi_json", interface="asgi"))
    echo = Work("ws_echo", interface="asgi", has_websockets=True, unit="messages", load=load_by_websockets)
    ahead_of_all(bench, "websocket", "64 bytes sent and given back, 100 connections.", echo)


def goal(interpreter):
    # Eager tasks came with 3.12.
    has_eager = tuple(map(int, interpreter.version.split(".")[:2])) >= (3, 12)
    return EAGER_GOAL if has_eager else GOAL
