"""What a server with a hello worker weighs, and each worker more: the proportional set size of the whole
process tree after a thousand requests.

A page that several processes share counts once in their sum, so what is forked after the import costs
less than what imports for itself. One server runs at a time: two on the same interpreter would share
its pages and both look lighter.
"""

import time

from harness.client import ask
from harness.peers import Peer, peers
from harness.processes import everybody, pss_kib, tree
from harness.report import Figure
from harness.servers import Lictor
from harness.throughput import Work

REQUESTS, CONNECTIONS = 1000, 20
# What a worker more weighs is seen between the second and the last: one worker has no supervisor with some.
WORKERS = [1, 2, 4]
APPS = {"WSGI": "hello", "ASGI": "asgi_hello"}


def run(bench):
    for interface, module in APPS.items():
        bench.report.part(
            f"weight, {interface}", f"PSS in MiB of the whole process tree after {REQUESTS} requests of {interface} "
            "hello. The row's Lictor is `lictor serve`; one under an emperor is the same with room for more.")
        rows = []
        for interpreter in bench.interpreters:
            weights = weigh_all(bench, interpreter, interface, module)
            rows += rows_of(interpreter, weights)
            judge(bench, interpreter, interface, weights)
        counts = [f"{count} worker{'s' * (count > 1)}" for count in WORKERS]
        head = ["Python", "server", *counts, "each more", "its one worker"]
        bench.report.table(head, rows)


def weigh_all(bench, interpreter, interface, module):
    """By server: MiB by number of workers, and of the process that answers alone."""
    weights = {}
    for count in WORKERS:
        work = Work(module, interface=interface.lower(), workers=count)
        for server in [serve(bench, interpreter, work), Lictor(bench, interpreter, work),
                       *peers(bench, interpreter, work)]:
            name = "lictor under an emperor" if isinstance(server, Lictor) else server.name
            try:
                weights.setdefault(name, {})[count] = weigh(server)
            except RuntimeError as error:
                print(f"{name}: {error}", flush=True)
    return {name: each for name, each in weights.items() if len(each) == len(WORKERS)}


def serve(bench, interpreter, work):
    return Peer(bench, work, "lictor serve", [
        bench.lictor, "serve", f"{work.module}:application", "--http", "127.0.0.1:PORT",
        "--processes", work.workers, "--virtualenv", interpreter.venv,
    ])


def weigh(server):
    with server:
        ask(server.place.port, REQUESTS, CONNECTIONS)
        time.sleep(0.5)
        deepest = tree(server.pid)[-1]
        return sum(map(pss_kib, everybody(server.pid))) / 1024, max(map(pss_kib, deepest)) / 1024


def more(each):
    """MiB of one worker more."""
    return (each[WORKERS[-1]][0] - each[2][0]) / (WORKERS[-1] - 2)


def rows_of(interpreter, weights):
    for name, each in weights.items():
        yield [interpreter.kind, name, *(f"{each[count][0]:.1f}" for count in WORKERS), f"{more(each):.1f}",
               f"{each[1][1]:.1f}"]


def judge(bench, interpreter, interface, weights):
    for kind, weight in [("alone", lambda each: each[1][0]), ("more", more)]:
        ours = weight(weights["lictor serve"])
        others = {name: weight(each) for name, each in weights.items() if not name.startswith("lictor")}
        lightest = min(others, key=others.get)
        key = f"weight, {interface}, {kind}"
        reached = f"{ours:.1f} MiB, {lightest} {others[lightest]:.1f}"
        bench.report.goal(reached, ours < others[lightest], key, interpreter.way)
        bars = {"lictor": ours}
        for name, value in others.items():
            server = name.split(",")[0]
            bars[server] = min(bars.get(server, value), value)
        bench.report.draw(Figure(key, interpreter.way, bars, lightest.split(",")[0], is_less_better=True))
