"""The plot of a run, as SVG: for each row of the table, Lictor and its peers side by side.

Every row has its own unit: the best peer, or the one that the goal names, is 1. A vertical line
stands where the goal is. Plain shapes and text, readable in black and white too.
"""

from html import escape

from . import goals

LEFT, BAR, GAP, TOP = 250, 13, 26, 74
# Of one column of bars, and of one build of Python.
AXIS, COLUMN = 300, 430
# Longer bars are cut here and say so by their figure.
LIMIT = 4.0
COLOURS = {
    "lictor": "#1b5e20", "granian": "#b5651d", "uvicorn": "#7b68a6", "bjoern": "#546e7a", "gunicorn": "#8d9440",
    "uWSGI": "#4a7fb5", "hypercorn": "#a65a7b",
}


def svg(figures):
    keys = [key for key in goals.GOALS if any(figure.key == key for figure in figures)]
    by_place = {(figure.key, figure.way): figure for figure in figures}
    y, body = TOP, []
    for key in keys:
        row = [by_place.get((key, way)) for way in goals.WAYS]
        height = max(len(figure.bars) for figure in row if figure) * BAR
        body += label(key, y)
        for column, figure in enumerate(row):
            body += group(figure, LEFT + column * COLUMN, y, height) if figure else []
        y += height + GAP
    width = LEFT + len(goals.WAYS) * COLUMN
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" height="{y}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{y}" fill="white"/>',
        *head(), *body, "</svg>", "",
    ])


def head():
    yield text(12, 24, "Lictor beside its peers, one server CPU", size=16, weight="bold")
    yield text(12, 42, "Work per CPU second of the server, the peer of the goal being 1; longer is better. "
                       "Memory: shorter is better. Dashed: the goal.")
    for column, way in enumerate(goals.WAYS):
        yield text(LEFT + column * COLUMN, TOP - 10, f"{way} interpreter", weight="bold")


def label(key, y):
    work, least = goals.GOALS[key]
    return [text(12, y + 11, work, weight="bold"), text(12, y + 25, least, fill="#555")]


def group(figure, x, y, height):
    """Bars of one row, the longest first, and the goal's line."""
    unit = figure.bars.get(figure.against)
    shapes = []
    order = sorted(figure.bars.items(), key=lambda bar: bar[1], reverse=not figure.is_less_better)
    for place, (server, value) in enumerate(order):
        times, top = value / unit, y + place * BAR
        length = min(times, LIMIT) / LIMIT * AXIS
        shapes.append(rectangle(x, top, length, COLOURS.get(server.split()[0], "#777777")))
        weight = "bold" if server.startswith("lictor") else "normal"
        caption = f"{server} {times:.2f}" if value else f"{server} failed"
        shapes.append(text(x + length + 5, top + BAR - 3, caption, weight=weight))
    goal = x + min(figure.goal, LIMIT) / LIMIT * AXIS
    shapes.append(
        f'<line x1="{goal:.1f}" x2="{goal:.1f}" y1="{y - 4}" y2="{y + height + 4}" stroke="#c62828" '
        'stroke-width="1.5" stroke-dasharray="4 2"/>'
    )
    return shapes


def rectangle(x, y, width, colour):
    return f'<rect x="{x}" y="{y}" width="{max(width, 0.5):.1f}" height="{BAR - 3}" fill="{colour}"/>'


def text(x, y, words, size=11, weight="normal", fill="black"):
    style = f'font-size="{size}" font-weight="{weight}" fill="{fill}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(words)}</text>'
