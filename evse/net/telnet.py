"""The log over telnet, for whoever has the install password. Loaded while the setting says so.

What the firmware prints and what the journal notes goes into a ring of 1 KB; one client may look
at it and at what comes after. Nothing can be done here but look and leave. Telnet is not
encrypted: who listens on the network learns the password.
"""

import asyncio
import io
import os
import select

from micropython import const

from evse import ticks
from evse.net.inlet import Refusal
from evse.net.listener import listen, text_of

_RING = const(1024)
_PIECE = const(256)
_LINE_MAX = const(64)
_TURN_MS = const(100)
_LOGIN_MS = const(60_000)
_LOGIN_MAX = const(512)
_GUESSES = const(3)
_QUIET_MS = const(30_000)  # then a word that shows nothing finds out whether the peer is there
_STUCK_MS = const(60_000)  # a peer that takes nothing for so long is gone
_LEAVING = b"qQ\x03\x04"  # q, Ctrl-C, Ctrl-D

# The protocol's own words: interpret as command; will, won't (do) echo; nothing.
_IAC, _SB, _SE, _WILL = const(255), const(250), const(240), const(251)
_NO_ECHO = b"\xff\xfb\x01"
_ECHO = b"\xff\xfc\x01"
_NOTHING = b"\xff\xf1"


class Ring(io.IOBase):
    """The last 1024 bytes written; what os.dupterm sends the prints to. ``count`` is of all."""

    def __init__(self):
        self._data = bytearray(_RING)
        self.count = 0

    def write(self, data):
        """Keep the end of ``data``. Never raises and never waits: whoever prints calls it."""
        size = len(data)
        data = memoryview(data)[max(0, size - _RING):]
        at = (self.count + size - len(data)) % _RING
        part = min(len(data), _RING - at)
        self._data[at:at + part] = data[:part]
        self._data[:len(data) - part] = data[part:]
        self.count += size
        return size

    def readinto(self, _buffer):
        """Nobody types here."""
        return None

    def read_from(self, place):
        """Return (a view of bytes from ``place`` on, where they really begin)."""
        place = max(place, self.count - _RING)
        at = place % _RING
        size = min(self.count - place, _PIECE, _RING - at)
        return memoryview(self._data)[at:at + size], place


class Keys:
    """What the peer types, without the words of the protocol: lines of at most 64 characters."""

    def __init__(self):
        self._line = bytearray()
        # Of a word of the protocol: 1 begun, 2 one byte to come, 3 many, 4 perhaps its end.
        self._inside = 0

    def feed(self, data):
        """Take bytes; return the line that ended, as bytes, or None. The rest is dropped."""
        for byte in data:
            if self._inside == 1:
                self._inside = (3 if byte == _SB else 2 if byte >= _WILL and byte != _IAC else 0)
            elif self._inside == 3:
                self._inside = 4 if byte == _IAC else 3
            elif self._inside == 4:
                self._inside = 0 if byte == _SE else 3
            elif self._inside == 2:
                self._inside = 0
            elif byte == _IAC:
                self._inside = 1
            elif byte in b"\r\n" or byte in _LEAVING[2:]:
                line = bytes(self._line) if byte in b"\r\n" else _LEAVING[2:]
                self._line = bytearray()
                if line:
                    return line
            elif byte in b"\b\x7f":
                self._line = self._line[:-1]
            elif byte and len(self._line) < _LINE_MAX:
                self._line.append(byte)
        return None


