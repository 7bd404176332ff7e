"""What a site's visitors see while things go wrong behind it."""

import os
import threading
import time

from harness.client import free_port
from harness.report import milliseconds
from harness.servers import START_SECONDS, Emperor, vassal_text
from harness.visitor import REQUESTS_PER_SECOND, Visitor

GOAL_SECONDS = 0.150
GOOD = """def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "1")])
    return [b"0"]
"""
BROKEN = "import a_module_that_is_not_there\n"


def run(bench):
    reloads, others = bench.rounds(100, 10), bench.rounds(20, 3)
    bench.report.part(
        "trouble",
        f"{reloads} reloads, {others} broken deploys, {others} emperors killed by SIGKILL and {others} upgrades, "
        f"one after the other, at {REQUESTS_PER_SECOND} requests per second from new and kept connections.",
    )
    rows, failures, slowest = [], 0, 0
    for interpreter in bench.interpreters:
        for what, trouble, times in [
            ("reload", reload, reloads),
            ("broken deploy", deploy_broken, others),
            ("emperor killed", kill_emperor, others),
            ("upgrade", upgrade, others),
        ]:
            visitors = traffic(bench, interpreter, trouble, times)
            answers = sorted(time for visitor in visitors for time in visitor.times)
            failed = [failure for visitor in visitors for failure in visitor.failures]
            cuts = sum(visitor.idle_cuts for visitor in visitors)
            rows.append([interpreter.way, what, times, len(answers), milliseconds(answers[len(answers) * 99 // 100]),
                         milliseconds(answers[-1]), len(failed), cuts])
            failures += len(failed)
            if failed:
                bench.report.say(f"first failure: {failed[0]}\n")
            if what == "reload":
                slowest = max(slowest, answers[-1])
    head = ["Python", "trouble", "times", "answers", "p99, ms", "slowest, ms", "failures", "cut while idle"]
    bench.report.table(head, rows)
    bench.report.goal(f"{failures} failed requests (0)", failures == 0)
    bench.report.goal(f"slowest answer during reloads {milliseconds(slowest)} ms (< 150)", slowest < GOAL_SECONDS)


def traffic(bench, interpreter, trouble, times):
    app = bench.fresh_directory("app")
    write(app, GOOD)
    port, stop = free_port(), threading.Event()
    with Emperor(bench) as emperor:
        emperor.drop("app", vassal_text(interpreter, "hello", port, chdir=app))
        emperor.wait(port)
        visitors = [Visitor(port, is_keeping, stop) for is_keeping in (True, False)]
        for visitor in visitors:
            visitor.start()
        try:
            for number in range(times):
                trouble(emperor, app, number)
        finally:
            time.sleep(0.5)
            stop.set()
            for visitor in visitors:
                visitor.join(30)
    return visitors


def write(app, text):
    draft = app / "draft"
    draft.write_text(text)
    draft.rename(app / "hello.py")


def touch(emperor):
    os.utime(emperor.vassals / "app.toml")


def come_true(emperor, condition, what):
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not within {START_SECONDS} s:\n{emperor.process.last_words()}")
        time.sleep(0.01)


def reload(emperor, app, number):
    ran = emperor.run("reload", "app", "--wait")
    if ran.returncode:
        raise RuntimeError(ran.stderr)


def deploy_broken(emperor, app, number):
    write(app, BROKEN)
    touch(emperor)
    come_true(emperor, lambda: emperor.said("import: ModuleNotFoundError") > number, "a failure")
    write(app, GOOD)


def kill_emperor(emperor, app, number):
    emperor.kill()
    time.sleep(0.1)
    emperor.start()
    come_true(emperor, lambda: emperor.said("adopted as it runs") > number, "an adoption")


def upgrade(emperor, app, number):
    ran = emperor.run("upgrade")
    if ran.returncode:
        raise RuntimeError(ran.stderr)
    come_true(emperor, lambda: emperor.said("adopted as it runs") > number, "an adoption")
