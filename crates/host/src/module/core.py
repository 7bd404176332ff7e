"""What `uwsgi` and `lictor` have in common. `_host` is the server."""

import os
import sys
import time
import types

_facts = _host.facts()  # noqa: F821
_hooks = {"post_fork_hook": None, "atexit": None}
_post_fork = []


class NotHere(NotImplementedError):
    """Lictor has this name of uWSGI's, but not yet what stands behind it."""


class NoRequest(AttributeError, RuntimeError):
    """The calling thread is in no request of a WSGI app."""


NotHere.__module__ = NoRequest.__module__ = "lictor"


def absent(name, instead):
    """A function that says why it cannot do what it is called for."""

    def call(*arguments, **keywords):
        raise NotHere(f"uwsgi.{name} is not there in Lictor yet: {instead}")

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"Raises `NotHere`: {instead}."
    return call


def no_request(name):
    """The error of what needs a request."""
    return NoRequest(
        f"uwsgi.{name} concerns the request that the calling thread is in, and this thread is in none: "
        "call it while a WSGI app answers, from the thread that answers"
    )


def as_bytes(value):
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    return str(value).encode("utf-8", "surrogateescape")


def as_text(value):
    if isinstance(value, str):
        return value
    return bytes(value).decode("utf-8", "surrogateescape")


class Module(types.ModuleType):
    """A module some of whose names change with the request, or do something when they are set."""

    def __getattr__(self, name):
        if name in _hooks:
            return _hooks[name]
        if name == "env":
            return environ()
        if name == "start_response":
            return start_response()
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def __setattr__(self, name, value):
        if name in _hooks:
            if value is not None and not callable(value):
                raise TypeError(f"{self.__name__}.{name} takes a function, not {value!r}")
            _hooks[name] = value
        elif name in ("spooler", "mule_msg_hook"):
            raise NotHere(f"uwsgi.{name} is not there in Lictor yet: use a task queue")
        elif name == "applications":
            raise NotHere(
                "uwsgi.applications cannot be set in Lictor: name the app in `module`, and others in "
                "`mount`"
            )
        else:
            super().__setattr__(name, value)

    def __dir__(self):
        of_request = () if _host.environ() is None else ("env", "start_response")  # noqa: F821
        return sorted({*super().__dir__(), *_hooks, *of_request})


def environ():
    found = _host.environ()  # noqa: F821
    if found is None:
        raise no_request("env")
    return found


def start_response():
    found = _host.start_response()  # noqa: F821
    if found is None:
        raise no_request("start_response")
    return found


def _guarded(hook):
    try:
        hook()
    except Exception:
        sys.excepthook(*sys.exc_info())


def _call_post_fork_hook():
    if _hooks["post_fork_hook"] is not None:
        _guarded(_hooks["post_fork_hook"])
    for hook in _post_fork:
        _guarded(hook)


def _call_atexit():
    if _hooks["atexit"] is not None:
        _guarded(_hooks["atexit"])


def add_post_fork(hook):
    _post_fork.append(hook)


def masterpid():
    """The process id of the vassal's master."""
    return _facts["masterpid"]


def mypid():
    """The process id of the calling process."""
    return os.getpid()


def worker_id():
    """The number of the calling worker, from 1; 0 in the master, while the app is imported there."""
    return _host.worker_id()  # noqa: F821


def total_requests():
    """How many requests all workers of this generation have answered."""
    return sum(worker["requests"] for worker in _host.workers())  # noqa: F821


def request_id():
    """How many requests the calling worker's place has answered before this one."""
    mine = worker_id()
    numbers = (w["requests"] for w in _host.workers() if w["id"] == mine)  # noqa: F821
    return next(numbers, 0)


def reload():
    """Asks for a graceful reload of the whole vassal, as a touch of its file does.

    New code and new options come up beside the old ones, which serve until then. In the master, while
    the app is imported, there is nothing to reload, and it returns False.
    """
    return _host.reload("uwsgi.reload()")  # noqa: F821


def stop():
    """Ends this generation of the vassal, which the emperor starts anew: a reload.

    Under uWSGI's emperor a vassal that stops itself is started again, too; here without a gap.
    To stop a vassal for good, remove its file, or use `lictor stop`.
    """
    return _host.reload("uwsgi.stop()")  # noqa: F821


def log(message):
    """Writes a line to the vassal's log. Takes `str` or `bytes`."""
    sys.stderr.write(as_text(message) + "\n")
    return True


def log_this_request():
    """The request that the thread is in gets a line in the log of requests, whatever `access-log` says."""
    if not _host.log_this_request():  # noqa: F821
        raise no_request("log_this_request()")


