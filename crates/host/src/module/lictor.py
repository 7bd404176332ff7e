"""What an app can ask of the Lictor that runs it. `docs/uwsgi-module.md` explains each name.

It exists in the processes of a vassal only: elsewhere `import lictor` raises `ImportError`.
"""

import contextlib as _contextlib
import os as _os
import sys as _sys
import typing as _typing

import _lictor_module as _core
from _lictor_module import (  # noqa: F401
    NoRequest,
    NotHere,
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
    micros,
    mypid,
    reload,
    request_id,
    sendfile,
    set_logvar,
    setprocname,
    stop,
    total_requests,
    worker_id,
)


class Memory(_typing.NamedTuple):
    """Memory of a process, in bytes."""

    rss: int
    vsz: int


class Worker(_typing.NamedTuple):
    """What a worker has done. Times are microseconds, sizes bytes, moments seconds since 1970."""

    id: int
    pid: int
    status: str
    requests: int
    delta_requests: int
    exceptions: int
    tx: int
    running_time: int
    avg_rt: int
    last_spawn: int
    respawn_count: int
    rss: int
    vsz: int


def unlock(number=0):
    """Gives up a lock. Raises `RuntimeError` if the thread does not hold it."""
    if not _core._host.unlock(number):
        raise RuntimeError(
            f"this thread does not hold lock {number}, which only its holder can give up"
        )


@_contextlib.contextmanager
def locked(number=0):
    """Holds a lock of all workers: `with lictor.locked(): …`."""
    lock(number)
    try:
        yield
    finally:
        unlock(number)


def get_logvar(name):
    """What `set_logvar` has set for this request, or None."""
    value = _core.logvar(name)
    return None if value is None else _core.as_text(value)


def mem():
    """Memory of the calling process."""
    return Memory(*_core.mem())


def workers():
    """Numbers of every worker of this generation."""
    return tuple(Worker(**worker) for worker in _core.workers())


def post_fork(function):
    """Has a function called in each new worker, once its app is there. A decorator."""
    _core.add_post_fork(function)
    return function


_facts = _core._facts
version = _facts["lictor"]
version_info = tuple(int(part) for part in version.split("-")[0].split("."))
hostname = _os.uname().nodename
vassal = _facts["vassal"]
generation = _facts["generation"]
file = _facts["file"]
opt = _core._host.given()
numproc = _facts["processes"]
threads = _facts["threads"]
buffer_size = _facts["buffer_size"]
started_on = _facts["started_on"]
sockets = tuple(_facts["sockets"])
pidfile = _facts["pidfile"]

_sys.modules[__name__].__class__ = _core.Module
