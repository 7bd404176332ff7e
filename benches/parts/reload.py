"""Reloads under traffic: the slowest answer, and whether anybody was refused."""

import os
import threading
import time

from harness.client import free_port
from harness.servers import Emperor, vassal_text
from harness.report import milliseconds
from harness.visitor import REQUESTS_PER_SECOND, Visitor

TOUCH_SECONDS = 0.5


def run(bench):
    touches = bench.rounds(20, 6)
    bench.report.part("reload", f"{touches} touches, {TOUCH_SECONDS} s apart, at {REQUESTS_PER_SECOND} requests per second.")
    rows = []
    for interpreter in bench.interpreters:
        kept, new = traffic(bench, interpreter, touches)
        for name, visitor in [("kept connections", kept), ("new connections", new)]:
            ordered = sorted(visitor.times)
            p99 = ordered[len(ordered) * 99 // 100]
            rows.append([interpreter.way, name, len(ordered), visitor.connections, milliseconds(p99),
                         milliseconds(ordered[-1]), len(visitor.failures), visitor.idle_cuts])
            if visitor.failures:
                bench.report.say(f"first failure: {visitor.failures[0]}\n")
    head = ["Python", "over", "answers", "connections", "p99, ms", "slowest, ms", "failures", "cut while idle"]
    bench.report.table(head, rows)


def traffic(bench, interpreter, touches):
    port, stop = free_port(), threading.Event()
    with Emperor(bench) as emperor:
        emperor.drop("app", vassal_text(interpreter, "hello", port))
        emperor.wait(port)
        visitors = [Visitor(port, is_keeping, stop) for is_keeping in (True, False)]
        for visitor in visitors:
            visitor.start()
        try:
            for _ in range(touches):
                time.sleep(TOUCH_SECONDS)
                os.utime(emperor.vassals / "app.toml")
            time.sleep(2 * TOUCH_SECONDS)
        finally:
            stop.set()
            for visitor in visitors:
                visitor.join(30)
    return visitors
