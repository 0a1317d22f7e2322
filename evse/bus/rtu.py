"""Modbus RTU link over a half-duplex port, for the master's side.

One transaction at a time: write a request, collect bytes in small bounded reads, find the reply.
Whatever a slave does, a transaction ends within its time limit and never holds the loop longer
than one read of what is already there.
"""

import asyncio

from micropython import const
from umodbus import const as modbus

from evse import ticks

BAUD = const(9600)
REPLY_MS = const(150)  # from the end of the request to the first byte of the reply
_BUFFER = const(256)  # the largest RTU frame
_POLL_MS = 5
_QUIET_MS = 5  # the line rests at least 3.5 characters before a request
_SETTLE_MS = 60  # a babbling slave does not keep us from trying for longer than this
_GAP_MS = 50  # silence that ends a frame; adapters may split one with gaps of tens of ms
_SLACK_MS = 40
_HEARD_MS = 20  # for all who have heard a broadcast to act on it
_CHECKED_MAX = 512  # bytes run through the CRC in one transaction: bounds the work a babbler makes

_CRC_TABLE = modbus.CRC16_TABLE


class BusError(Exception):
    """A transaction without a usable reply."""


class Timeout(BusError):
    """Nothing was heard within the time limit."""


class Crc(BusError):
    """Bytes were heard, but no frame with a matching checksum."""


class WrongAddress(BusError):
    """A sound frame, but from another slave."""


class WrongFunction(BusError):
    """A sound frame from the slave, but for another function."""


class WrongLength(BusError):
    """Too few bytes, too many, or another number of registers than asked for."""


class PortFailed(BusError):
    """The port itself refused to send."""


