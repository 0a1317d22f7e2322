"""The world page: three files, GET /state and POST /command, on the loopback."""

import asyncio
import json
from pathlib import Path

from twin.arguments import BadCommand

FOLDER = Path(__file__).parent / "worldpage"
FILES = {"/": ("index.html", "text/html; charset=utf-8"),
         "/world.css": ("world.css", "text/css; charset=utf-8"),
         "/world.js": ("world.js", "text/javascript; charset=utf-8")}
_BODY_LIMIT = 4096
_PATIENCE_S = 10
_REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
            405: "Method Not Allowed", 413: "Content Too Large"}


class WorldPage:
    """Serves the page of ``live``, a LiveWorld."""

    def __init__(self, live):
        self._live = live
        self._server = None

    async def start(self, host, port):
        """Listen; returns the URL."""
        self._server = await asyncio.start_server(self._serve, host, port)
        port = self._server.sockets[0].getsockname()[1]
        return "http://%s:%d/" % (host, port)

    async def close(self):
        """Stop listening."""
        if self._server:
            self._server.close()

    async def _serve(self, reader, writer):
        try:
            status, kind, body = await asyncio.wait_for(self._answer(reader), _PATIENCE_S)
            head = ("HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n"
                    "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
                    % (status, _REASONS[status], kind, len(body)))
            writer.write(head.encode() + body)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError,
                asyncio.TimeoutError):
            pass  # whoever asked is gone, or never said what they wanted
        finally:
            writer.close()

    async def _answer(self, reader):
        request = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = request.split("\r\n")
        method, path, _ = (first + "  ").split(" ", 2)
        headers = {}
        for line in lines:
            key, _, value = line.partition(":")
            headers[key.strip().lower()] = value.strip()
        path, _, query = path.partition("?")
        if method == "GET":
            if path == "/state":
                return self._state(query)
            if path in FILES:
                name, kind = FILES[path]
                return 200, kind, (FOLDER / name).read_bytes()
            return _json(404, {"error": "no such page"})
        if method != "POST":
            return _json(405, {"error": "only GET and POST"})
        if path != "/command":
            return _json(404, {"error": "no such page"})
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return _json(403, {"error": "commands only from this page"})
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > _BODY_LIMIT:
            return _json(413, {"error": "a command is at most %d bytes" % _BODY_LIMIT})
        return self._command(await reader.readexactly(int(length)))

    def _state(self, query):
        evse = query.removeprefix("evse=") or "0"
        try:
            return _json(200, self._live.state(int(evse) if evse.isdigit() else evse))
        except BadCommand as problem:
            return _json(400, {"error": str(problem)})

    def _command(self, body):
        try:
            arguments = json.loads(body)
        except ValueError:
            return _json(400, {"error": "the body must be JSON"})
        if not isinstance(arguments, dict) or not isinstance(arguments.get("name"), str):
            return _json(400, {"error": 'the body must be {"name": ..., ...}'})
        name = arguments.pop("name")
        try:
            self._live.command(name, arguments)
        except BadCommand as problem:
            return _json(400, {"error": str(problem)})
        return _json(200, self._live.state(arguments.get("evse", 0)))


def _json(status, document):
    return status, "application/json", json.dumps(document).encode()