def set_logvar(name, value):
    """Sets what `%(name)` of `log-format` shows for the request that the thread is in."""
    if not _host.set_log_variable(as_text(name), as_bytes(value)):  # noqa: F821
        raise no_request("set_logvar()")


def logvar(name):
    """What it was set to, as `bytes`, or None."""
    return _host.log_variable(as_text(name))  # noqa: F821


def logsize():
    """The size of the log in bytes if it is a file (`logto`), else 0."""
    status = os.fstat(2)
    return status.st_size if status.st_mode & 0o170000 == 0o100000 else 0


def mem():
    """Resident and virtual memory of the calling process, in bytes."""
    with open("/proc/self/statm", encoding="ascii") as file:
        pages = file.read().split()
    size = os.sysconf("SC_PAGE_SIZE")
    return int(pages[1]) * size, int(pages[0]) * size


def memory_of(pid):
    """The same of a process of this vassal; zeros if it is gone."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            pages = file.read().split()
    except OSError:
        return 0, 0
    size = os.sysconf("SC_PAGE_SIZE")
    return int(pages[1]) * size, int(pages[0]) * size


def micros():
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def lock(number=0):
    """Takes a lock that all workers of this generation share, and waits until it is free."""
    _host.lock(number)  # noqa: F821


def is_locked(number=0):
    """Whether anybody holds the lock, the calling thread included."""
    return _host.is_locked(number)  # noqa: F821


def disconnect():
    """Ends the answer where it stands and lets the client go; the app goes on.

    Outside a request there is nobody to let go, and nothing happens.
    """
    _host.disconnect()  # noqa: F821


def connection_fd():
    """The number of the client's socket. It belongs to the server: never close it."""
    number = _host.descriptor()  # noqa: F821
    if number is None:
        raise no_request("connection_fd()")
    return number


def is_connected(fd):
    """Whether a socket has no error and its peer has not gone altogether."""
    import select
    import socket

    try:
        copy = socket.socket(fileno=os.dup(fd))
    except OSError:
        return False
    with copy:
        poll = select.poll()
        poll.register(copy, 0)
        gone = any(events & (select.POLLHUP | select.POLLERR) for _, events in poll.poll(0))
        return not gone and copy.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


def sendfile(file, chunk=0, offset=0, length=0):
    """Sends a file, or from where an open descriptor stands, as the body of the answer.

    To be called after `start_response`. Takes a path, a descriptor or a file object, and returns True
    when the client has all of it, or raises `OSError`. `chunk` is how much is read at a time.
    """
    if not _host.has_head():  # noqa: F821
        raise RuntimeError("sendfile() sends the body of an answer: call start_response first")
    write = start_response().write
    fd = file.fileno() if hasattr(file, "fileno") else file
    opened = os.open(fd, os.O_RDONLY | os.O_CLOEXEC) if not isinstance(fd, int) else None
    fd = fd if opened is None else opened
    try:
        left = length or max(os.fstat(fd).st_size - offset, 0)
        while left:
            piece = os.pread(fd, min(chunk or 65536, left), offset)
            if not piece:
                break
            write(piece)
            offset, left = offset + len(piece), left - len(piece)
    finally:
        if opened is not None:
            os.close(opened)
    return True


def cl():
    """The length of the request's body in bytes, as the request says; 0 if it says none."""
    found = _host.environ()  # noqa: F821
    return int(found.get("CONTENT_LENGTH") or 0) if found else 0


def setprocname(name):
    """Calls the process this, for `ps`."""
    _host.set_title(as_text(name))  # noqa: F821


def listen_queue(index=0):
    """How many connections wait at a listening socket for a worker to take them.

    Linux tells it of TCP sockets only; of a unix socket it is 0, as in uWSGI.
    """
    import socket
    import struct

    with socket.socket(fileno=os.dup(_facts["sockets"][index])) as listener:
        if listener.family == socket.AF_UNIX:
            return 0
        said = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return struct.unpack_from("I", said, 24)[0]


def ready():
    """True in a worker, None in the master."""
    return True if worker_id() else None


def accepting(on=True):
    """A worker takes connections as soon as its generation is to serve; it need not say so."""
    if not on:
        raise NotHere("uwsgi.accepting(0) is not there in Lictor: a worker that should leave is reloaded")


def workers():
    """Numbers of every worker, with what memory it has."""
    found = _host.workers()  # noqa: F821
    for worker in found:
        worker["rss"], worker["vsz"] = memory_of(worker["pid"]) if worker["pid"] else (0, 0)
    return found
