"""Steady traffic from somebody who notices everything."""

import threading
import time

from .client import Connection

REQUESTS_PER_SECOND = 200


class Visitor(threading.Thread):
    """Half of the traffic: a request at a time, over kept connections or new ones."""

    def __init__(self, port, is_keeping, stop):
        super().__init__()
        self.port, self.is_keeping, self.stop = port, is_keeping, stop
        self.times, self.failures, self.idle_cuts, self.connections = [], [], 0, 0

    def run(self):
        connection, is_used = None, False
        due = time.perf_counter()
        while not self.stop.is_set():
            begun = time.perf_counter()
            try:
                if connection is None:
                    connection, is_used = Connection(self.port), False
                    self.connections += 1
                status, _, is_closing = connection.get(is_last=not self.is_keeping)
                if status != 200:
                    self.failures.append(f"status {status}")
                self.times.append(time.perf_counter() - begun)
                if is_closing or not self.is_keeping:
                    connection.close()
                    connection = None
                is_used = True
            except (OSError, ValueError) as error:
                # A kept connection may be closed while a request is on its way (RFC 9112 §9.5).
                if is_used:
                    self.idle_cuts += 1
                else:
                    self.failures.append(repr(error))
                connection = None
            due += 2 / REQUESTS_PER_SECOND
            time.sleep(max(0, due - time.perf_counter()))
