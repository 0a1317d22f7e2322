"""Tells the network that there is a web server: the service _http._tcp of multicast DNS.

The image answers for the host name by itself. This answers for the service, with all there is to
say of it in one packet, at most once a second to everybody.
"""

import select
import struct

from micropython import const

from evse import ticks
from evse.net.resolve import PTR, SRV, A
from evse.rare import rare

_PORT = const(5353)
_TXT = const(16)
_ANY = const(255)
_ANSWER = const(0x8400)  # a response, by whom it is about
_FLUSH = const(0x8001)  # of the Internet, and the only one of its kind
_SHARED = const(0x0001)
_TTL_S = const(4500)
_HOST_TTL_S = const(120)
_LEGACY_TTL_S = const(10)  # for plain resolvers, which will not hear of changes

_PER_TURN = const(4)
_QUESTIONS_MAX = const(8)
_KNOWN_MAX = const(12)
_QUIET_MS = const(1000)
_ANNOUNCEMENTS = const(2)

_HTTP = const("_http._tcp.local")
_ALL = const("_services._dns-sd._udp.local")
_SERVICE = const(b"\x05_http\x04_tcp\x05local\0")
_SERVICE_LOCAL = const(11)  # where "local" is in it
_ALL_SERVICES = const(b"\x09_services\x07_dns-sd\x04_udp\x05local\0")
_NOTHING = const(0)
_ALL_ASKED = const(1)
_OURS_ASKED = const(2)


class Responder:
    """Answers for the server at ``ip`` and ``port``; ``link`` is a board's end of it."""

    def __init__(self, link, serial, ip, port):
        self._link = link
        self._label = b"SmartEVSE-%d" % serial
        self._instance = "smartevse-%d.%s" % (serial, _HTTP)
        self._ip = bytes([int(part) for part in ip.split(".")])
        self._port = port
        self._quiet = None  # until then nothing is said to everybody
        self._left = _ANNOUNCEMENTS
        self._poller = select.poll()
        self._poller.register(link.socket, select.POLLIN)

    def close(self):
        """Say nothing any more."""
        self._link.socket.close()

    def poll(self, now):
        """Announce the service at first, and answer a few of those who ask."""
        try:
            if self._quiet is not None and ticks.due(now, self._quiet):
                self._quiet = None
            if self._left and self._quiet is None:
                self._left -= 1
                self._say(_OURS_ASKED, now)
            for _ in range(_PER_TURN):
                if not self._poller.poll(0):
                    return
                heard = self._link.receive()
                if heard:
                    self._hear(heard, now)
        except OSError:
            pass  # no network for the moment

    def _hear(self, heard, now):
        data, address, port = heard
        try:
            asked, end = self.asked(data)
        except (ValueError, IndexError):
            return
        if asked and port != _PORT:
            # Not multicast DNS, but somebody who knows no better: an ordinary answer.
            head = struct.pack(">6H", data[0] << 8 | data[1], _ANSWER, 1,
                               4 if asked == _OURS_ASKED else 1, 0, 0)
            packet = head + bytes(data[12:end])
            self._link.send(self._rows(packet, asked, _LEGACY_TTL_S, _SHARED), address, port)
        elif asked and self._quiet is None:
            self._say(asked, now)

    def _say(self, asked, now):
        self._quiet = ticks.add(now, _QUIET_MS)
        head = struct.pack(">6H", 0, _ANSWER, 0, 4 if asked == _OURS_ASKED else 1, 0, 0)
        self._link.send(self._rows(head, asked, _TTL_S, _FLUSH))

    def asked(self, data):
        """Return (what the packet asks, where its first question ends); 0 for nothing of ours.

        1: which services there are; 2: about ours. ValueError or IndexError for a broken packet.
        """
        # Most packets are about others, so a look at the bytes comes first.
        text = bytes(data)
        if data[2] & 0xF8 or data[5] > _QUESTIONS_MAX or (
                text.find(b"_http") < 0 and text.find(b"_dns-sd") < 0):
            return _NOTHING, 0
        name_at = rare("net.resolve").name_at
        at = 12
        end = asked = 0
        for _ in range(data[5]):
            name, at = name_at(data, at)
            kind = data[at] << 8 | data[at + 1]
            at += 4
            end = end or at
            if name == _ALL and kind in (PTR, _ANY):
                asked = asked or _ALL_ASKED
            elif name == _HTTP and kind in (PTR, _ANY) or \
                    name == self._instance and kind in (SRV, _TXT, _ANY):
                asked = _OURS_ASKED
        if asked == _OURS_ASKED and self._known(data, at, name_at):
            asked = _NOTHING
        return asked, end

    def _known(self, data, at, name_at):
        """True if the asker has heard of us not long ago."""
        for _ in range(min(data[6] << 8 | data[7], _KNOWN_MAX)):
            owner, at = name_at(data, at)
            kind, _, ttl_s, size = struct.unpack_from(">HHIH", data, at)
            at += 10
            if owner == _HTTP and kind == PTR and ttl_s > _TTL_S // 2 and \
                    name_at(data, at)[0] == self._instance:
                return True
            at += size
        return False

    def _rows(self, packet, asked, ttl_s, group):
        """Return the answer that begins with ``packet``."""
        start = len(packet)
        if asked == _ALL_ASKED:
            return (packet + _ALL_SERVICES
                    + struct.pack(">HHIH", PTR, _SHARED, ttl_s, len(_SERVICE)) + _SERVICE)
        label = bytes((len(self._label),)) + self._label
        own = start + len(_SERVICE) + 10
        host_ttl_s = min(ttl_s, _HOST_TTL_S)
        packet += _SERVICE + struct.pack(">HHIH", PTR, _SHARED, ttl_s, len(label) + 2) + label
        packet += struct.pack(">HHHHIHHHH", 0xC000 | start, 0xC000 | own, SRV, group, host_ttl_s,
                              len(label) + 8, 0, 0, self._port)
        host = len(packet)
        packet += label + struct.pack(">HHHHIHB", 0xC000 | start + _SERVICE_LOCAL, 0xC000 | own,
                                      _TXT, group, ttl_s, 1, 0)
        return packet + struct.pack(">HHHIH", 0xC000 | host, A, group, host_ttl_s, 4) + self._ip

