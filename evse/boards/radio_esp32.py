"""The ESP32's radio: the network it joins, the one it opens for the set-up, its memory."""

import _thread
import socket
import struct

import esp32
import network
from micropython import const

IDLE = const(0)
JOINING = const(1)
JOINED = const(2)
WRONG_PASSWORD = const(3)  # the driver's 202, or a handshake that was never finished
NOT_THERE = const(4)  # or of another kind than asked for
FAILED = const(5)

# The driver gives up after so many and then says why; whoever supervises it starts it again.
_TRIES = const(2)
_NOWHERE = const("0.0.0.0")
_PORTAL = const("192.168.4.1")
_WPA2 = const(3)
_SCAN_STACK = const(8192)  # the timer's callback may run on it

_GROUP = const("224.0.0.251")
_MDNS_PORT = const(5353)
_UDP = const(17)
_PACKET_MAX = const(600)

# Bytes that WiFi and TCP live on, the most of the rest that Python takes, and of a reference.
_FOR_SYSTEM = const(57344)
_FOR_PYTHON = const(81920)
_WORD = const(4)
_KEPT = const(32)  # references


def make_room():
    """Have Python's heap take its second area now, larger than the one it would take by itself.

    It grows when something does not fit, by what it has or by what is needed, whichever is more.
    So a list is asked for that needs so much, and shortened where it lies: an area is handed back
    when nothing is in use behind its first 16 bytes. Keep what is returned.
    """
    free = sum(area[1] for area in esp32.idf_heap_info(esp32.HEAP_DATA))
    try:
        area = [None] * (min(free - _FOR_SYSTEM, _FOR_PYTHON) // _WORD)
    except MemoryError:
        return None  # no block is so large: it grows as it always did
    del area[_KEPT:]
    while len(area) > _KEPT // 2:
        area.pop()  # each time half of what is not used is let go
    return area


class Radio:
    """What ``evse.boards.board`` says of the network, by the same names."""

    def __init__(self, name):
        network.hostname(name)
        self._wlan = network.WLAN(network.STA_IF)
        self._wlan.active(True)
        self._own = None
        self._found = None
        self._fixed = None

    def restart(self):
        self._wlan.active(False)
        self._wlan.active(True)

    def join(self, ssid, password, fixed):
        wlan = self._wlan
        try:
            wlan.disconnect()
        except OSError:
            pass  # there was nothing to leave
        if not ssid:
            return
        try:
            if fixed != self._fixed:
                wlan.ifconfig(fixed or "dhcp")
                self._fixed = fixed
            wlan.config(reconnects=_TRIES)
            wlan.connect(ssid, password)
        except OSError:
            pass  # it is still leaving; the next attempt comes soon

    def link(self):
        wlan = self._wlan
        if wlan.isconnected():
            address = wlan.ifconfig()[0]
            if address != _NOWHERE:
                try:
                    return JOINED, address, wlan.status("rssi")
                except OSError:
                    pass  # lost between the two questions
            return JOINING, "", 0
        status = wlan.status()
        return (IDLE if status == 1000 else JOINING if status == 1001 else
                WRONG_PASSWORD if status in (15, 202, 204) else
                NOT_THERE if status in (201, 210, 211, 212) else FAILED), "", 0

    def dns_server(self):
        server = self._wlan.ifconfig()[3]
        return None if server == _NOWHERE else server

    def scan(self):
        self._found = None
        try:
            _thread.stack_size(_SCAN_STACK)
            _thread.start_new_thread(self._scan, ())
        except OSError:
            self._found = ()  # no memory for its stack

    def _scan(self):
        """In a thread: the driver waits 3 s, in which the interpreter goes on."""
        try:
            self._found = self._wlan.scan()
        except (OSError, MemoryError):
            self._found = ()

    def found(self):
        rows = self._found
        if rows is None:
            return None
        self._found = None
        return [(row[0], row[3], row[4] != 0, row[1], row[2]) for row in rows]

    def channel(self):
        return self._wlan.config("channel")

    def open_portal(self, ssid, password):
        self._own = own = network.WLAN(network.AP_IF)
        own.active(True)
        try:
            own.config(ssid=ssid, password=password, security=_WPA2, max_clients=4)
            own.ifconfig((_PORTAL, "255.255.255.0", _PORTAL, _PORTAL))
        except OSError:
            own.active(False)  # never one without a password
            raise
        return _PORTAL

    def close_portal(self):
        self._own.active(False)
        self._own = None

    def portal_dns(self):
        return _PORTAL, 53

    def mdns(self):
        return Multicast()


class Multicast:
    """Multicast DNS beside the responder in the image, which has the port: by a raw socket.

    Every packet to the group comes here as well; those sent get their UDP header here, without a
    checksum, which IPv4 allows.
    """

    def __init__(self):
        self.socket = sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, _UDP)
        sock.setblocking(False)
        sock.bind((_GROUP, 0))

    def receive(self):
        """Return (packet, address, port) of one packet that came, None where it is not for us."""
        data = self.socket.recv(_PACKET_MAX)
        head = (data[0] & 15) * 4
        if len(data) < head + 8:
            return None
        port, to = struct.unpack_from(">HH", data, head)
        if to != _MDNS_PORT:
            return None
        return memoryview(data)[head + 8:], "%d.%d.%d.%d" % tuple(data[12:16]), port

    def send(self, data, address=_GROUP, port=_MDNS_PORT):
        """Send a packet from the port of multicast DNS; to everybody unless told otherwise."""
        head = struct.pack(">HHHH", _MDNS_PORT, port, len(data) + 8, 0)
        self.socket.sendto(head + data, (address, 0))
