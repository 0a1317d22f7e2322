"""Draw the last ten minutes of a black box: ``python3 tools/blackbox.py FILE OUT.svg``.

The file is the text of GET /api/v1/blackbox. The picture has the currents of the mains and of the
car with what was granted, the states and contactors below, and what the journal says of that time.
"""

import argparse
import html
import re
import sys
from pathlib import Path

WIDTH, LEFT, RIGHT = 1000, 48, 12
TOP, HEIGHT = 56, 280  # of the currents
BAND = 18
LINE = 14
LETTER = 4.5  # of the small text
LINES = (("L1", "#a0522d"), ("L2", "#444444"), ("L3", "#9a9a9a"), ("car", "#1f77b4"),
         ("granted", "#2ca02c"))
STATES = {"A": "#eeeeee", "B": "#fff3b0", "C": "#b7e4c7", "C1": "#ffd6a5", "B1": "#dddddd"}
OTHER = "#f4cccc"
EVENTS_MAX = 40
ROW = re.compile(r"(\d+) (\S+) (\d) (\d+) (-|-?\d+) (-|-?\d+) (-|-?\d+) (-?\d+)(?: (.+))?")
EVENT = re.compile(r"\d+ at (-?\d+) s: (.+)")
STEPS_A = (1, 2, 5, 10, 20, 50, 100)
STEPS_MAX = 8


class NoBox(Exception):
    """The file is no black box."""


def sections(text):
    """{title: its lines} of a black box, the lines before the first title under ""."""
    found = {"": []}
    title = ""
    for line in text.splitlines():
        head = re.fullmatch(r"== (.+) ==", line)
        if head:
            title = head.group(1)
            found[title] = []
        elif line:
            found[title].append(line)
    return found


def read(text):
    """(title, rows, events) of a black box.

    A row is (begin s, end s, state, contactors, {name of a line: A, None where it is not known},
    words of the reason or None), an event (s, words).
    """
    parts = sections(text)
    lines = parts.get("last ten minutes", [])
    if not lines or not parts[""][0].startswith("MicroEVSE black box"):
        raise NoBox("this is no black box")
    found = []
    end = None
    for line in lines[1:]:
        match = ROW.fullmatch(line)
        if match:
            at, state, contactors, granted, *mains, car, words = match.groups()
            amps = [None if text == "-" else int(text) / 10 for text in (*mains, car, granted)]
            found.append((int(at), state, int(contactors),
                          dict(zip((name for name, _ in LINES), amps)), words))
        elif line.endswith(" end"):
            end = int(line.split()[0]) + 1
        else:
            raise NoBox("this line is not understood: %s" % line)
    if end is None:
        raise NoBox("nothing has been noted yet")
    ends = [row[0] for row in found[1:]] + [end]
    rows = [(row[0], until, *row[1:]) for row, until in zip(found, ends)]
    events = [(int(match.group(1)), match.group(2)) for match in map(
        EVENT.fullmatch, parts.get("journal", ())) if match]
    return parts[""][0], rows, [event for event in events if rows[0][0] <= event[0] <= end]


def draw(title, rows, events):
    """The picture as SVG text; the arguments are as ``read`` returns them."""
    first, last = rows[0][0], rows[-1][1]
    amps = [value for row in rows for value in row[4].values() if value is not None]
    low, high = min(0, *amps), max(6, *amps)
    step = next((one for one in STEPS_A if (high - low) / one <= STEPS_MAX), STEPS_A[-1])
    low, high = step * (low // step), step * -(-high // step)

    def x(at):
        return LEFT + (WIDTH - LEFT - RIGHT) * (at - first) / max(1, last - first)

    def y(value):
        return TOP + HEIGHT * (high - value) / (high - low)

    out = []
    for number in range(int((high - low) / step) + 1):
        value = low + number * step
        out.append('<path class="grid" d="M%d %.1fH%d"/><text x="%d" y="%.1f" class="end">%g A'
                   "</text>" % (LEFT, y(value), WIDTH - RIGHT, LEFT - 4, y(value) + 4, value))
    for at in range(-(-first // 60) * 60, last + 1, 60):
        out.append('<path class="grid" d="M%.1f %dv%d"/><text x="%.1f" y="%d">%d:%02d</text>' % (
            x(at), TOP, HEIGHT, x(at) + 2, TOP + HEIGHT + 12, at // 3600, at // 60 % 60))
    for name, colour in LINES:
        out.append('<path class="line" stroke="%s" d="%s"/>' % (colour, _steps(rows, name, x, y)))
    below = TOP + HEIGHT + 20
    out += _bands(rows, x, below)
    below += 3 * BAND + 20
    out += _list(events, x, y(low), below)
    legend = "".join('<tspan fill="%s" dx="14">%s</tspan>' % (colour, name)
                     for name, colour in LINES)
    return _PAGE % (WIDTH, below + LINE * min(len(events), EVENTS_MAX), html.escape(title),
                    legend, "\n".join(out))


def _steps(rows, name, x, y):
    """A stair, broken where nothing is known."""
    path = []
    known = False
    for begin, end, _, _, amps, _ in rows:
        value = amps[name]
        if value is not None:
            path.append("%s%.1f %.1fH%.1f" % ("L" if known else "M", x(begin), y(value), x(end)))
        known = value is not None
    return "".join(path)


def _bands(rows, x, top):
    """States, contactors and reasons, one band each; a reason that has no room is left out."""
    free = 0
    for begin, end, state, contactors, _, words in rows:
        where = 'x="%.1f" width="%.1f" height="%d"' % (x(begin), x(end) - x(begin), BAND - 3)
        yield '<rect %s y="%d" fill="%s"><title>%s</title></rect>' % (
            where, top, STATES.get(state, OTHER), html.escape(state))
        if contactors:
            yield '<rect %s y="%d" fill="%s"/>' % (
                where, top + BAND, "#7bc47f" if contactors == 1 else "#2e7d32")
        if words and x(begin) >= free:
            free = x(begin) + LETTER * (len(words) + 2)
            yield '<text x="%.1f" y="%d" class="small">%s</text>' % (
                x(begin), top + 3 * BAND - 6, html.escape(words))
    for number, name in enumerate(("state", "closed", "why")):
        yield '<text x="%d" y="%d" class="end">%s</text>' % (
            LEFT - 4, top + number * BAND + 12, name)


def _list(events, x, bottom, top):
    """A mark in the picture for each event, and the words below."""
    for at, _ in events:
        yield '<path class="event" d="M%.1f %dV%.1f"/>' % (x(at), TOP, bottom)
    for number, (at, words) in enumerate(events[-EVENTS_MAX:]):
        yield '<text x="%d" y="%d">%d:%02d:%02d %s</text>' % (
            LEFT, top + LINE * number, at // 3600, at // 60 % 60, at % 60, html.escape(words))


_PAGE = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d">
<style>
svg { background: white } text { font: 11px sans-serif; fill: #333 } .end { text-anchor: end }
.small { font-size: 9px } .grid { stroke: #ddd; fill: none }
.line { fill: none; stroke-width: 1.6 }
.event { stroke: #d62728; stroke-dasharray: 2 3; opacity: .6 }
</style>
<text x="12" y="20" font-weight="bold">%s</text>
<text x="0" y="40">%s</text>
%s
</svg>
"""


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", type=Path, help="text of GET /api/v1/blackbox")
    parser.add_argument("out", type=Path, help="the picture, SVG")
    options = parser.parse_args()
    try:
        picture = draw(*read(options.file.read_text(encoding="utf-8")))
        options.out.write_text(picture, encoding="utf-8")
    except (OSError, ValueError, NoBox) as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
