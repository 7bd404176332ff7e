"""Behind nginx, on a unix socket: how most sites run.

nginx runs on the clients' CPU and is not measured; it passes on by its own client of the uwsgi
protocol or by HTTP, on kept connections to whoever can keep several.
"""

from functools import partial
from pathlib import Path

from harness.client import load_by_wrk
from harness.throughput import Work, compare, judge

POST = Path(__file__).resolve().parent.parent / "harness" / "post.lua"


def run(bench):
    post = partial(load_by_wrk, script=POST)
    works = [
        ("hello", "Twelve bytes by WSGI", Work("hello", wire="nginx")),
        ("echo", "Ten kilobytes posted and given back", Work("echo", wire="nginx", load=post)),
    ]
    for name, what, work in works:
        bench.report.part(
            f"nginx, {name}", f"{what} through nginx on a unix socket, medians of interleaved rounds. nginx shares "
            "the clients' CPU, so it and not the server bounds the requests per second.")
        results = compare(bench, work)
        for interpreter in bench.interpreters:
            judge(bench, f"nginx, {name}", results, interpreter, "uWSGI")
