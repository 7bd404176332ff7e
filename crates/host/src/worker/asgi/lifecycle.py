"""The event loop of a worker, and the start and end of its app (ASGI's lifespan protocol).

What happens once in the life of a worker; requests never come through here.
"""

import asyncio
import os
import sys
import traceback

# How long cancelled tasks may take to end.
CANCELLED_LIMIT = 0.15
# How long the app may take to fail once it has said that it could not start.
FAILED_LIMIT = 1.0


def new_loop(wanted):
    """Gives the loop and the number of the epoll set in which it waits, or -1 if that is not to be seen."""
    before = epoll_sets()
    loop = made_loop(wanted)
    made = epoll_sets() - before
    return loop, made.pop() if len(made) == 1 else -1


def epoll_sets():
    sets = set()
    try:
        for number in os.listdir("/proc/self/fd"):
            try:
                if os.readlink("/proc/self/fd/" + number) == "anon_inode:[eventpoll]":
                    sets.add(int(number))
            except OSError:
                # The one of the directory itself.
                pass
    except OSError:
        pass
    return sets


def made_loop(wanted):
    if wanted != "asyncio":
        try:
            import uvloop
        except ImportError:
            if wanted == "uvloop":
                raise
        else:
            return uvloop.new_event_loop()
    return asyncio.new_event_loop()


class Lifespan:
    """One task of the app, told of the start, and of the end."""

    def __init__(self, app):
        self.app = app
        self.state = {}
        self.task = None
        self.error = None
        self.message = ""
        # What the app was asked last, and what it said to it.
        self.asked = None
        self.said = None

    async def startup(self):
        """Gives "complete", "failed" or "absent", the app's message, and its traceback."""
        self.messages = asyncio.Queue()
        self.answered = asyncio.Event()
        self.ask("startup")
        self.task = asyncio.ensure_future(self.run())
        await self.answered.wait()
        if self.said == "failed":
            await asyncio.wait([self.task], timeout=FAILED_LIMIT)
        return self.said or "absent", self.message, described(self.error)

    async def shutdown(self, seconds):
        if self.task.done():
            return self.complain("ended before the worker did")
        self.ask("shutdown")
        await asyncio.wait([asyncio.ensure_future(self.answered.wait())], timeout=seconds)
        if not self.answered.is_set():
            return complain("the app's lifespan did not shut down within `reload-mercy`; it is cancelled")
        await asyncio.wait([self.task], timeout=CANCELLED_LIMIT)
        self.complain("could not shut down")

    def ask(self, what):
        self.asked, self.said = what, None
        self.answered.clear()
        self.messages.put_nowait({"type": "lifespan." + what})

    def complain(self, what):
        reason = self.message or described(self.error)
        if reason:
            complain(f"the app's lifespan {what}: {reason}")

    async def run(self):
        asgi = {"version": "3.0", "spec_version": "2.0"}
        scope = {"type": "lifespan", "asgi": asgi, "state": self.state}
        try:
            await self.app(scope, self.receive, self.send)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self.error = error
        finally:
            self.answered.set()

    async def receive(self):
        return await self.messages.get()

    async def send(self, message):
        for said in ("complete", "failed"):
            if self.said is None and message["type"] == f"lifespan.{self.asked}.{said}":
                self.said = said
                self.message = message.get("message", "") if said == "failed" else ""
                self.answered.set()
                return
        raise RuntimeError(f"`{message['type']}` does not answer `lifespan.{self.asked}`")


async def finish(calls, lifespans, seconds):
    """Cancels the calls that are left, lets the apps shut down, and cancels what they left behind."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    await cancel(calls)
    left = max(until - loop.time(), 0.05)
    await asyncio.gather(*(lifespan.shutdown(left) for lifespan in lifespans))
    await cancel(asyncio.all_tasks() - {asyncio.current_task()})
    await asyncio.wait([asyncio.ensure_future(loop.shutdown_asyncgens())], timeout=CANCELLED_LIMIT)


async def cancel(tasks):
    tasks = [task for task in tasks if not task.done()]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=CANCELLED_LIMIT)


def where(task):
    """Where a task stands: the frames of the coroutines that wait for each other."""
    lines = []
    waiting = task.get_coro()
    while waiting is not None and len(lines) < 100:
        for kind in ("cr", "gi", "ag"):
            frame = getattr(waiting, kind + "_frame", None)
            if frame is not None:
                code = frame.f_code
                lines.append(f'  File "{code.co_filename}", line {frame.f_lineno}, in {code.co_name}\n')
                next_names = (kind + "_await", kind + "_yieldfrom")
                waiting = next(filter(None, (getattr(waiting, name, None) for name in next_names)), None)
                break
        else:
            break
    return "".join(lines)


def described(error):
    if error is None:
        return ""
    return "".join(traceback.format_exception(type(error), error, error.__traceback__))


def complain(line):
    print("lictor: " + line.rstrip(), file=sys.stderr)
