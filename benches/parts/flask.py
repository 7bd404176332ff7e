"""Flask hello: what is left of the difference when the app costs something."""

from harness.throughput import compare


def run(bench):
    bench.report.part("flask", "Flask's hello, one worker, `wrk -t1 -c32`, medians of interleaved rounds.")
    if not bench.has_wrk:
        return bench.report.say("left out: no wrk")
    compare(bench, "flask_hello")
