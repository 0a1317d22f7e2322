"""The Node's end of the bus: it answers its Master, and hears what is meant for all.

A Node shares the line with the Master's other slaves, so most of what it hears is not for it. A
frame is found by its length and checksum, wherever it begins; only silence tells that one has
stayed without its end. Whatever is on the line, 5 ms bring no more than one frame's work.
"""

import asyncio

from micropython import const

from evse import ticks
from evse.bus import registers
from evse.bus.master import BadSample, Slave
from evse.bus.meters import Meter, entry_of
from evse.bus.rtu import crc16
from evse.settings import Refused

BROADCAST = const(9)

_READ = const(3)
_READ_INPUT = const(4)
_WRITE = const(6)
_WRITE_MANY = const(16)
_EXCEPTION = const(0x80)
_NO_REGISTER = const(2)
_NO_VALUE = const(3)
_MOST_WRITTEN = const(123)
_REQUEST = const(8)  # bytes of a read, or a write of one register

_BUFFER = const(256)
_REPLY = const(64)  # the longest one, of 22 registers, has 49 bytes
_LOOKED = const(64)  # bytes that are gone through at one look; 5 come in meanwhile
_STRAY = const(4)  # bytes between a request and its reply that can be noise

_POLL_MS = const(5)
_POLLS = const(20)
# A receiver hands on what it has in lumps, and when the line has been quiet for 10 characters.
_GAP_MS = const(25)
_QUIET_MS = const(4)  # 3.5 characters: nobody answers sooner
# The impatient ones among the Masters wait for 85 ms. An answer after that hits another's.
_STALLED_MS = const(60)
_WAIT_MS = const(20)

_TOLD_MS = const(11_000)
_EV_TOLD_MS = const(64_000)
_MOST_DA = const(800)
_EVSES = const(8)
_PHASES = const(3)
# Of the system block all Masters mean the same by 0x0200 to 0x0209, except 0x0203.
_COMMON = const(10)
_NOT_COMMON = const(3)


