"""The page's files, gzipped into the image, straight from flash in small chunks."""

from evse.net.reply import Reply, failure

FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/index.html": ("index.html", "text/html; charset=utf-8"),
    "/app.js": ("app.js", "text/javascript; charset=utf-8"),
    "/current.js": ("current.js", "text/javascript; charset=utf-8"),
    "/bus.js": ("bus.js", "text/javascript; charset=utf-8"),
    "/lcd.js": ("lcd.js", "text/javascript; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
_HEADERS = {"Content-Encoding": "gzip", "Cache-Control": "no-cache"}


def serve(path, web_dir):
    """Answer with the gzipped file in ``web_dir`` for ``path``, which must be one of FILES."""
    name, kind = FILES[path]
    try:
        file = open("%s/%s.gz" % (web_dir, name), "rb")
    except OSError:
        return failure(404, "%s is not in this image" % name)
    return Reply(file, 200, kind, _HEADERS)
