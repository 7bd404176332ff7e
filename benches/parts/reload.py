"""Reloads under traffic: the slowest answer, and whether anybody was refused."""

import os
import threading
import time

from harness.client import Connection, free_port
from harness.servers import Emperor, vassal_text
from harness.report import milliseconds

REQUESTS_PER_SECOND = 200
TOUCH_SECONDS = 0.5


class Visitor(threading.Thread):
    """Half of the traffic: a request at a time, over kept connections or new ones."""

    def __init__(self, port, is_keeping, stop):
        super().__init__()
        self.port, self.is_keeping, self.stop = port, is_keeping, stop
        self.times, self.failures, self.idle_cuts, self.connections = [], [], 0, 0

    def run(self):
        connection, is_used = None, False
        due = time.perf_counter()
        while not self.stop.is_set():
            begun = time.perf_counter()
            try:
                if connection is None:
                    connection, is_used = Connection(self.port), False
                    self.connections += 1
                status, _, is_closing = connection.get(is_last=not self.is_keeping)
                if status != 200:
                    self.failures.append(f"status {status}")
                self.times.append(time.perf_counter() - begun)
                if is_closing or not self.is_keeping:
                    connection.close()
                    connection = None
                is_used = True
            except (OSError, ValueError) as error:
                # A kept connection may be closed while a request is on its way (RFC 9112 §9.5).
                if is_used:
                    self.idle_cuts += 1
                else:
                    self.failures.append(repr(error))
                connection = None
            due += 2 / REQUESTS_PER_SECOND
            time.sleep(max(0, due - time.perf_counter()))


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