class Node:
    """One Node on the bus: the registers of ``core`` at the address of the setting pwr_share.

    ``port``, ``now`` and ``sleep_ms`` are as for ``evse.bus.rtu.Link``. ``answer`` alone needs no
    port.
    """

    def __init__(self, core, port, now, sleep_ms=asyncio.sleep_ms):
        self._core = core
        self._port = port
        self._now = now
        self._sleep_ms = sleep_ms
        self.name = "master"
        self.address = core.joined
        self._master = Slave(self, 0, now())
        settings = core.settings
        entry = entry_of(settings.get("ev_meter"), settings)
        self._meter = entry and Meter(entry, "ev", settings.get("ev_adr"), core.command)
        self._ev = self._meter and Slave(self._meter, 0, now())
        self._ev_address = self._meter.address if entry else -1
        self._asked = bytearray(5)  # the last read of the EV meter
        self._patience = 0  # how many bytes may still come before its reply

        self._rx = bytearray(_BUFFER)
        self._view = memoryview(self._rx)
        self._count = self._scan = 0
        self._tx = bytearray(_REPLY)
        self._out = memoryview(self._tx)
        self._reply = 0  # length of the frame that waits for the line to be quiet
        self._asked_at = self._heard = self._polled = now()
        self._late = self._begins = False

    def rows(self):
        """Return a row for the Master and one for the EV meter, see ``Slave.report``.

        For the Master "requests" counts what it said to us and "replies" what we could use of it.
        """
        now = self._now()
        rows = []
        for slave, valid_ms in ((self._master, _TOLD_MS), (self._ev, _EV_TOLD_MS)):
            if slave:
                row = slave.report(now)
                row["ok"] = 0 <= row["age_ms"] <= valid_ms
                rows.append(row)
        return rows

    async def turn(self):
        """Listen for about 100 ms, answering what is asked meanwhile."""
        for _ in range(_POLLS):
            await self._sleep_ms(_POLL_MS)
            self._poll(self._now())

    # ---- what is said to us ----

    def answer(self, address, pdu):
        """Obey ``pdu``, which was sent to ``address``; returns the reply's PDU, or None for none.

        The reply holds until the next answer.
        """
        core = self._core
        everybody = address == BROADCAST
        if not core.member or len(pdu) < 5 or not (everybody or address == self.address):
            return None
        function = pdu[0]
        start = pdu[1] << 8 | pdu[2]
        number = pdu[3] << 8 | pdu[4]  # of registers, or the value of one
        if function == _READ or function == _READ_INPUT:
            length = self._read(start, number)
        elif function == _WRITE:
            length = self._acknowledge(start, 1, self._write(start, number, everybody), number)
        elif function == _WRITE_MANY and len(pdu) == 6 + 2 * number == 6 + pdu[5]:
            if start == registers.CURRENTS:
                self._told(pdu, number)
                return None
            length = self._write_many(start, number, pdu, everybody)
        else:
            return None
        if everybody:
            return None
        self._tx[1] = function if length > 2 else function | _EXCEPTION
        return self._out[1:1 + length]

    def _read(self, start, count):
        """Put the values of registers into the reply; returns the length of its PDU."""
        if not registers.within(start, count):
            return self._refuse(_NO_REGISTER)
        tx = self._tx
        tx[2] = 2 * count
        for i in range(count):
            value = registers.read(self._core, start + i)
            if value is None:
                return self._refuse(_NO_REGISTER)
            tx[3 + 2 * i] = value >> 8
            tx[4 + 2 * i] = value & 0xFF
        return 2 + 2 * count

    def _write_many(self, start, count, pdu, everybody):
        taken = 0
        # One register after the other, because Masters of another age tell everybody more of them.
        if everybody or registers.within(start, count):
            for i in range(count):
                value = pdu[6 + 2 * i] << 8 | pdu[7 + 2 * i]
                taken += self._write(start + i, value, everybody)
        return self._acknowledge(start, count, taken, taken)

    def _write(self, number, value, everybody):
        """Write one register; True when it was taken."""
        if everybody and not _is_common(number):
            return False
        try:
            return registers.write(self._core, number, value, "bus")
        except Refused:
            return False

    def _acknowledge(self, start, count, taken, number):
        """Put the acknowledgement of a write into the reply; returns the length of its PDU."""
        if not taken:
            known = registers.within(start, count)
            return self._refuse(_NO_VALUE if known else _NO_REGISTER)
        tx = self._tx
        tx[2] = start >> 8
        tx[3] = start & 0xFF
        tx[4] = number >> 8
        tx[5] = number & 0xFF
        return 5

    def _refuse(self, code):
        self._tx[2] = code
        return 2

    def _told(self, pdu, count):
        """Take our current, and those of the mains for who looks at them here."""
        core = self._core
        own = self.address - 1
        if count <= own:
            return
        core.member.told(min(_MOST_DA, pdu[6 + 2 * own] << 8 | pdu[7 + 2 * own]), core.now)
        now = self._now()
        self._master.requests = self._master.requests + 1 & ticks.MASK
        self._master.good(now, self._master.latency_ms)
        if count >= _EVSES + _PHASES:
            mains = ["mains"]
            for at in range(6 + 2 * _EVSES, 6 + 2 * (_EVSES + _PHASES), 2):
                mains.append(((pdu[at] << 8 | pdu[at + 1]) ^ 0x8000) - 0x8000)
            try:
                core.command("reading", mains, "bus")
            except Refused:
                pass  # an absurd value; it is shown to nobody

    # ---- the line ----

    def _poll(self, now):
        """Take what has come in and act on at most one frame of it."""
        came = self._receive(now)
        quiet = ticks.diff(now, self._heard)
        if self._reply:
            if not came and quiet >= _QUIET_MS:
                self._send(now)
            elif ticks.diff(now, self._asked_at) > _WAIT_MS:
                self._reply = 0  # too late; somebody else is talking
        if self._count:
            size = self._find(quiet >= _GAP_MS)
            if size:
                at = self._scan
                self._scan += size
                self._take(self._rx[at], self._view[at + 1:at + size - 2], now)
        if self._scan == self._count:
            self._late = False

    def _receive(self, now):
        """Take what has arrived, as much as there is room for; True when it was anything."""
        if ticks.diff(now, self._polled) > _STALLED_MS:
            self._late = True
        self._polled = now
        left = self._count - self._scan
        if not left:
            self._begins = ticks.diff(now, self._heard) > _POLL_MS + _POLL_MS // 2
        if self._scan:
            if left:
                self._rx[:left] = self._rx[self._scan:self._count]
                self._begins = False
            self._count = left
            self._scan = 0
        try:
            count = self._port.readinto(self._view[left:] if left else self._view)
        except OSError:
            return False
        if not count:
            return False
        self._count += count
        self._heard = now
        return True

    def _find(self, silent):
        """Look for a frame for us from ``_scan`` on; returns its length, 0 when there is none yet.

        ``silent``: what has not come will not come. What is ruled out is passed over for good.
        """
        rx = self._rx
        count = self._count
        at = self._scan
        end = min(count, at + _LOOKED)
        size = 0
        while at < end:
            address = rx[at]
            if address == self.address or address == BROADCAST or address == self._ev_address:
                size = self._match(at, count - at)
                if size > 0 or size < 0 and not silent:
                    break
            at += 1
            if self._patience:
                self._patience -= 1
        self._scan = at
        return max(0, size)

    def _match(self, at, left):
        """Return the length of the sound frame at ``at``, 0 for none, -1 when it may yet come."""
        if left < 3:
            return -1
        rx = self._rx
        function = rx[at + 1]
        slave = self._master
        size = _REQUEST
        if rx[at] == self._ev_address:
            slave = self._ev
            asked = self._asked
            if self._patience and function == asked[0] and rx[at + 2] == 2 * asked[4]:
                size = 5 + 2 * asked[4]
            elif function != _READ and function != _READ_INPUT:
                return 0
        elif function == _WRITE_MANY:
            if left < 7:
                return -1
            if rx[at + 4] or not 0 < rx[at + 5] <= _MOST_WRITTEN or rx[at + 6] != 2 * rx[at + 5]:
                return 0
            size = 9 + rx[at + 6]
        elif function != _WRITE and function != _READ and function != _READ_INPUT:
            return 0
        if left < size:
            return -1
        if crc16(rx, at, at + size):
            # A short one in the middle of something is more likely a number than a frame.
            if not at and self._begins or size & 1:
                slave.crc = slave.crc + 1 & ticks.MASK
            return 0
        return size

    def _take(self, address, pdu, now):
        """Act on a sound frame."""
        self._reply = 0  # who asks anew does not wait any more
        if address == self._ev_address:
            self._overhear(pdu, now)
            return
        self._patience = 0
        reply = self.answer(address, pdu)
        if reply is None:
            return
        self._master.requests = self._master.requests + 1 & ticks.MASK
        if not self._late:
            length = len(reply) + 1
            tx = self._tx
            tx[0] = address
            crc = crc16(tx, 0, length)
            tx[length] = crc & 0xFF
            tx[length + 1] = crc >> 8
            self._reply = length + 2
            self._asked_at = now

    def _send(self, now):
        try:
            self._port.write(self._out[:self._reply])
            self._master.good(now, ticks.diff(now, self._asked_at))
        except OSError:
            pass  # the Master will ask again
        self._reply = 0

    def _overhear(self, pdu, now):
        """Take a read of our EV meter, or the reply to the last one."""
        if len(pdu) == 5:
            self._asked[:] = pdu
            self._patience = _STRAY
            self._ev.requests = self._ev.requests + 1 & ticks.MASK
            return
        self._patience = 0
        try:
            if self._meter.overhear(self._asked, pdu[2:]):
                self._ev.good(now, 0)
        except BadSample as problem:
            self._ev.fail(problem, now)


def _is_common(number):
    """True for a register that may be written to all at once.

    Who may charge, and how much by hand, is said to one alone.
    """
    if number < registers.CURRENTS:
        return number not in (registers.STATE, registers.OVERRIDE, registers.ACCESS)
    number -= registers.SYSTEM
    return 0 <= number < _COMMON and number != _NOT_COMMON
