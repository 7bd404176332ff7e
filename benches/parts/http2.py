"""HTTP/2 in the clear, with prior knowledge."""

from harness.client import load_by_h2load
from harness.throughput import Work, ahead_of_all


def run(bench):
    work = Work("asgi_hello", interface="asgi", is_http2=True, options="http2 = true\n", load=load_by_h2load)
    ahead_of_all(bench, "http2", "ASGI hello by HTTP/2, `h2load -c8 -m8`.", work)
