"""The simulated board's WiFi: the firmware's side of ``tools/twin/radio.py``.

JSON in small UDP packets on the loopback. The network itself is the host's: what is simulated is
whether the firmware believes to be in it. While no network has been asked for the host has one.
"""

import json
import os
import socket

_NONE, _JOINING, _JOINED = 0, 1, 2
_PACKET_MAX = 1024
PORTAL = "127.0.4.1"


class Radio:
    """See ``evse.boards.board`` for what each call does; ``host`` is the own address."""

    def __init__(self, world, host):
        self._world = world
        self._host = host
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.setblocking(False)
        self._wanted = False
        self._state = (_NONE, 0, 0)
        self._found = None
        self._tell({"join": None})

    def _tell(self, document):
        try:
            self._sock.sendto(json.dumps(document).encode(), self._world)
        except OSError:
            pass  # the world is gone

    def _hear(self):
        while True:
            try:
                data = self._sock.recv(_PACKET_MAX)
            except OSError:
                return
            document = json.loads(data)
            if "found" in document:
                self._found = document["found"]
            else:
                self._state = (document["state"], document["rssi"], document["channel"])

    def restart(self):
        self.join("", "", None)

    def join(self, ssid, password, fixed):
        self._hear()
        self._wanted = bool(ssid)
        self._state = (_JOINING if ssid else _NONE, 0, 0)
        self._tell({"join": [ssid, password] if ssid else None, "fixed": fixed})

    def link(self):
        self._hear()
        state, rssi, _ = self._state
        if not self._wanted:
            return _NONE, self._host, 0
        return state, self._host if state == _JOINED else "", rssi if state == _JOINED else 0

    def scan(self):
        self._hear()
        self._found = None
        self._tell({"scan": True})

    def found(self):
        self._hear()
        rows = self._found
        self._found = None
        return rows and [(row[0].encode(), row[1], row[2], bytes.fromhex(row[3]), row[4])
                         for row in rows]

    def channel(self):
        return self._state[2]

    def open_portal(self, ssid, password):
        self._tell({"portal": [ssid, password]})
        return PORTAL

    def close_portal(self):
        self._tell({"portal": None})

    def portal_dns(self):
        return "127.0.0.1", int(os.getenv("MICROEVSE_PORTAL_DNS") or 0)

    def mdns(self):
        group = os.getenv("MICROEVSE_MDNS")
        return Multicast(group) if group else None


class Multicast:
    """Multicast DNS on the loopback, in the group and at the port of ``where`` (a.b.c.d:port)."""

    def __init__(self, where):
        group, port = where.rsplit(":", 1)
        self._group = socket.getaddrinfo(group, int(port))[0][-1]
        self.socket = sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(socket.getaddrinfo("0.0.0.0", int(port))[0][-1])
        member = bytes([int(part) for part in (group + ".127.0.0.1").split(".")])
        sock.setsockopt(0, 35, member)  # IPPROTO_IP, IP_ADD_MEMBERSHIP
        sock.setsockopt(0, 32, member[4:])  # IP_MULTICAST_IF
        sock.setblocking(False)

    def receive(self):
        data, peer = self.socket.recvfrom(600)
        return memoryview(data), "%d.%d.%d.%d" % tuple(peer[4:8]), peer[2] << 8 | peer[3]

    def send(self, data, address="", port=0):
        self.socket.sendto(data, socket.getaddrinfo(address, port)[0][-1] if address else
                           self._group)
