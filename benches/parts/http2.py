"""HTTP/2: hello over TLS, as browsers speak it, and in the clear, as proxies do."""

from harness.client import load_by_h2load
from harness.throughput import Work, ahead_of_all

APPS = {"WSGI": "hello", "ASGI": "asgi_hello"}
WIRES = {
    "TLS": ("h2", "over TLS 1.3 with one ECDSA certificate for all"),
    "in the clear": ("h2c", "in the clear, by prior knowledge"),
}


def run(bench):
    for how, (wire, told) in WIRES.items():
        for interface, module in APPS.items():
            work = Work(module, interface=interface.lower(), wire=wire, load=load_by_h2load)
            what = f"{interface} hello by HTTP/2 {told}, `h2load -t1 -c8 -m8`."
            ahead_of_all(bench, f"http2, {interface}, {how}", what, work)
