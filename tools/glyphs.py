"""Make evse/panel/glyphs.py of the text art in tools/glyphs: ``make glyphs``.

A block of small.txt and large.txt shows glyphs beside each other, under a line with their
characters; a block of pictures.txt is one picture. '#' is dark. The firmware's side of the format
is in evse/panel/canvas.py.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ART = ROOT / "tools" / "glyphs"
OUT = ROOT / "evse" / "panel" / "glyphs.py"

FIRST, BOX = 32, 127
PAGE = 8
# Rows and greatest width of each font.
FONTS = {"small": (8, 5), "large": (16, 11)}
WORDS = {"space": " ", "blob": "\u00b7", "box": chr(BOX)}
WIDEST, HIGHEST = 128, 64
WRAP = 20  # bytes in a line

HEAD = '''"""Two proportional fonts and the pictures of the panel, made by `make glyphs`.

The text art in tools/glyphs is the source, tools/glyphs.py the compiler. Columns are bytes, bit 0
on top, as in the display. A glyph is its width, then the columns of each of its pages, filled up
to the widest. First come the ASCII characters from the space on, with the box for unknown ones as
number 127, then those whose UTF-8 has two bytes: EXTRA holds, at twice the low six bits of the
second byte, the first byte and the glyph's number. The energy blob is the middle dot. A picture is
width, pages, columns page by page; its name is where it begins in PICTURES. EMPTY is a row of
empty columns.
"""

from micropython import const
'''


class Problem(Exception):
    """The art is not what it should be; the message says where."""


def blocks(path):
    """Yield (words of the head line, rows of art) of each block in a file."""
    head, rows = None, []
    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        if line.startswith("= "):
            head = line[2:].split()
        elif head and line:
            rows.append(line)
        elif head:
            yield head, rows
            head, rows = None, []


def _check(where, rows, height, widest):
    if len(rows) != height:
        raise Problem("%s has %d rows, not %d" % (where, len(rows), height))
    if len({len(row) for row in rows}) != 1 or len(rows[0]) > widest:
        raise Problem("%s: rows of unequal length, or longer than %d" % (where, widest))
    if set("".join(rows)) - set("#."):
        raise Problem("%s: only '#' and '.'" % where)


def font(name):
    """Return {character: rows of art} of a font."""
    height, widest = FONTS[name]
    found = {}
    for words, rows in blocks(ART / (name + ".txt")):
        split = [row.split() for row in rows]
        for row in split:
            if len(row) != len(words):
                raise Problem("%s: %d characters over %d glyphs" % (name, len(words), len(row)))
        for word, glyph in zip(words, zip(*split)):
            character = WORDS.get(word, word)
            if len(character) > 1 or character in found:
                raise Problem("%s: %s" % (name, word))
            _check("%s %s" % (name, word), glyph, height, widest)
            found[character] = glyph
    for code in range(FIRST, BOX + 1):
        if chr(code) not in found:
            raise Problem("%s lacks %r" % (name, chr(code)))
    return found


def pictures():
    """Return {name: rows of art}, whole pages high."""
    found = {}
    for (name, above), rows in blocks(ART / "pictures.txt"):
        _check(name, rows, len(rows), WIDEST)
        empty = "." * len(rows[0])
        rows = [empty] * int(above) + rows
        rows += [empty] * (-len(rows) % PAGE)
        _check(name, rows, min(len(rows), HIGHEST), WIDEST)
        found[name] = rows
    return found


def columns(rows, width):
    """Columns of art as bytes, page by page, each page filled up to ``width``."""
    data = bytearray()
    for top in range(0, len(rows), PAGE):
        for x in range(width):
            data.append(sum(1 << bit for bit in range(PAGE)
                            if x < len(rows[0]) and rows[top + bit][x] == "#"))
    return bytes(data)


def extra(characters):
    """Return the table that leads from UTF-8's two bytes to the number of a glyph."""
    table = bytearray(128)
    for number, character in enumerate(characters, BOX + 1):
        code = character.encode()
        if len(code) != 2 or table[2 * (code[1] & 63)]:
            raise Problem("%r cannot be in the table" % character)
        table[2 * (code[1] & 63):2 * (code[1] & 63) + 2] = bytes((code[0], number))
    return bytes(table)


def _literal(name, chunks):
    """Text of a constant; ``chunks`` are the bytes of each of its lines."""
    lines = ["    b\"%s\"" % "".join("\\x%02x" % byte for byte in chunk) for chunk in chunks]
    return "%s = (\n%s\n)\n" % (name, "\n".join(lines))


def _wrapped(data):
    return [data[at:at + WRAP] for at in range(0, len(data), WRAP)]


def source():
    """Return the text of evse/panel/glyphs.py."""
    small, large = font("small"), font("large")
    if set(small) != set(large):
        raise Problem("only in one font: %s" % "".join(sorted(set(small) ^ set(large))))
    others = sorted(character for character in small if ord(character) > BOX)
    order = [chr(code) for code in range(FIRST, BOX + 1)] + others
    parts = [HEAD]
    names, data, art = "", b"", pictures()
    for name in sorted(art):
        names += "%s = const(%d)\n" % (name.upper(), len(data))
        rows = art[name]
        data += bytes((len(rows[0]), len(rows) // PAGE)) + columns(rows, len(rows[0]))
    parts += [names, _literal("EXTRA", _wrapped(extra(others)))]
    for name, glyphs in (("SMALL", small), ("LARGE", large)):
        widest = FONTS[name.lower()][1]
        parts.append(_literal(name, [bytes((len(glyphs[one][0]),)) + columns(glyphs[one], widest)
                                     for one in order]))
    parts += [_literal("PICTURES", _wrapped(data)), _literal("EMPTY", _wrapped(bytes(WIDEST)))]
    return "\n".join(parts)


def main():
    """Command line: none."""
    try:
        text = source()
    except Problem as problem:
        sys.exit(str(problem))
    OUT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
