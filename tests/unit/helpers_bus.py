"""A scripted RS485 line on simulated time, for the unit tests of ``evse.bus``."""

from evse import ticks
from evse.bus.rtu import crc16

# 16.5 A, -5.25 A, 0.875 A and their phase powers, as an SDM630 sends them.
SDM630_CURRENT = bytes.fromhex("4184000040a800003f600000456d3000c496f00043494000")


class Over(Exception):
    """Simulated time is up."""


def frame(address, pdu):
    """Return the RTU frame of ``pdu``."""
    body = bytes([address]) + bytes(pdu)
    crc = crc16(body, 0, len(body))
    return body + bytes([crc & 0xFF, crc >> 8])


def reply(address, data, function=4):
    """Return the frame that answers a read with ``data``."""
    return frame(address, bytes([function, len(data)]) + data)


class Wire:
    """Port and clock in one. ``answer(frame, n)`` scripts what the n-th request (from 0) brings.

    It returns a list of (ms after the request, bytes). Time starts just before the ticks wrap.
    """

    def __init__(self, answer, end_ms=60_000):
        self._answer = answer
        self._begin = self.clock = ticks.MASK - 40
        self._end_ms = end_ms
        self._pending = []
        self.sent = []
        self.sent_at = []
        self.largest = 0
        self.reads = 0

    @property
    def elapsed(self):
        """Simulated ms since the start."""
        return self.clock - self._begin

    def now(self):
        return self.clock & ticks.MASK

    async def sleep_ms(self, ms):
        self.clock += max(ms, 1)
        if self.elapsed >= self._end_ms:
            raise Over

    def write(self, buf):
        number = len(self.sent)
        self.sent.append(bytes(buf))
        self.sent_at.append(self.elapsed)
        for delay, data in self._answer(bytes(buf), number):
            self._pending.append((self.clock + delay, data))

    def readinto(self, buf):
        self.reads += 1
        self.largest = max(self.largest, len(buf))
        count = 0
        while self._pending and count < len(buf):
            due, data = self._pending[0]
            if due > self.clock:
                break
            part = data[:len(buf) - count]
            buf[count:count + len(part)] = part
            count += len(part)
            if len(part) < len(data):
                self._pending[0] = (due, data[len(part):])
            else:
                self._pending.pop(0)
        return count or None


def run(coroutine):
    """Run a coroutine that only waits on a Wire; return its result."""
    try:
        while True:
            coroutine.send(None)
    except StopIteration as done:
        return done.value


async def turns(role):
    """Let a master or node have turn after turn."""
    while True:
        await role.turn()


def run_for(coroutine):
    """Run a coroutine until its Wire's time is up."""
    try:
        run(coroutine)
    except Over:
        pass
