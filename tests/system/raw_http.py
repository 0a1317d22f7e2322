"""HTTP as bytes on a connection, for tests of what no well-behaved client sends."""

import json
import socket
import struct
import urllib.parse

PATIENCE_S = 20  # a connection still open after this long has not been freed


class Peer:
    """A raw connection to the charger, from an address of the loopback, maybe to another one."""

    def __init__(self, twin, source="127.0.0.1", to=None):
        address = urllib.parse.urlsplit(twin.url)
        self.socket = socket.create_connection((to or address.hostname, address.port), PATIENCE_S,
                                               (source, 0))

    def say(self, data):
        """Send ``data``; a peer that has been cut off meanwhile is no error."""
        try:
            self.socket.sendall(data)
        except OSError:
            pass
        return self

    def end(self):
        """Say that nothing more comes, so that whoever is refused is let go at once."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # cut off already

    def hear(self):
        """All the charger says until it closes; TimeoutError when it never does."""
        heard = b""
        while True:
            try:
                part = self.socket.recv(4096)
            except (ConnectionResetError, BrokenPipeError):
                break
            if not part:
                break
            heard += part
        self.socket.close()
        return heard

    def break_off(self):
        """Reset the connection."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def status_of(heard):
    """Status of an answer, None without one."""
    return int(heard.split(b" ")[1]) if heard else None


def headers_of(heard):
    """Headers of an answer, names in lower case."""
    lines = heard.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in
            (line.partition(":") for line in lines)}


def document_of(heard):
    """The JSON document in an answer."""
    return json.loads(heard.partition(b"\r\n\r\n")[2])


def ask(twin, data, source="127.0.0.1"):
    """Send ``data``; returns all that is answered."""
    return Peer(twin, source).say(data).hear()


def send(twin, method, path, document=None, source="127.0.0.1", to=None, **headers):
    """Send a request as a plain client does; returns (status, headers, document or text).

    ``document`` goes as JSON, or as it is if it is bytes. An underscore in the name of a header
    stands for a hyphen.
    """
    body = document if isinstance(document, bytes) else (
        b"" if document is None else json.dumps(document).encode())
    lines = ["%s %s HTTP/1.1" % (method, path), "Content-Length: %d" % len(body)]
    sent = {"Host": urllib.parse.urlsplit(twin.url).netloc}
    if body:
        sent["Content-Type"] = "application/json"
    sent.update((name.replace("_", "-"), value) for name, value in headers.items())
    lines += ["%s: %s" % item for item in sent.items() if item[1] is not None]
    peer = Peer(twin, source, to).say("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    peer.end()
    heard = peer.hear()
    text = heard.partition(b"\r\n\r\n")[2]
    try:
        return status_of(heard), headers_of(heard), json.loads(text)
    except ValueError:
        return status_of(heard), headers_of(heard), text.decode(errors="replace")
