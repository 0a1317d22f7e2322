"""Modbus TCP: the registers of this charger for programs on the network, to be read only.

Up to two clients, looked at every few ms by one task; buffers exist from the start. Whoever says
nothing for a minute, is slow within a request or speaks something else is let go.
"""

import asyncio
import select
import struct

from micropython import const

from evse import ticks
from evse.net.listener import listen

_CLIENTS = const(2)
_BACKLOG = const(4)
_REGISTERS_MAX = const(125)
_HEADER = const(7)  # transaction, protocol, length, unit
_LENGTH_AT = const(6)  # bytes until one knows how many follow
_FRAME_MAX = const(260)
_REPLY_MAX = const(259)  # _HEADER + 2 + 2 * _REGISTERS_MAX
_READS = (3, 4)
_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS, _ILLEGAL_VALUE = const(1), const(2), const(3)

_TURN_MS = const(10)
_IDLE_MS = const(60_000)
_REQUEST_MS = const(5000)
_TURNS = const(50)  # between two looks at the setting


def answer(request, read, reply):
    """Put the reply to a whole request frame into ``reply``; return its length.

    ``read(number)`` is a register's value, None where there is no such register.
    """
    reply[:_HEADER + 1] = request[:_HEADER + 1]
    code = request[_HEADER]
    error = 0
    size = 2
    if code not in _READS:
        error = _ILLEGAL_FUNCTION
    elif len(request) != _HEADER + 5:
        error = _ILLEGAL_VALUE
    else:
        first, count = struct.unpack_from(">HH", request, _HEADER + 1)
        if not 0 < count <= _REGISTERS_MAX:
            error = _ILLEGAL_VALUE
        else:
            reply[_HEADER + 1] = 2 * count
            size += 2 * count
            for at in range(count):
                value = read(first + at)
                if value is None:
                    error = _ILLEGAL_ADDRESS
                    break
                struct.pack_into(">H", reply, _HEADER + 2 + 2 * at, value)
    if error:
        reply[_HEADER] = code | 0x80
        reply[_HEADER + 1] = error
        size = 2
    struct.pack_into(">H", reply, 4, 1 + size)
    return _HEADER + size


class Client:
    """One connection and the request that is coming in; without a socket it is free."""

    def __init__(self):
        self._frame = memoryview(bytearray(_FRAME_MAX))
        self.sock = None
        self._have = 0
        self._since = 0

    def begin(self, sock, now):
        """Take over a connection."""
        sock.setblocking(False)
        self.sock = sock
        self._have = 0
        self._since = now

    def end(self):
        """Close the connection, if there is one."""
        if self.sock:
            self.sock.close()
            self.sock = None

    def request(self, now):
        """Read what has come; return a whole request as a memoryview, or None.

        OSError when the connection is over, ValueError when it should be.
        """
        if ticks.diff(now, self._since) >= (_REQUEST_MS if self._have else _IDLE_MS):
            raise ValueError
        while True:
            want = _LENGTH_AT
            if self._have >= _LENGTH_AT:
                _, protocol, length = struct.unpack_from(">HHH", self._frame)
                want += length
                if protocol or not 2 <= length <= _FRAME_MAX - _LENGTH_AT:
                    raise ValueError
                if self._have == want:
                    self._have = 0
                    return self._frame[:want]
            size = self.sock.readinto(self._frame[self._have:want])
            if size is None:
                return None
            if not size:
                raise ValueError
            if not self._have:
                self._since = now
            self._have += size


class ModbusTcp:
    """The server and its ``clients``. ``status`` is the core's door to look through."""

    def __init__(self, status, now):
        self._status = status
        self._now = now
        self.clients = tuple(Client() for _ in range(_CLIENTS))
        self._reply = memoryview(bytearray(_REPLY_MAX))

    async def run(self, host, port):
        """Serve for as long as the setting says so; OSError when the address is not to be had."""
        poller = select.poll()
        listener = listen(host, port, _BACKLOG, poller)
        try:
            while self._status.setting("modbus_tcp") == "Enabled":
                for _ in range(_TURNS):
                    for _ in poller.ipoll(0):
                        for client in self.clients:
                            self.serve(client)  # who has left makes room
                        self._admit(listener)
                    for client in self.clients:
                        self.serve(client)
                        await asyncio.sleep_ms(_TURN_MS)
        finally:
            listener.close()
            for client in self.clients:
                client.end()

    def _admit(self, listener):
        """Take in who waits, as far as there is room."""
        for _ in range(_BACKLOG):
            try:
                sock, _ = listener.accept()
            except (OSError, MemoryError):
                return  # nobody else, or no room for it now: it may come back
            for client in self.clients:
                if not client.sock:
                    client.begin(sock, self._now())
                    break
            else:
                sock.close()

    def serve(self, client):
        """Answer one request of a client, if there is one."""
        if not client.sock:
            return
        try:
            request = client.request(self._now())
            if request is not None:
                size = answer(request, self._status.register, self._reply)
                if client.sock.write(self._reply[:size]) != size:
                    raise ValueError  # it does not take its answers
        except (OSError, ValueError):
            client.end()
