"""Requests per CPU second of several servers, in interleaved rounds, as medians and ratios."""

import statistics
from dataclasses import dataclass
from typing import Callable

from .client import load_by_wrk
from .peers import peers
from .report import ratio
from .servers import Lictor


@dataclass
class Work:
    """What is asked of all contenders alike."""

    module: str
    interface: str = "wsgi"
    workers: int = 1
    threads: int = 1
    # Further lines of Lictor's vassal file.
    options: str = ""
    has_websockets: bool = False
    is_http2: bool = False
    # What is done, in the words of the report.
    unit: str = "requests"
    # Of a process tree, a port and a number of seconds: per CPU second of the tree, and per second.
    load: Callable = load_by_wrk


@dataclass
class Measured:
    """The rounds of one contender."""

    per_cpu: list
    rates: list
    # Rounds in which it did not answer well, which count as none.
    failed: int = 0

    @property
    def median(self):
        return statistics.median(self.per_cpu) if self.per_cpu else 0

    @property
    def rate(self):
        return statistics.median(self.rates) if self.rates else 0

    @property
    def range(self):
        failed = f", failed {self.failed} ×" if self.failed else ""
        return f"{thousands(min(self.per_cpu))}–{thousands(max(self.per_cpu))}{failed}" if self.per_cpu else "failed"


def contenders(bench, work):
    """Pairs of an interpreter and a server on it."""
    for interpreter in bench.interpreters:
        yield interpreter, Lictor(bench, interpreter, work)
        for peer in peers(bench, interpreter, work):
            yield interpreter, peer


def compare(bench, work):
    """Measures all contenders and prints the table. Gives what was measured by (kind of build, name)."""
    rounds, seconds = bench.rounds(5, 2), bench.rounds(3, 2)
    entries = list(contenders(bench, work))
    measured = {(interpreter.kind, server.name): Measured([], []) for interpreter, server in entries}
    for _ in range(rounds):
        for interpreter, server in entries:
            one = measured[interpreter.kind, server.name]
            try:
                with server:
                    per_cpu, rate = work.load(server.pid, server.port, seconds)
            except RuntimeError as error:
                print(f"{server.name}: {error}", flush=True)
                one.failed += 1
                continue
            one.per_cpu.append(per_cpu)
            one.rates.append(rate)
    rows = []
    for (kind, name), one in measured.items():
        ours = next(value for (k, n), value in measured.items() if k == kind and n.startswith("lictor"))
        rows.append([
            kind, name, thousands(one.median), one.range, thousands(one.rate), ratio(ours.median, one.median),
        ])
    head = ["Python", "server", f"{work.unit} per CPU s", "range", f"{work.unit} per s", "Lictor's ratio to it"]
    bench.report.table(head, rows)
    return measured


def thousands(number):
    return f"{number / 1000:.1f}k" if number >= 1000 else f"{number:.0f}"


def best(measured, kind, name, what="median"):
    """The best of the settings of one server."""
    values = (getattr(one, what) for (k, n), one in measured.items() if k == kind and n.startswith(name))
    return max(values, default=None)


def best_peer(measured, kind, what="median"):
    """Name and figure of the strongest that is not Lictor."""
    others = [(getattr(one, what), n) for (k, n), one in measured.items() if k == kind and not n.startswith("lictor")]
    return max(others)


def ahead_of_all(bench, name, what, work):
    """A table whose goal is to be ahead of every peer in work per CPU second."""
    bench.report.part(name, f"{what} Medians of interleaved rounds.")
    if not bench.has_wrk:
        return bench.report.say("left out: no wrk")
    measured = compare(bench, work)
    for interpreter in bench.interpreters:
        ours = best(measured, interpreter.kind, "lictor")
        theirs, peer = best_peer(measured, interpreter.kind)
        bench.report.goal(f"{interpreter.way}: {ours / theirs:.2f} × {peer} (> 1)", ours > theirs)
