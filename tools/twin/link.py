"""The line between a master and its nodes: the shipped protocol, and the time it takes on a wire.

The Master's devices ask and the nodes answer as on the board; only bits and bytes are left out.
One exchange at a time, in cycles of 2 s; what cannot wait comes first.
"""

from evse.bus.node import Node
from evse.bus.rtu import REPLY_MS, wire_ms
from evse.bus.share import Share

CYCLE_MS = 2000
_TURN_MS = 12  # between the frames of an exchange, and after it
_CRC = 3  # bytes of a frame beside its PDU
_EXCEPTION = 0x80


class Link:
    """Joins ``stations``, the first of which is the master; cycles begin ``phase_ms`` late.

    ``due`` is the moment the exchange under way ends or the next one may begin. ``cut`` has the
    numbers of the nodes nobody hears and that hear nobody; 0 in it stands for all.
    """

    def __init__(self, stations, phase_ms):
        self._master = stations[0]
        self._nodes = stations[1:]
        self._ears = [None] * len(stations)
        self._group = None  # the one of the master's core that the devices belong to
        self._devices = []
        self.cut = set()
        self._cycle = phase_ms
        self._left = []
        self._soon = []  # (moment, device)
        self._under_way = None  # (device, request)
        self.due = phase_ms

    def add(self, device, _period_ms):
        """For ``Share``: a device with turns; those without a node behind them never answer."""
        self._devices.append(device)
        if device.address > len(self._nodes) + 1 and not device.silent:
            device.begin()
            device.missed()

    def end(self, now):
        """The exchange that ends at ``now``, if one does, has its effect."""
        if not self._under_way or now < self.due:
            return
        device, request = self._under_way
        self._under_way = None
        if not self._master.wake(now) or self._master.core.group is not self._group:
            return
        if device.silent:
            for node in self._nodes:
                self._hear(node, device.address, request, now)
            return
        answer = self._hear(self._nodes[device.address - 2], device.address, request, now)
        if answer is None or answer[0] & _EXCEPTION:
            device.missed()
            return
        request = device.take(_data(bytes(answer)), True)
        if request:
            self._ask(device, bytes(request), now)
        elif device.soon_ms:
            self._soon.append((now + device.soon_ms, device))

    def _hear(self, node, address, request, now):
        """What ``node`` answers, None when it does not."""
        n = node.number
        if 0 in self.cut or n in self.cut or not node.wake(now):
            return None
        ear = self._ears[n]
        if not ear or ear[0] is not node.core:
            ear = self._ears[n] = (node.core, Node(node.core, None, lambda: node.core.now))
        return ear[1].answer(address, request)

    def begin(self, now):
        """Begin the next exchange at ``now`` if the line is free and there is one."""
        if self._under_way:
            return
        if now >= self._cycle:
            self._cycle += CYCLE_MS
            self._left = list(self._devices)
        core = self._master.core
        group = core and core.group
        if group is not self._group:
            self._group = group
            self._devices = []
            self._soon = []
            if group:
                Share(core, lambda: core.now).add_to(self, CYCLE_MS)
            self._left = list(self._devices)
        device = self._next(now)
        while device:
            request = device.begin()
            if request and (device.silent or device.address <= len(self._nodes) + 1):
                self._ask(device, bytes(request), now)
                return
            device = self._next(now)
        self.due = min([self._cycle] + [moment for moment, _ in self._soon])

    def _next(self, now):
        """Take out who is to have its turn, None when nobody is."""
        for device in self._devices:
            if device.urgent():
                return device
        for entry in self._soon:
            if now >= entry[0]:
                self._soon.remove(entry)
                return entry[1]
        return self._left.pop(0) if self._left else None

    def _ask(self, device, request, now):
        self._under_way = (device, request)
        self.due = now + wire_ms(len(request) + _CRC) + _TURN_MS
        if not device.silent:
            alive = self._nodes[device.address - 2]
            count = 2 * (request[3] << 8 | request[4]) + 2 if request[0] <= 4 else 5
            answers = alive.core and alive.number not in self.cut and 0 not in self.cut
            self.due += wire_ms(count + _CRC) + _TURN_MS if answers else REPLY_MS


def _data(answer):
    """The part of an answer that a device takes; an exception has none."""
    return memoryview(answer)[2 if answer[0] <= 4 else 1:]
