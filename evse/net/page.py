"""The page's files, gzipped into the image, straight from flash in small chunks."""

from micropython import const

from evse.net.reply import Reply, failure

FILES = const((
    "index.html", "app.js", "current.js", "bus.js", "lcd.js", "style.css", "icon.svg",
    "portal.html", "portal.js", "zones.txt", "openapi.json"))
# Paths under which they are found beside their names.
_ALIASES = const(" /=index.html /api/v1/openapi.json=openapi.json ")
_KINDS = const(" html=text/html;charset=utf-8 js=text/javascript;charset=utf-8"
               " css=text/css;charset=utf-8 svg=image/svg+xml json=application/json"
               " txt=text/plain;charset=utf-8 ")
_HEADERS = {"Content-Encoding": "gzip", "Cache-Control": "no-cache"}


def _named(name, table):
    """What stands behind " name=" in ``table`` up to the next blank, "" if it is not there."""
    at = table.find(" %s=" % name)
    return table[at + len(name) + 2:].partition(" ")[0] if at >= 0 else ""


def find(path):
    """Name of the file for ``path``, "" if there is none."""
    return path[1:] if path[1:] in FILES else _named(path, _ALIASES)


def serve(name, web_dir):
    """Answer with the gzipped file ``name`` in ``web_dir``."""
    try:
        file = open("%s/%s.gz" % (web_dir, name), "rb")
    except OSError:
        return failure(404, "%s is not in this image" % name)
    return Reply(file, 200, _named(name.rpartition(".")[2], _KINDS), _HEADERS)
