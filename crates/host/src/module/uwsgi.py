"""uWSGI's module as Lictor has it: the same names and types. `docs/uwsgi-module.md` lists them.

New code had better import `lictor`, which has text where this has bytes.
"""

import os as _os
import sys as _sys

import _lictor_module as _core
from _lictor_absent import NAMES as _absent
from _lictor_module import (  # noqa: F401
    NoRequest,
    NotHere,
    accepting,
    cl,
    connection_fd,
    disconnect,
    is_connected,
    is_locked,
    listen_queue,
    lock,
    log,
    log_this_request,
    logsize,
    masterpid,
    mem,
    micros,
    mypid,
    ready,
    reload,
    request_id,
    sendfile,
    set_logvar,
    setprocname,
    stop,
    total_requests,
    worker_id,
)

SPOOL_OK, SPOOL_RETRY, SPOOL_IGNORE = -2, -1, 0

globals().update(_absent)

wlock = lock


def unlock(number=0):
    """Gives up a lock; one that the thread does not hold is left alone, as uWSGI does."""
    _core._host.unlock(number)


def get_logvar(name):
    """What `set_logvar` has set for this request, as bytes, or None."""
    return _core.logvar(name)


def workers():
    """A tuple of dicts, one for each worker."""
    return tuple(_as_uwsgi(worker) for worker in _core.workers())


def _as_uwsgi(worker):
    app = {
        "id": 0,
        "modifier1": 0,
        "mountpoint": b"",
        "startup_time": 0,
        "interpreter": 0,
        "callable": 0,
        "requests": worker["requests"],
        "exceptions": worker["exceptions"],
        "chdir": _core.as_bytes(_facts["chdir"]),
    }
    return {**worker, "status": worker["status"].encode(), "signals": 0, "apps": (app,)}


def mule_id():
    """0: there are no mules."""
    return 0


def in_farm(name=None):
    """False: there are no farms."""
    return False


def i_am_the_spooler():
    """None: there is no spooler."""


def rpc_list():
    """Empty: nothing can be registered."""
    return ()


def _opt():
    # What is so in any vassal comes first; libraries ask for it before they start threads.
    always = ("master", "enable-threads", "single-interpreter", "need-app", "py-call-uwsgi-fork-hooks")
    options = dict.fromkeys(always, True)
    for key, value in _core._host.given().items():
        if isinstance(value, list):
            value = [_core.as_bytes(item) for item in value]
        elif isinstance(value, str):
            value = _core.as_bytes(value)
        options[key] = value
    for key in always:
        options[key] = True
    return options


def _magic_table():
    import time

    path = _facts["file"]
    folder, name = _os.path.split(path)
    table = {
        "%": "%",
        "(": "%(",
        "[": "\x1b",
        "V": "2.0.31",
        "h": _os.uname().nodename,
        "k": str(_os.cpu_count() or 1),
        "o": path,
        "p": path,
        "s": name,
        "d": folder + "/",
        "c": _os.path.basename(folder),
        "v": folder,
        "n": name.rpartition(".")[0] or name,
        "e": name.rpartition(".")[2],
        "u": str(_os.getuid()),
        "g": str(_os.getgid()),
        "t": str(_facts["started_on"]),
        "T": str(time.time_ns() // 1000),
    }
    for number, part in enumerate(folder.strip("/").split("/")[:10]):
        table[str(number)] = part
    return {key.encode(): _core.as_bytes(value) for key, value in table.items()}


_facts = _core._facts
version = b"2.0.31"
version_info = (2, 0, 31, 0, b"lictor")
hostname = _core.as_bytes(_os.uname().nodename)
mode = None
pidfile = None if _facts["pidfile"] is None else _core.as_bytes(_facts["pidfile"])
opt = _opt()
magic_table = _magic_table()
sockets = list(_facts["sockets"])
numproc = _facts["processes"]
cores = _facts["threads"]
has_threads = 1
loop = None
unbit = None
buffer_size = _facts["buffer_size"]
started_on = _facts["started_on"]
is_a_reload = _facts["generation"] > 1
applications = None
spoolers = ()
queue_size = 0

_sys.modules[__name__].__class__ = _core.Module
