"""The wiring for readers, out of web/languages/wiring.txt as the page shows it: ``make wiring``.

docs/wiring.md gets the words and tables, docs/wiring/ the pictures. The file says how it is
written.
"""

import re
import sys
from pathlib import Path
from xml.sax.saxutils import escape

import webtexts

ROOT = Path(__file__).resolve().parents[1]
SOURCE = webtexts.WIRING
DOCUMENT = ROOT / "docs" / "wiring.md"
FOLDER = ROOT / "docs" / "wiring"

HEAD = """<!-- Made by tools/wiring.py: change web/languages/wiring.txt, then `make wiring`. -->

# Wiring

The charger's page shows the same under More, Wiring, in the language of its reader. Nothing of it
has been tried by us on hardware yet.
"""
# Colours on light and on dark: words, boxes, their edges, background, wires, two kinds of them.
SHADES = (("#14212b", "#f2f5f7", "#75838d", "#fff", "#52616c", "#1f5fa8", "#0a6640"),
          ("#e8eef2", "#10171c", "#7d8c96", "#19232a", "#a5b4be", "#7fb3ef", "#4cc38a"))
RULES = ("text{fill:%(words)s;stroke:%(back)s}circle{fill:%(words)s}.back{fill:%(back)s}"
         "rect{fill:%(box)s;stroke:%(edge)s}polyline{stroke:%(wire)s}.l2{stroke:%(words)s}"
         ".n{stroke:%(n)s}.pe{stroke:%(pe)s}")
STYLE = ("text{font:12px system-ui,sans-serif;text-anchor:middle;stroke-width:3;"
         "paint-order:stroke}rect+text{stroke:none}polyline{fill:none;stroke-width:2}.l1{stroke:#a8622f}"
         ".pe{stroke-dasharray:6 3}%s@media (prefers-color-scheme:dark){%s}")


class Problem(Exception):
    """The source cannot be read; the message says where."""


def _style():
    names = ("words", "box", "edge", "back", "wire", "n", "pe")
    light, dark = (RULES % dict(zip(names, shades)) for shades in SHADES)
    return STYLE % (light, dark)


def _words(x, y, words):
    return '<text x="%s" y="%s">%s</text>' % (x, y, escape(words))


def _shape(line):
    """One line of a picture as svg."""
    kind, _, rest = line.partition(" ")
    if kind == "w":
        name, _, points = rest.partition(" ")
        return '<polyline class="%s" points="%s"/>' % (name, points)
    if kind == "d":
        return '<circle cx="%s" cy="%s" r="4"/>' % tuple(rest.split())
    if kind == "t":
        return _words(*rest.split(" ", 2))
    if kind == "b":
        x, y, width, height, words = rest.split(" ", 4)
        return ('<rect x="%s" y="%s" width="%s" height="%s" rx="4"/>' % (x, y, width, height)
                + _words(int(x) + int(width) // 2, int(y) + int(height) // 2 + 4, words))
    raise Problem("nobody knows how to draw: " + line)


def _part(text):
    """(Markdown, {path: svg}) of one part of the source."""
    title, *lines = text.strip().split("\n")
    found, picture, rows = ["## " + title], [], 0
    for line in lines:
        kind, rest = line[0], line[2:]
        if kind == "-":
            found.append(rest)
        elif kind == "|":
            row = "| %s |" % rest
            if not rows:
                found.append(row + "\n" + "|---" * (rest.count("|") + 1) + "|")
            else:
                found[-1] += "\n" + row
            rows += 1
        elif kind == "@":
            picture = [rest]
        else:
            picture.append(_shape(line))
    if not picture:
        return "\n\n".join(found), {}
    size, *shapes = picture
    width, height = size.split()
    path = FOLDER / (re.sub(r"\W+", "_", title.lower()) + ".svg")
    found.append("![%s](wiring/%s)" % (title, path.name))
    drawn = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s" width="%d">\n<title>%s</title>\n'
        '<style>%s</style>\n<rect class="back" width="%s" height="%s" style="stroke:none"/>\n'
        "%s\n</svg>\n"
        % (size, int(width) * 3 // 2, title, _style(), width, height, "\n".join(shapes)))
    return "\n\n".join(found), {path: drawn}


def outputs():
    """{path: text} of all that is made."""
    made, parts = {}, []
    for text in SOURCE.read_text(encoding="utf-8").split("\n= ")[1:]:
        words, pictures = _part(text)
        parts.append(words)
        made.update(pictures)
    made[DOCUMENT] = HEAD + "\n" + "\n\n".join(parts) + "\n"
    return made


def main():
    """Write all files."""
    FOLDER.mkdir(exist_ok=True)
    for path, text in outputs().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    sys.exit(main())
