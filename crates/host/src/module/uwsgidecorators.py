"""uWSGI's decorators, as far as Lictor has what stands behind them."""

import functools as _functools
import threading as _threading

import _lictor_module as _core
from _lictor_module import NotHere  # noqa: F401
from _lictor_absent import NAMES as _absent


def postfork(target):
    """Has a function called in each new worker, or in the worker of that number: `@postfork(1)`."""
    if callable(target):
        _core.add_post_fork(target)
        return target
    wanted = int(target)

    def decorate(function):
        def call():
            if _core.worker_id() == wanted:
                function()

        _core.add_post_fork(call)
        return function

    return decorate


def lock(function):
    """Holds lock 0 while the function runs."""

    @_functools.wraps(function)
    def call(*arguments, **keywords):
        _core.lock()
        try:
            return function(*arguments, **keywords)
        finally:
            _core._host.unlock(0)

    return call


def thread(function):
    """Runs the function in a thread of its own each time that it is called."""

    @_functools.wraps(function)
    def call(*arguments, **keywords):
        _threading.Thread(
            target=function, args=arguments, kwargs=keywords, daemon=True
        ).start()
        return function

    return call


def get_free_signal():
    """Raises `NotHere`: there are no signals."""
    return _absent["register_signal"]()


_TASKS = "use a task queue such as Celery, RQ or Huey, whose worker `attach-daemon` can run"
_CRON = "use `cron` of the vassal file, or a thread started by `@postfork`"
_INSTEAD = {
    "spool": _TASKS,
    "spoolforever": _TASKS,
    "spoolraw": _TASKS,
    "mulefunc": _TASKS,
    "mule": _TASKS,
    "muleloop": _TASKS,
    "mulemsg": _TASKS,
    "mule_msg_dispatcher": _TASKS,
    "farm": _TASKS,
    "signal": _CRON,
    "timer": _CRON,
    "rbtimer": _CRON,
    "cron": _CRON,
    "filemon": "use `touch-reload`, or a library such as watchfiles",
    "rpc": "call the other service over HTTP",
    "erlang": "call the other service over HTTP",
    "harakiri": "use the option `harakiri`",
}


def _absent_decorator(name, instead):
    def decorate(*arguments, **keywords):
        raise _core.NotHere(f"@{name} of uwsgidecorators is not there in Lictor yet: {instead}")

    decorate.__name__ = decorate.__qualname__ = name
    decorate.__doc__ = f"Raises `NotHere`: {instead}."
    return decorate


globals().update({name: _absent_decorator(name, instead) for name, instead in _INSTEAD.items()})
