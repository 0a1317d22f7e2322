"""Modbus RTU for peers that live in the twin's process, on ``SerialBus.connect``.

A frame ends as it does for a UART: by a silence of 3.5 characters.
"""

import asyncio
import struct

from pymodbus.framer.rtu import FramerRTU

SILENCE_S = 35 / 9600  # what the reference's library takes at every baud rate up to 9600

READ_HOLDING, READ_INPUT, WRITE_ONE, WRITE_MANY = 3, 4, 6, 16
NO_SUCH_REGISTER, REFUSED = 2, 3


def sealed(body):
    """``body`` with its checksum."""
    return bytes(body) + FramerRTU.compute_CRC(body).to_bytes(2, "big")


def words(values):
    """Registers as they stand in a frame."""
    return struct.pack(">%dH" % len(values), *(value & 0xFFFF for value in values))


def values(data):
    """Registers out of the bytes of a frame, as a list."""
    return list(struct.unpack(">%dH" % (len(data) // 2), data))


class Listener:
    """Hears whole frames with a sound checksum; ``take(address, pdu)`` gets each.

    Two frames with less than 3.5 characters between them are one to it, and so no sound one.
    """

    def __init__(self, bus, name, baud=9600, parity=None):
        self._bus = bus
        self.port = bus.connect(name, self._heard, baud, parity)
        self._frame = b""
        self._ended = 0.0
        self._timer = None

    def take(self, address, pdu):
        """Somebody has sent ``pdu`` to or from slave ``address``."""
        raise NotImplementedError

    def _heard(self, data, began, ended):
        if self._frame and began - self._ended >= SILENCE_S:
            self._complete()
        self._frame += data
        self._ended = ended
        self._cancel()
        self._timer = asyncio.get_running_loop().call_at(ended + SILENCE_S, self._silent)

    def _silent(self):
        if not self._bus.busy():  # what is being sent now may belong to it
            self._complete()

    def _complete(self):
        frame, self._frame = self._frame, b""
        if len(frame) >= 4 and sealed(frame[:-2]) == frame:
            self.take(frame[0], frame[1:-2])

    def _cancel(self):
        if self._timer:
            self._timer.cancel()

    async def close(self):
        """Leave the bus."""
        self._cancel()
        if self.port in self._bus.ports:
            self._bus.leave(self.port)


class Slave(Listener):
    """Answers what is sent to ``address``; its latency is that of its port.

    ``reply(function, data)`` returns the PDU of the answer or None; ``requests`` counts.
    """

    def __init__(self, bus, name, address):
        super().__init__(bus, name)
        self.address = address
        self.requests = 0

    def reply(self, function, data):
        """The answer to a request, None for none."""
        raise NotImplementedError

    def take(self, address, pdu):
        if address == self.address:
            self.requests += 1
            answer = self.reply(pdu[0], pdu[1:])
            if answer is not None:
                self.port.send(sealed(bytes([address]) + answer))


def read_reply(function, registers):
    """PDU that answers a read."""
    return bytes([function, 2 * len(registers)]) + words(registers)


def exception(function, code):
    """PDU of a Modbus exception."""
    return bytes([function | 0x80, code])
