"""Work per CPU second of several servers, in interleaved rounds, as medians and ratios."""

import contextlib
import statistics
from dataclasses import dataclass, field
from typing import Callable

from .client import load_by_wrk
from .peers import peers
from .report import Figure, ratio
from .servers import Lictor

# After these rounds, who has less than this share of the best peer's work is measured no further: no
# median could make it the best one.
FIRST_ROUNDS = 2
FAR_BEHIND = 0.7


@dataclass
class Work:
    """What is asked of all contenders alike."""

    module: str
    interface: str = "wsgi"
    workers: int = 1
    threads: int = 1
    # Of those in `places`.
    wire: str = "http"
    has_websockets: bool = False
    # What is done, in the words of the report.
    unit: str = "requests"
    # Of a server and a number of seconds: per CPU second of its tree, and per second.
    load: Callable = load_by_wrk


@dataclass
class Measured:
    """One contender, and its rounds."""

    interpreter: object
    server: object
    per_cpu: list = field(default_factory=list)
    rates: list = field(default_factory=list)
    # Rounds in which it did not answer well, which count as none.
    failed: int = 0

    @property
    def name(self):
        return self.server.name

    @property
    def is_ours(self):
        return self.name.startswith("lictor")

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

    def measure(self, work, seconds):
        try:
            per_cpu, rate = work.load(self.server, seconds)
        except RuntimeError as error:
            print(f"{self.name}: {error}", flush=True)
            self.failed += 1
            return
        self.per_cpu.append(per_cpu)
        self.rates.append(rate)


class Results:
    """All contenders of one work."""

    def __init__(self, measured):
        self.measured = measured

    def of(self, interpreter):
        return [one for one in self.measured if one.interpreter is interpreter]

    def ours(self, interpreter, what="median"):
        return max(getattr(one, what) for one in self.of(interpreter) if one.is_ours)

    def best(self, interpreter, name="", what="median"):
        """Figure and name of the strongest peer, or of the best setting of one; (0, None) if there is none."""
        peers = [one for one in self.of(interpreter) if not one.is_ours and one.name.startswith(name)]
        one = max(peers, key=lambda one: getattr(one, what), default=None)
        return (getattr(one, what), one.name) if one else (0, None)


def contenders(bench, work):
    """Pairs of an interpreter and a server on it."""
    for interpreter in bench.interpreters:
        yield interpreter, Lictor(bench, interpreter, work)
        if work.wire == "nginx":
            yield interpreter, Lictor(bench, interpreter, work, way="uwsgi")
        for peer in peers(bench, interpreter, work):
            yield interpreter, peer


def compare(bench, work):
    """Measures all contenders and prints the table. All run at the same time and all but one are idle."""
    rounds, seconds = bench.rounds(5, 1), bench.rounds(1, 1)
    results = Results([Measured(*pair) for pair in contenders(bench, work)])
    with contextlib.ExitStack() as stack:
        running = [one for one in results.measured if is_up(one, stack)]
        for one in running if not bench.is_quick else []:
            # What an interpreter learns of its code in the first second counts for nobody.
            with contextlib.suppress(RuntimeError):
                work.load(one.server, seconds)
        for number in range(rounds):
            for one in running:
                if number < FIRST_ROUNDS or not is_far_behind(one, results):
                    one.measure(work, seconds)
    print_table(bench, work, results)
    return results


def is_up(one, stack):
    try:
        stack.enter_context(one.server)
        return True
    except (RuntimeError, OSError) as error:
        print(f"{one.name}: {error}", flush=True)
        one.failed += 1
        return False


def is_far_behind(one, results):
    return not one.is_ours and one.median < FAR_BEHIND * results.best(one.interpreter)[0]


def print_table(bench, work, results):
    rows = []
    for one in results.measured:
        ours = results.ours(one.interpreter)
        rows.append([one.interpreter.kind, one.name, thousands(one.median), one.range, len(one.per_cpu),
                     thousands(one.rate), ratio(ours, one.median)])
    head = ["Python", "server", f"{work.unit} per CPU s", "range", "rounds", f"{work.unit} per s",
            "Lictor's ratio to it"]
    bench.report.table(head, rows)


def thousands(number):
    return f"{number / 1000:.1f}k" if number >= 1000 else f"{number:.0f}"


def ahead_of_all(bench, name, what, work, goal=lambda interpreter: 1):
    """A table whose goal is to be ahead of every peer in work per CPU second, or so many times ahead."""
    bench.report.part(name, f"{what} Medians of interleaved rounds.")
    results = compare(bench, work)
    for interpreter in bench.interpreters:
        judge(bench, name, results, interpreter, goal=goal(interpreter))
    return results


def judge(bench, key, results, interpreter, peer="", goal=1, what="median"):
    """Lictor against the best peer, or the best setting of one, as a goal of the table and bars of the plot."""
    ours, (theirs, name) = results.ours(interpreter, what), results.best(interpreter, peer, what)
    if not theirs:
        return
    # To be ahead is more than to be level.
    is_met = ours > theirs if goal == 1 else ours >= goal * theirs
    bench.report.goal(f"{ours / theirs:.2f} × {name}", is_met, key, interpreter.way)
    bars = {}
    for one in results.of(interpreter):
        server = one.name.split(",")[0]
        bars[server] = max(bars.get(server, 0), getattr(one, what))
    bench.report.draw(Figure(key, interpreter.way, bars, against=name.split(",")[0], goal=goal))
