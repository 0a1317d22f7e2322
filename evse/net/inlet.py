"""Takes a request off a connection within fixed bounds, and judges it before anything runs.

Microdot reads lines of any length, headers of any number and waits for ever. So the request is
read here, checked, and only what the application needs is replayed to Microdot.
"""

from microdot.microdot import urldecode
from micropython import const

LINE_MAX = const(1024)
HEAD_MAX = const(4096)
HEADERS_MAX = const(32)
BODY_MAX = const(1024)
LONG_MAX = const(4096)
# Parsed, each part takes far more memory than it takes on the wire.
PARAMETERS_MAX = const(64)
BRACKETS_MAX = const(64)
COMMAS_MAX = const(300)
COOKIE = const("evse")
_READ = const(256)
_PIECE = const(512)

_METHOD_MAX = const(10)
_READING = const(("GET", "HEAD"))
# What is sent there may be LONG_MAX bytes, which are kept in pieces.
_LONG = const(("/api/v1/restore", "/api/v1/cards"))
# What is sent there may be far longer; it is read only by who asks for the next bytes of it.
_STREAMED = const("/api/v1/update")
_STREAM_MAX = const(1_000_000)
_LOCAL_NAMES = ("localhost", "")


class Refusal(Exception):
    """The request is not served: HTTP ``status``, a sentence for the client, extra headers."""

    def __init__(self, status, error, headers=None):
        super().__init__(error)
        self.status = status
        self.error = error
        self.headers = headers


class Gone(Exception):
    """The peer closed the connection before its request was complete."""


class Inlet:
    """One request of one connection. ``names`` are the host names this charger answers to.

    ``token`` is the one it came with, "" without. ``chunks`` is a list for the pieces of a body
    that may be long, else None. ``streamed``: the body is not read here but by ``piece``.
    """

    def __init__(self, stream, names):
        self._stream = stream
        self._names = names
        self._rest = b""
        self._replay = []
        self._body = b""
        self.length = 0
        self.token = ""
        self.chunks = None
        self.streamed = False

    # ---- from the wire ----

    async def read_head(self):
        """Read request line and headers; raises Refusal or Gone."""
        line = await self._line(414, "request line longer than %d bytes" % LINE_MAX)
        while line in (b"\r\n", b"\n"):
            # An empty line before a request is allowed by the protocol, but not two.
            line = await self._line(414, "request line longer than %d bytes" % LINE_MAX)
            if line in (b"\r\n", b"\n"):
                raise Refusal(400, "no request line")
        method, target = _request_line(line)
        headers = {}
        total = len(line)
        count = 0
        while True:
            line = await self._line(431, "header longer than %d bytes" % LINE_MAX)
            total += len(line)
            if total > HEAD_MAX:
                raise Refusal(431, "headers longer than %d bytes" % HEAD_MAX)
            if line in (b"\r\n", b"\n"):
                break
            count += 1
            if count > HEADERS_MAX:
                raise Refusal(431, "more than %d headers" % HEADERS_MAX)
            _keep(headers, line)
        path = target.partition("?")[0]
        self.streamed = method == "POST" and path == _STREAMED
        if method not in _READING and path in _LONG or self.streamed:
            self.chunks = []
        self.length = _length(headers, BODY_MAX if self.chunks is None else
                              _STREAM_MAX if self.streamed else LONG_MAX)
        _check_host(headers.get("host"), self._names)
        if method not in _READING:
            _check_origin(headers)
        self.token = _token(headers)
        self._replay.append(("%s %s HTTP/1.0\r\n" % (method, target)).encode())
        if "content-type" in headers:
            self._replay.append(("Content-Type: %s\r\n" % headers["content-type"]).encode())
        if self.chunks is None:
            self._replay.append(("Content-Length: %d\r\n" % self.length).encode())
        self._replay.append(b"\r\n")

    async def read_body(self):
        """Read the announced body; raises Gone when it never comes whole."""
        if self.streamed:
            return
        if self.chunks is None:
            while len(self._rest) < self.length:
                await self._more()
            self._body = self._rest[: self.length]
            _check_parts((self._body,))
            return
        left = self.length
        while left:
            if not self._rest:
                await self._more()
            self.chunks.append(self._rest[:left])
            left -= len(self.chunks[-1])
            self._rest = b""
        _check_parts(self.chunks)

    async def piece(self):
        """The next bytes of a streamed body, b"" after the last or when the peer has gone."""
        if self.length and not self._rest:
            try:
                self._rest = await self._stream.read(_PIECE)
            except OSError:
                pass  # it has gone
        data = self._rest[:self.length]
        self._rest = b""
        self.length -= len(data)
        return data

    async def _line(self, status, error):
        while True:
            end = self._rest.find(b"\n") + 1
            if end > LINE_MAX or (not end and len(self._rest) >= LINE_MAX):
                raise Refusal(status, error)
            if end:
                line = self._rest[:end]
                self._rest = self._rest[end:]
                return line
            await self._more()

    async def _more(self):
        data = await self._stream.read(_READ)
        if not data:
            raise Gone
        self._rest += data

    # ---- to Microdot, which takes this object for its reader ----

    async def readline(self):
        """Next line of the head as accepted."""
        return self._replay.pop(0)

    async def readexactly(self, count):
        """The body; ``count`` is the length announced in the replayed head."""
        return self._body


