"""The report: tables, goals and figures, printed as they come and kept as Markdown and a plot."""

import datetime
import platform
import os
import re
from dataclasses import dataclass

from . import goals, plot


@dataclass
class Figure:
    """Bars of one row of the table, on one build of Python."""

    key: str
    way: str
    # By server, in whatever is measured.
    bars: dict
    # The peer that is one unit of the axis, and how many of these the goal is.
    against: str
    goal: float = 1
    is_less_better: bool = False


class Report:
    def __init__(self, conditions):
        self.lines = []
        self.others = []
        self.verdicts = {}
        self.figures = []
        self.has_failed = False
        self.say("# Lictor beside its peers\n")
        for line in [f"Date: {datetime.date.today()}", f"Machine: {machine()}", *conditions]:
            self.say(f"- {line}")

    def say(self, line=""):
        print(line, flush=True)
        self.lines.append(line)

    def part(self, name, what):
        self.say(f"\n## {name}\n\n{what}\n")

    def failed(self, name, why):
        """A part that could not be measured; what is there stays."""
        self.has_failed = True
        self.say(f"\n**part `{name}` failed:** {why}\n")

    def table(self, head, rows):
        rows = [[str(cell) for cell in row] for row in [head, *rows]]
        widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
        def line(row):
            return "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
        self.say(line(rows[0]))
        self.say("|" + "|".join("-" * (width + 2) for width in widths) + "|")
        for row in rows[1:]:
            self.say(line(row))
        self.say()

    def goal(self, reached, is_met, key=None, way=None):
        """One goal: of the whole table if it has a key there, or of the supervisor's own."""
        if key:
            self.verdicts[key, way] = reached, is_met
            work, least = goals.GOALS[key]
            line = f"{way}, {work}: {reached} ({least})"
        else:
            line = reached
        line = f"{'goal met' if is_met else 'goal NOT met'}: {line}"
        if not key:
            self.others.append(line)
        self.say(f"**{line}**  ")

    def draw(self, figure):
        self.figures.append(figure)

    @property
    def is_green(self):
        """Whether nothing that was measured fell short."""
        met = [is_met for _, is_met in self.verdicts.values()]
        return all(met) and not self.has_failed and not any("NOT" in line for line in self.others)

    def finish(self, directory, name):
        directory.mkdir(exist_ok=True)
        self.say("\n## The table\n")
        if self.figures:
            (directory / f"{name}.svg").write_text(plot.svg(self.figures))
            self.say(f"The same as a plot: [{name}.svg]({name}.svg).\n")
        self.table(*goals.table(self.verdicts))
        if self.others:
            self.say("## The supervisor's goals\n")
        for line in self.others:
            self.say(f"- {line}")
        self.keep(directory, name)

    def keep(self, directory, name):
        """Writes down what there is so far."""
        directory.mkdir(exist_ok=True)
        (directory / f"{name}.md").write_text("\n".join(self.lines) + "\n")


def machine():
    with open("/proc/cpuinfo") as file:
        model = re.search(r"model name\s*: *(.+)", file.read())
    model = model.group(1) if model else platform.machine()
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} × {model}, Linux {platform.release().split('-')[0]}, load {load:.1f} before"


def ratio(ours, theirs):
    return f"{ours / theirs:.2f}" if theirs else "–"


def milliseconds(seconds):
    return f"{seconds * 1000:.1f}"
