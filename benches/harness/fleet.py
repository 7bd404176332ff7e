"""One emperor with many hello vassals, each of which has answered once."""

from .client import free_port
from .processes import tree
from .servers import Emperor, vassal_text


class Fleet:
    def __init__(self, bench, interpreter, count):
        self.interpreter, self.count = interpreter, count
        self.emperor = Emperor(bench, cpu=None)

    def __enter__(self):
        self.emperor.__enter__()
        try:
            ports = []
            for number in range(self.count):
                ports.append(free_port())
                text = vassal_text(self.interpreter, "hello", ports[-1])
                self.emperor.drop(f"hello{number}", text)
            for port in ports:
                self.emperor.wait(port)
        except BaseException:
            self.emperor.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.emperor.__exit__()

    def by_kind(self):
        """Pids by what they are: the tree has just these three levels."""
        levels = tree(self.emperor.pid)
        if [len(level) for level in levels] != [1, self.count, self.count]:
            raise RuntimeError(f"unexpected processes: {[len(level) for level in levels]} by depth")
        return dict(zip(["emperor", "master", "worker"], levels))
