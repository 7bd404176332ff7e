"""Requests per CPU second of several servers, in interleaved rounds, as medians and ratios."""

import statistics

from .client import load
from .report import ratio
from .servers import GRANIAN_SETTINGS, Lictor, granian, gunicorn, uwsgi


def contenders(bench, module):
    """Pairs of an interpreter and a server on it."""
    for interpreter in bench.interpreters:
        yield interpreter, Lictor(bench, interpreter, module)
        for setting in GRANIAN_SETTINGS:
            yield interpreter, granian(bench, interpreter, module, setting)
        if interpreter is bench.interpreters[0]:
            yield interpreter, gunicorn(bench, interpreter, module)
            if bench.has_uwsgi:
                yield interpreter, uwsgi(bench, interpreter, module)


def compare(bench, module):
    """Measures all contenders and prints the table. Gives the medians by (kind of build, name)."""
    rounds, seconds = bench.rounds(5, 2), bench.rounds(3, 2)
    entries = list(contenders(bench, module))
    measured = {(interpreter.kind, server.name): [] for interpreter, server in entries}
    rates = {key: [] for key in measured}
    for _ in range(rounds):
        for interpreter, server in entries:
            with server:
                per_cpu, rate = load(server.pid, server.port, seconds)
            measured[interpreter.kind, server.name].append(per_cpu)
            rates[interpreter.kind, server.name].append(rate)
    medians = {key: statistics.median(values) for key, values in measured.items()}
    rows = []
    for (kind, name), median in medians.items():
        ours = next(value for (k, n), value in medians.items() if k == kind and n.startswith("lictor"))
        values = measured[kind, name]
        rows.append([
            kind, name, f"{median / 1000:.1f}k", f"{min(values) / 1000:.1f}–{max(values) / 1000:.1f}k",
            f"{statistics.median(rates[kind, name]) / 1000:.1f}k", ratio(ours, median),
        ])
    head = ["Python", "server", "requests per CPU s", "range", "requests per s", "Lictor's ratio to it"]
    bench.report.table(head, rows)
    return medians


def best(medians, kind, name):
    """The best of the settings of one server."""
    return max((value for (k, n), value in medians.items() if k == kind and n.startswith(name)), default=None)
