"""Load by websockets."""

import subprocess
import sys
from pathlib import Path

from .client import per_cpu_second
from .processes import CLIENT_CPU, pin

CLIENT = Path(__file__).resolve().parent / "websocket_client.py"


def load_by_websockets(server, seconds):
    """Messages echoed per CPU second of the server, and per second."""
    def work():
        command = [sys.executable, CLIENT, str(server.place.port), str(seconds)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds + 60, preexec_fn=pin(CLIENT_CPU),
        )
        if done.returncode != 0:
            raise RuntimeError(f"the websocket client failed:\n{done.stderr}")
        count = int(done.stdout)
        return count, count / seconds
    return per_cpu_second(server.pid, work)