def _text(line):
    try:
        return line.decode().strip()
    except UnicodeError:
        raise Refusal(400, "not text")


def _request_line(line):
    parts = _text(line).split()
    if (len(parts) != 3 or not parts[2].startswith("HTTP/1.") or not parts[1].startswith("/")
            or len(parts[0]) > _METHOD_MAX):
        raise Refusal(400, "not an HTTP/1 request")
    method, target, _ = parts
    if target.count("&") >= PARAMETERS_MAX:
        raise Refusal(400, "more than %d parameters" % PARAMETERS_MAX)
    try:
        urldecode(target)
    except ValueError:
        raise Refusal(400, "malformed % escape")
    return method, target


_WANTED = (
    "host",
    "origin",
    "content-length",
    "content-type",
    "transfer-encoding",
    "sec-fetch-site",
    "authorization",
    "cookie",
)


def _keep(headers, line):
    """Remember one header line when it is of use; a Sec-Fetch header of any kind leaves a mark."""
    if line[:1] in (b" ", b"\t"):
        raise Refusal(400, "folded header")
    name, colon, value = _text(line).partition(":")
    if not colon or not name or name[-1] in " \t":
        raise Refusal(400, "malformed header")
    name = name.lower()
    if name.startswith("sec-fetch-"):
        headers["sec-fetch"] = name
    if name not in _WANTED:
        return
    value = value.strip()
    if headers.get(name, value) != value:
        raise Refusal(400, "conflicting %s headers" % name)
    headers[name] = value


def _length(headers, most):
    if "transfer-encoding" in headers:
        raise Refusal(411, "the body needs a Content-Length")
    text = headers.get("content-length", "0")
    if not text.isdigit():
        raise Refusal(400, "malformed Content-Length")
    if len(text) > 9 or int(text) > most:
        raise Refusal(413, "body longer than %d bytes" % most)
    return int(text)


def _token(headers):
    """The token in the headers or else in a cookie, "" without one."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return token.strip()
    for cookie in headers.get("cookie", "").split(";"):
        name, _, token = cookie.strip().partition("=")
        if name == COOKIE:
            return token
    return ""


def _check_parts(chunks):
    """Refuse a body that would take too much memory as lists and dicts, whatever it is."""
    for marks, most in (("[{", BRACKETS_MAX), (",", COMMAS_MAX), ("&", PARAMETERS_MAX - 1)):
        count = 0
        for mark in marks:
            count += sum(chunk.count(mark.encode()) for chunk in chunks)
        if count > most:
            raise Refusal(400, "more than %d of %s in the body" % (most, " or ".join(marks)))


def _host_name(host):
    """Name or address of a Host header in lower case, without its port."""
    if host.startswith("["):
        name, bracket, port = host.partition("]")
        return name + bracket if not port or port.startswith(":") else host
    return host.split(":")[0].lower()


def _is_address(name):
    if name.startswith("["):
        return name.endswith("]") and ":" in name
    parts = name.split(".")
    if len(parts) != 4:
        return False
    for part in parts:
        if not part.isdigit() or len(part) > 3 or int(part) > 255:
            return False
    return True


def _check_host(host, names):
    """Against DNS rebinding: a browser led here by a foreign name is turned away."""
    if host is None:
        return  # no browser leaves it out
    name = _host_name(host)
    if name in _LOCAL_NAMES or _is_address(name):
        return
    if name.endswith(".local"):
        name = name[:-6]
    if name not in names:
        raise Refusal(421, "unknown host name; use the address or the charger's own name")


def _check_origin(headers):
    """Against writes from foreign pages: a browser must show that the page came from here."""
    origin = headers.get("origin")
    if origin is None:
        if "sec-fetch" in headers:
            raise Refusal(403, "a browser must send its Origin")
        return
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise Refusal(403, "written from another site")
    scheme, _, host = origin.partition("://")
    if scheme not in ("http", "https") or host.lower() != headers.get("host", "").lower():
        raise Refusal(403, "written from another site")
