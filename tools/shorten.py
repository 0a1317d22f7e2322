"""Give private names short forms before a module is compiled.

On the board every distinct name costs about 20 bytes of RAM for ever. A private name means nothing
outside its module, so each module's are renamed to the same few short ones, and share them. Lines
stay where they are, so that a traceback still leads to the source.
"""

import io
import re
import tokenize

_PRIVATE = re.compile(r"_[A-Za-z]\w*\Z")
_FORMATTED = re.compile(r"[rR]?[fF]")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def _short(number):
    """The ``number``-th short name: _a .. _z, _aa .. _zz."""
    text = ""
    while True:
        text = _LETTERS[number % 26] + text
        number = number // 26 - 1
        if number < 0:
            return "_" + text


def shortened(source):
    """Return the text of a module with its private names shortened."""
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    names = {}
    lines = source.split("\n")
    for token in tokens:
        if token.type == tokenize.NAME and _PRIVATE.match(token.string):
            names[token.string] = names.get(token.string, 0) + 1
        elif token.type == tokenize.STRING and _FORMATTED.match(token.string):
            raise ValueError("f-strings hide names from the build: line %d" % token.start[0])
    order = sorted(names, key=lambda name: (-names[name], name))
    short = {name: _short(number) for number, name in enumerate(order)}
    for token in reversed(tokens):
        if token.type == tokenize.NAME and token.string in short:
            row, column = token.start
            line = lines[row - 1]
            end = column + len(token.string)
            lines[row - 1] = line[:column] + short[token.string] + line[end:]
    return "\n".join(lines)
