"""The table that a run has to fill: what is measured, and what is asked of it.

A part hands in its figures under these keys; one that nobody handed in is told as not measured, so a
part that failed or was left out cannot pass for a green one.
"""

AHEAD = "ahead of every peer"

# By key: the work, and the least that it is to reach.
GOALS = {
    "hello, bjoern": ("WSGI hello, 1 worker", "1.2 × bjoern"),
    "hello, granian": ("WSGI hello, 1 worker", "1.6 × granian's better setting"),
    "hello, uWSGI": ("WSGI hello, 1 worker", "3.5 × uWSGI"),
    "hello2, per CPU s": ("WSGI hello, 2 workers, per CPU second", AHEAD),
    "hello2, per s": ("WSGI hello, 2 workers, per second", AHEAD),
    "flask": ("Flask hello", AHEAD),
    "echo": ("WSGI 10 KB POST echo", AHEAD),
    "stream": ("WSGI 1 MiB streamed", AHEAD),
    "file": ("WSGI 100 KB file", AHEAD),
    "waiting": ("I/O-bound app, 8 threads", AHEAD),
    "waiting, late": ("I/O-bound app, 99th percentile at half load", "≤ 1.3 × the sleep"),
    "asgi": ("ASGI hello", "2.0 × the best; 2.4 × from 3.12 on"),
    "fastapi": ("FastAPI JSON", AHEAD),
    "websocket": ("websocket echo, 100 connections", AHEAD),
    "http2, WSGI, TLS": ("HTTP/2 hello, WSGI, over TLS", AHEAD),
    "http2, ASGI, TLS": ("HTTP/2 hello, ASGI, over TLS", AHEAD),
    "http2, WSGI, in the clear": ("HTTP/2 hello, WSGI, in the clear", AHEAD),
    "http2, ASGI, in the clear": ("HTTP/2 hello, ASGI, in the clear", AHEAD),
    "nginx, hello": ("behind nginx, hello", "ahead of uWSGI"),
    "nginx, echo": ("behind nginx, 10 KB POST echo", "ahead of uWSGI"),
    "weight, WSGI, alone": ("memory of a WSGI hello server, 1 worker", "below every peer"),
    "weight, WSGI, more": ("memory of each further WSGI worker", "below every peer"),
    "weight, ASGI, alone": ("memory of an ASGI hello server, 1 worker", "below every peer"),
    "weight, ASGI, more": ("memory of each further ASGI worker", "below every peer"),
    "memory, alone": ("memory of a vassal alone", "≤ 9 MiB"),
    "memory, many": ("memory of each vassal of many", "≤ 6 MiB"),
}
WAYS = ["executed", "embedded"]


def table(verdicts):
    """Head and rows of the whole table. `verdicts` is by key and way: what was reached, and if that is enough."""
    rows = []
    for key, (work, goal) in GOALS.items():
        reached = {way: verdicts[key, way] for way in WAYS if (key, way) in verdicts}
        cells = [reached[way][0] if way in reached else "–" for way in WAYS]
        rows.append([work, goal, *cells, colour([is_met for _, is_met in reached.values()])])
    return ["work", "at least", *WAYS, "verdict"], rows


def colour(verdicts):
    """One red makes the row red; nothing measured makes it nothing."""
    if not verdicts:
        return "not measured"
    return "green" if all(verdicts) else "**red**"
