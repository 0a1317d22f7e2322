"""Give private names short forms before a module is compiled.

On the board every distinct name costs about 20 bytes of RAM for ever. A private name means nothing
outside its module and those that its classes build on or are built on, so each such family's are
renamed to the same few short ones, and share them. Lines stay where they are, so that a traceback
still leads to the source.
"""

import ast
import io
import re
import tokenize
from collections import Counter

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


def families(sources):
    """{module: the modules whose classes build on each other's, itself too}: they share names.

    ``sources`` maps the dotted names of modules to their texts.
    """
    found = {name: [name] for name in sources}
    for name, source in sources.items():
        tree = ast.parse(source)
        bases = {base.id for node in tree.body if isinstance(node, ast.ClassDef)
                 for base in node.bases if isinstance(base, ast.Name)}
        for node in tree.body:
            if (isinstance(node, ast.ImportFrom) and node.module in found
                    and bases & {one.asname or one.name for one in node.names}
                    and found[node.module] is not found[name]):
                found[name] += found[node.module]
                for relative in found[name]:
                    found[relative] = found[name]
    return found


def _private(source):
    """The tokens of a module that are private names."""
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    for token in tokens:
        if token.type == tokenize.STRING and _FORMATTED.match(token.string):
            raise ValueError("f-strings hide names from the build: line %d" % token.start[0])
    return [token for token in tokens
            if token.type == tokenize.NAME and _PRIVATE.match(token.string)]


def shortened(source, family=()):
    """Return the text of a module with its private names shortened.

    ``family`` holds the texts of all modules that share its names.
    """
    count = Counter(token.string for text in family or (source,) for token in _private(text))
    order = sorted(count, key=lambda name: (-count[name], name))
    short = {name: _short(number) for number, name in enumerate(order)}
    lines = source.split("\n")
    for token in reversed(_private(source)):
        row, column = token.start
        line = lines[row - 1]
        end = column + len(token.string)
        lines[row - 1] = line[:column] + short[token.string] + line[end:]
    return "\n".join(lines)
