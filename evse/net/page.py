"""The page's files, gzipped into the image, straight from flash in small chunks."""

import os

from micropython import const

from evse.net.reply import Reply, failure

# Paths under which files are found beside their names.
_ALIASES = const(" /=index.html /api/v1/openapi.json=openapi.json ")
_KINDS = const(" html=text/html;charset=utf-8 js=text/javascript;charset=utf-8"
               " css=text/css;charset=utf-8 svg=image/svg+xml json=application/json"
               " txt=text/plain;charset=utf-8 ")
_HEADERS = {"Content-Encoding": "gzip", "Cache-Control": "no-cache"}


def _named(name, table):
    """What stands behind " name=" in ``table`` up to the next blank, "" if it is not there."""
    at = table.find(" %s=" % name)
    return table[at + len(name) + 2:].partition(" ")[0] if at >= 0 else ""


def find(path, web_dir):
    """Name of the file in ``web_dir`` for ``path``, "" for none; each is of one of the kinds."""
    name = path[1:]
    if "/" in name or not _named(name.rpartition(".")[2], _KINDS):
        return _named(path, _ALIASES)
    try:
        os.stat("%s/%s.gz" % (web_dir, name))
    except OSError:
        return ""
    return name


def serve(name, web_dir):
    """Answer with the gzipped file ``name`` in ``web_dir``."""
    try:
        file = open("%s/%s.gz" % (web_dir, name), "rb")
    except OSError:
        return failure(404, "%s is not in this image" % name)
    return Reply(file, 200, _named(name.rpartition(".")[2], _KINDS), _HEADERS)
