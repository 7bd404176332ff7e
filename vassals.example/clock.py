"""A streamed answer: each line reaches the client when it is made, not at the end."""

import os
import time

TICKS = int(os.environ.get("CLOCK_TICKS", "3"))


def ticks():
    for tick in range(TICKS):
        if tick:
            time.sleep(0.2)
        yield f"{time.strftime('%H:%M:%S')} tick {tick + 1} of {TICKS}\n".encode()


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return ticks()
