"""The report: tables and goals, printed as they come and kept as Markdown."""

import datetime
import platform
import os
import re


class Report:
    def __init__(self, conditions):
        self.lines = []
        self.goals = []
        self.say("# Lictor beside its peers\n")
        for line in [f"Date: {datetime.date.today()}", f"Machine: {machine()}", *conditions]:
            self.say(f"- {line}")

    def say(self, line=""):
        print(line, flush=True)
        self.lines.append(line)

    def part(self, name, what):
        self.say(f"\n## {name}\n\n{what}\n")

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

    def goal(self, what, is_met):
        line = f"{'goal met' if is_met else 'goal NOT met'}: {what}"
        self.goals.append(line)
        self.say(f"**{line}**  ")

    def finish(self, directory, name):
        self.say("\n## Goals\n")
        for line in self.goals:
            self.say(f"- {line}")
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
