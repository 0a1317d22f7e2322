"""Tables that a tool measures and a document shows, in their place between two marks."""

import os
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"


def markdown(heads, rows):
    """Return a table of ``rows``, sequences of what each column of ``heads`` says."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join("| %s |\n" % " | ".join(str(cell).replace("|", "/") for cell in line)
                   for line in lines)


def put(name, text, document="reliability.md"):
    """Replace what stands between the marks of ``name`` in a document; ValueError without them.

    Not in `make test-long`, which only wants to know what passes.
    """
    path = DOCS / document
    before, begin, rest = path.read_text().partition("<!-- %s -->\n" % name)
    _, end, after = rest.partition("<!-- end of %s -->" % name)
    if not begin or not end:
        raise ValueError("%s has no place for %s" % (document, name))
    if not os.environ.get("TEST_LONG"):
        path.write_text(before + begin + "\n" + text + "\n" + end + after)
