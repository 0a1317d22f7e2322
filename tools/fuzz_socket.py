"""A socket for the fuzzer on which anything comes in, and what goes with it."""

from fuzz_world import START

_PIECES = (1 << 20, 1, 13)


class Clock:
    """A clock that only goes on when it is looked at."""

    def __init__(self):
        self.ms = START

    def now(self):
        """Ticks, 10 ms later each time."""
        self.ms += 10
        return self.ms


class Wire:
    """A socket on which ``data`` comes in, then nothing any more; and the modules for sockets.

    ``sent`` is what was written to it. With ``stamp``, the function makes a packet of ``data`` and
    of what was sent first.
    """

    AF_INET = SOCK_DGRAM = POLLIN = POLLOUT = 1

    def __init__(self, data, stamp=None):
        self._data = data
        self._most = _PIECES[len(data) % len(_PIECES)]
        self._stamp = stamp
        self.sent = b""
        self.closed = 0

    # ---- as modules ----

    def socket(self, *_):
        """A socket, always the same."""
        return self

    def getaddrinfo(self, host, port):
        """What every name is known as."""
        return [(0, 0, 0, "", (host, port))]

    def poll(self, timeout=None):
        """A poller, or what it has found: there is always something."""
        return self if timeout is None else [(self, 1)]

    # ---- as a poller ----

    def register(self, *_):
        """Nothing to remember."""

    def ipoll(self, _timeout):
        """What is there to be read."""
        return iter(((self, 1),))

    # ---- as a socket ----

    setblocking = connect = register

    def accept(self):
        """A caller."""
        return self, ("192.168.1.9", 50000)

    def close(self):
        """Hang up."""
        self.closed += 1

    def read(self, count):
        """The next bytes, b"" at the end."""
        if self._stamp:
            self._data, self._stamp = self._stamp(self._data, self.sent), None
        count = min(count, self._most)
        data, self._data = self._data[:count], self._data[count:]
        return data

    def recv(self, count):
        """A packet, each time the same."""
        return (self._stamp(self._data, self.sent) if self._stamp else self._data)[:count]

    def readinto(self, buf):
        """The next bytes into ``buf``."""
        data = self.read(len(buf))
        buf[:len(data)] = data
        return len(data)

    def write(self, data):
        """Take bytes."""
        self.sent += data.encode() if type(data) is str else bytes(data)
        return len(data)

    send = write

    def sendto(self, data, _where):
        """Take a packet."""
        return self.write(data)


class Names:
    """Knows every name."""

    async def lookup(self, _name):
        """Return an address."""
        return "192.168.1.7"

    def doubt(self, name):
        """Know it all the same."""


def give(module, wire):
    """Have ``module`` use the wire for its sockets."""
    module.select = wire
    if hasattr(module, "socket"):
        module.socket = wire