class ExceptionReply(BusError):
    """The slave answered with a Modbus exception; ``code`` says which."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


def crc16(buf, start, end):
    """Return the Modbus checksum of buf[start:end]; 0 when those bytes end with their own."""
    table = _CRC_TABLE
    crc = 0xFFFF
    for i in range(start, end):
        crc = crc >> 8 ^ table[(crc ^ buf[i]) & 0xFF]
    return crc


def wire_ms(count, baud=BAUD):
    """Return how many ms ``count`` characters of 10 bits take, rounded up."""
    return (count * 10_000 + baud - 1) // baud


def worst_ms(pdu):
    """Return how long a transaction with the request ``pdu`` can take at the very most."""
    return (_SETTLE_MS + wire_ms(len(pdu) + 3) + REPLY_MS + wire_ms(_reply_length(pdu)) + _SLACK_MS
            + 2 * _POLL_MS)


def _reply_length(pdu):
    """Length of the frame that answers the request ``pdu``: read or write of registers."""
    if pdu[0] in (modbus.READ_HOLDING_REGISTERS, modbus.READ_INPUT_REGISTER):
        return 5 + 2 * (pdu[3] << 8 | pdu[4])
    return 8


class Link:
    """Master's end of the bus.

    ``port`` has ``write(buf)`` and ``readinto(buf)`` -> count or None, both returning at once; it
    handles the direction of the line. ``now()`` gives ticks in ms, ``sleep_ms`` waits.
    Only one task may use a link. ``baud`` is what the port is set to.
    """

    def __init__(self, port, now, sleep_ms=asyncio.sleep_ms):
        self._port = port
        self._now = now
        self._sleep_ms = sleep_ms
        self.baud = BAUD
        self._parity = None
        self._rx = bytearray(_BUFFER)
        self._view = memoryview(self._rx)
        self._count = 0
        self._scan = 0
        self._checked = 0
        self._quiet_since = now()
        self.latency_ms = 0  # of the last good transaction, from write to the whole reply

    async def transact(self, address, pdu, parity=None, wait_ms=REPLY_MS):
        """Send the request ``pdu`` to slave ``address`` and return the reply's data.

        The data are what follows the function code (and byte count of a read): a memoryview that
        holds until the next transaction. The reply must begin within ``wait_ms``. Raises a
        BusError.
        """
        self.configure(self.baud, parity)
        await self._settle()
        sent = self._send(address, pdu)
        length = _reply_length(pdu)
        first_by = ticks.add(sent, wire_ms(len(pdu) + 3, self.baud) + wait_ms)
        end_by = ticks.add(first_by, wire_ms(length, self.baud) + _SLACK_MS)
        heard = sent
        try:
            while True:
                await self._sleep_ms(_POLL_MS)
                now = self._now()
                if self._read():
                    heard = now
                    data = self._find(address, pdu[0], length)
                    if data is not None:
                        self.latency_ms = ticks.diff(now, sent)
                        return data
                    if self._count == _BUFFER:
                        raise WrongLength
                elif not self._count:
                    if ticks.due(now, first_by):
                        raise Timeout
                elif ticks.diff(now, heard) >= _GAP_MS:
                    raise self._verdict(address, pdu[0])
                if ticks.due(now, end_by):
                    raise self._verdict(address, pdu[0])
        finally:
            self._quiet_since = self._now()

    def configure(self, baud, parity):
        """Have the port speak with ``baud`` and ``parity`` (None, "E" or "O") from now on."""
        if baud != self.baud or parity != self._parity:
            self._port.configure(baud, parity)
            self.baud = baud
            self._parity = parity

    async def send(self, address, pdu):
        """Send ``pdu`` to an address nobody answers for. Raises PortFailed."""
        self.configure(self.baud, None)
        await self._settle()
        self._send(address, pdu)
        await self._sleep_ms(wire_ms(len(pdu) + 3) + _HEARD_MS)
        self._quiet_since = self._now()

    async def _settle(self):
        """Throw away what is still coming in until the line rests, but not for ever."""
        begin = now = self._now()
        while ticks.diff(now, begin) < _SETTLE_MS:
            self._count = 0
            if self._read():
                self._quiet_since = now
            elif ticks.diff(now, self._quiet_since) >= _QUIET_MS:
                break
            await self._sleep_ms(_POLL_MS)
            now = self._now()
        self._count = self._scan = self._checked = 0

    def _send(self, address, pdu):
        frame = bytearray(len(pdu) + 3)
        frame[0] = address
        frame[1:-2] = pdu
        crc = crc16(frame, 0, len(frame) - 2)
        frame[-2] = crc & 0xFF
        frame[-1] = crc >> 8
        try:
            self._port.write(frame)
        except OSError:
            raise PortFailed from None
        return self._now()

    def _read(self):
        """Take what has arrived, never more than the buffer holds; True when it was anything."""
        try:
            count = self._port.readinto(self._view[self._count:])
        except OSError:
            return False  # a port that is gone is as silent as a slave that is gone
        if not count:
            return False
        self._count += count
        return True

    def _find(self, address, function, length):
        """Return the data of the expected reply once it is whole, None before.

        The reply may stand behind a stray byte of the turn-around or a late frame of another
        slave, so its header is looked for at every offset not yet ruled out.
        """
        rx = self._rx
        count = self._count
        waiting = count
        for start in range(self._scan, count):
            if rx[start] != address:
                continue
            left = count - start
            if left >= 3:
                if rx[start + 1] == function | modbus.ERROR_BIAS:
                    size = 5
                elif rx[start + 1] == function and (length == 8 or rx[start + 2] == length - 5):
                    size = length
                else:
                    continue
                if left >= size:
                    if not self._sound(start, size):
                        continue
                    if rx[start + 1] != function:
                        raise ExceptionReply(rx[start + 2])
                    return self._view[start + (2 if size == 8 else 3):start + size - 2]
            if waiting == count:
                waiting = start
        self._scan = waiting
        return None

    def _sound(self, start, length):
        self._checked += length
        return self._checked <= _CHECKED_MAX and crc16(self._rx, start, start + length) == 0

    def _verdict(self, address, function):
        """Return the error that names best what came instead of the reply."""
        rx = self._rx
        count = self._count
        if not count:
            return Timeout()
        said = count
        if count > 2 and rx[1] in (modbus.READ_HOLDING_REGISTERS, modbus.READ_INPUT_REGISTER):
            said = 5 + rx[2]
        if 4 <= said <= count and crc16(rx, 0, said) == 0:
            if rx[0] != address:
                return WrongAddress()
            return WrongLength() if rx[1] == function else WrongFunction()
        if said > count and rx[0] == address and rx[1] == function:
            return WrongLength()
        return Crc()