class Telnet:
    """The server. ``check(password, address)`` is a coroutine that knows the password: True,
    False, or Refusal with a sentence while it does not want to be asked. ``ring`` is the log."""

    def __init__(self, status, check, now):
        self._status = status
        self._check = check
        self._now = now
        self.ring = Ring()
        self._next = 0  # event of the journal

    async def run(self, host, port):
        """Serve for as long as the setting says so; OSError when the address is not to be had."""
        tap = getattr(os, "dupterm", None)  # none on a host
        usual = tap and tap(self.ring)
        try:
            while self._wanted():
                sock, peer = await self._caller(host, port)
                try:
                    if sock and await self._login(sock, peer):
                        await self._show(sock)
                except (OSError, ValueError, MemoryError):
                    pass  # the peer is gone, or should be
                finally:
                    if sock:
                        sock.close()
        finally:
            if tap:
                tap(usual)

    def _wanted(self):
        return self._status.setting("telnet") == "Enabled"

    def note(self):
        """Put into the ring what the journal has noted since the last time."""
        for number, at, text, a, b in self._status.events(self._next):
            sign = "-" if at < 0 else ""  # in the run before
            at = abs(at)
            self.ring.write(("%s%d:%02d:%02d %s %d %d\r\n" % (
                sign, at // 3600, at // 60 % 60, at % 60, text, a, b)).encode())
            self._next = number + 1

    async def _turn(self):
        """Let others run; ValueError once nobody shall look at the log any more."""
        await asyncio.sleep_ms(_TURN_MS)
        self.note()
        if not self._wanted():
            raise ValueError

    async def _caller(self, host, port):
        """Wait for a client; return (its socket, address), (None, "") with the setting off.

        Nobody listens while one is served: the board has ten sockets.
        """
        poller = select.poll()
        listener = listen(host, port, 1, poller)
        try:
            while True:
                await self._turn()
                for _ in poller.ipoll(0):
                    try:
                        sock, address = listener.accept()
                    except (OSError, MemoryError):
                        continue  # gone, or no room for it now: it may come back
                    sock.setblocking(False)
                    return sock, text_of(address)
        except ValueError:
            return None, ""
        finally:
            listener.close()

    async def _login(self, sock, peer):
        """True once the peer has given the password."""
        keys = Keys()
        since = self._now()
        sock.write(_NO_ECHO + ("SmartEVSE-%d, log. Password: " % self._status.serial).encode())
        guesses = size = 0
        while ticks.diff(self._now(), since) < _LOGIN_MS and size < _LOGIN_MAX:
            await self._turn()
            data = _read(sock)
            size += len(data)
            line = keys.feed(data)
            if line is None:
                continue
            if line == _LEAVING[2:]:
                return False
            try:
                good = await self._check(line.decode(), peer)
            except Refusal as refusal:
                sock.write(("\r\n%s\r\n" % refusal.error).encode())
                return False
            except ValueError:
                good = False  # not even text
            if good:
                sock.write(_ECHO + b"\r\nq and return to leave.\r\n")
                return True
            guesses += 1
            if guesses == _GUESSES:
                sock.write(b"\r\nwrong\r\n")
                return False
            sock.write(b"\r\nwrong. Password: ")
        sock.write(b"\r\ntoo late, or too much\r\n")
        return False

    async def _show(self, sock):
        """Send what is in the ring and what comes, until the peer leaves."""
        ring = self.ring
        keys = Keys()
        place = 0
        heard = self._now()
        while True:
            line = keys.feed(_read(sock))
            if line and line[0] in _LEAVING:
                return
            now = self._now()
            data, begin = ring.read_from(place)
            if begin != place and place:
                size = sock.write(("\r\n[%d bytes are lost]\r\n" % (begin - place)).encode())
                place = begin if size else place
            elif len(data):
                size = sock.write(data)
                place = begin + (size or 0)
            else:
                size = ticks.diff(now, heard) >= _QUIET_MS and sock.write(_NOTHING)
            if size:
                heard = now
            elif ticks.diff(now, heard) >= _STUCK_MS:
                raise ValueError
            if size == _PIECE:
                await asyncio.sleep_ms(0)
            else:
                await self._turn()


def _read(sock):
    """What has come, b"" for nothing; ValueError at the end."""
    data = sock.read(_LINE_MAX)
    if data is None:
        return b""
    if not data:
        raise ValueError
    return data
