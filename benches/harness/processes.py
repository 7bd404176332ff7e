"""Processes of a server under test: started, looked at through /proc, and ended by pid.

A server is a tree: the process that was started and everything below it. All figures are sums over
that tree, so that a supervisor, its masters and their workers are one thing.
"""

import os
import signal
import subprocess
import time

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
SERVER_CPU = 0
CLIENT_CPU = 1
# So long may a server take to leave before its processes are killed.
LEAVE_SECONDS = 15


def pin(cpu):
    """A function for `preexec_fn` that keeps a process and its children on one CPU, or on any."""
    cpus = {cpu} if cpu is not None and cpu < os.cpu_count() else set(range(os.cpu_count()))
    return lambda: os.sched_setaffinity(0, cpus)


def stat(pid):
    """The fields of proc(5)'s stat behind the name, or None if the process is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def identity(pid):
    """When it started: with the pid, it names one process for ever."""
    fields = stat(pid)
    return None if fields is None or fields[0] == "Z" else (pid, fields[19])


def tree(root):
    """Pids of the process and all below it, by depth: a list of lists."""
    children = {}
    for name in os.listdir("/proc"):
        fields = stat(name) if name.isdigit() else None
        if fields:
            children.setdefault(int(fields[1]), []).append(int(name))
    levels, level = [], [root]
    while level:
        levels.append(level)
        level = [child for pid in level for child in children.get(pid, [])]
    return levels


def everybody(root):
    return [pid for level in tree(root) for pid in level]


def cpu_seconds(root):
    """Time on a CPU of all threads of the tree, to the nanosecond where the kernel counts so: the ticks
    of proc(5)'s stat are too coarse for a server that mostly waits."""
    return sum(map(thread_seconds, everybody(root)))


def thread_seconds(pid):
    try:
        total = 0
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
                total += int(file.read().split()[0])
        return total / 1e9
    except OSError:
        fields = stat(pid)
        return sum(int(field) for field in fields[11:13]) / TICKS_PER_SECOND if fields else 0


def pss_kib(pid):
    """The proportional set size, or 0 if the process is gone."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0


def context_switches(pid):
    """How often the threads of a process went to sleep or were interrupted."""
    total = 0
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/status") as file:
                total += sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)
    except OSError:
        pass
    return total


class Process:
    """A started process, ended with everything below it when the block is left."""

    def __init__(self, command, cpu=SERVER_CPU, cwd=None, env=None, log=None):
        output = open(log, "ab") if log else subprocess.DEVNULL
        self.log = log
        self.child = subprocess.Popen(
            [str(word) for word in command],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=pin(cpu),
        )
        self.pid = self.child.pid
        if log:
            output.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        members = [one for one in map(identity, everybody(self.pid)) if one]
        if self.child.poll() is None:
            self.child.terminate()
        try:
            self.child.wait(LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        # What its own supervisor left behind.
        for member in members:
            if identity(member[0]) == member:
                os.kill(member[0], signal.SIGKILL)
        self.child.wait(LEAVE_SECONDS)

    def last_words(self):
        if not self.log:
            return ""
        with open(self.log, errors="replace") as file:
            return "".join(file.readlines()[-12:])


def until(condition, seconds, process, what):
    """Waits for a condition; gives up with the log of the process that should have brought it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        if process.child.poll() is not None:
            break
        time.sleep(0.002)
    raise RuntimeError(f"{what}: not within {seconds} s; its log ends:\n{process.last_words()}")
