"""Records that must outlive a power cut while no file may be written: a log on raw flash.

Blank flash is programmed without an erase, which takes less than a millisecond. A record fills one
or two slots of 64 bytes: kind, length, CRC, payload. What a power cut tore fails its CRC and is
passed over. ``reset`` programs a mark: what stands before it has been taken over into files.
Erasing comes later, a sector at a time, and the mark goes last, from a sector it has to itself; so
nothing old ever comes back, wherever the power fails.
"""

import struct
from binascii import crc32

from micropython import const

SESSION = const(1)
SETTING = const(2)
STATE = const(3)
HISTORY = const(4)

LONGEST = const(120)  # bytes of a record

_MARK = const(0)
_SLOT = const(64)
_SECTOR = const(4096)
_SLOTS = const(64)  # of a sector
_HEAD = "<BBHI"  # kind, length, a constant, CRC of all the others
_HEADER = const(8)
_MAGIC = const(0x45E5)
_TRIES = const(3)
_BLANK = b"\xff" * 64


class FlashLog:
    """The log on ``part``, which is what ``flash_log()`` of a board returns.

    ``used`` counts the slots up to the last that is not blank, 0 when there is nothing to erase;
    ``room`` is how many records may fill. Every call may raise OSError when the flash fails.
    """

    def __init__(self, part):
        self._part = part
        self._buf = bytearray(_SLOT)
        self._all = part.size // _SLOT
        # The last sector is for marks alone, so that one can always be made.
        self.room = self._all - _SLOTS
        self.used = 0
        self._live = 0  # first slot after the mark
        self._sector = 0  # the next one to erase
        for end, kind, payload in self._walk(0, self._all):
            if kind == _MARK:
                self._live = end - 1 if payload else end
        self._taken = self._live  # up to there ``take`` has handed records out

    def records(self):
        """Yield (kind, bytes) of each record since the last ``reset``, oldest first."""
        for _, kind, payload in self._walk(self._live, self.used):
            if kind != _MARK or payload:  # a mark's is the session it was to keep
                yield kind or SESSION, payload

    def waiting(self):
        """Yield (kind, bytes) of each record that ``take`` has not handed out, marks too."""
        for _, kind, payload in self._walk(self._taken, self.used):
            yield kind, payload

    def take(self, slots):
        """Yield the same, each record once, for good: those of about ``slots`` at a time."""
        start = self._taken
        for end, kind, payload in self._walk(start, self.used):
            self._taken = end
            yield kind, payload
            if end - start >= slots:
                return
        self._taken = self.used

    @property
    def taken(self):
        """True when ``take`` has handed out all there is."""
        return self._taken >= self.used

    def append(self, kind, payload):
        """Program one record of at most LONGEST bytes; False when the log is full."""
        return self._program(kind, payload, self.room)

    def reset(self, kept=b""):
        """Forget the records, which are in files by now. Programs a mark, erases nothing.

        ``kept`` is a session's record of one slot that is not forgotten, wherever the power fails.
        """
        if self._live < self.used or kept:
            # Without room for a mark there are no records either, only remains of a torn erase.
            done = self._program(_MARK, kept, self._all)
            self._live = self.used - 1 if kept and done else self.used

    def erase_step(self):
        """Erase one sector of forgotten records; True while more is to do. Stalls the chip.

        Never call it with a contactor closed. It does nothing while a record is not forgotten.
        """
        if self._live < self.used or not self.used:
            return False
        last = (self.used - 1) // _SLOTS
        if (self.used - 1) % _SLOTS and last < self.room // _SLOTS:
            self.used = (last + 1) * _SLOTS
            self._program(_MARK, b"", self._all)
            self._live = self.used
            return True
        while self._sector < last and self._blank(self._sector):
            self._sector += 1
        self._part.erase(self._sector * _SECTOR)
        if not self._blank(self._sector):
            raise OSError(5)  # what stands there may come back once the mark is gone
        if self._sector < last:
            self._sector += 1
            return True
        self._live = self._taken = self.used = self._sector = 0
        return False

    def _program(self, kind, payload, room):
        """Program a record below slot ``room``, elsewhere when flash does not take it."""
        length = len(payload)
        if length > LONGEST:
            raise ValueError("a record has at most %d bytes" % LONGEST)
        crc = crc32(payload, kind << 8 | length)
        record = struct.pack(_HEAD, kind, length, _MAGIC, crc) + payload
        check = bytearray(len(record))
        for _ in range(_TRIES):
            at = self.used * _SLOT
            end = self.used + (2 if len(record) > _SLOT else 1)
            if end > room:
                return False
            self.used = end
            self._part.program(at, record)
            self._part.read(at, check)
            if check == record:
                return True
        raise OSError(5)

    def _walk(self, slot, stop):
        """Yield (slot after it, kind, payload) of each record, and note which slots are used."""
        buf = self._buf
        while slot < stop:
            self._part.read(slot * _SLOT, buf)
            slot += 1
            if buf == _BLANK:
                continue
            self.used = max(self.used, slot)
            kind, length, magic, crc = struct.unpack_from(_HEAD, buf, 0)
            if magic != _MAGIC or length > LONGEST:
                continue
            payload = bytes(buf[_HEADER : _HEADER + length])
            end = slot
            if length > len(payload):
                if end == stop:
                    continue
                self._part.read(slot * _SLOT, buf)
                payload += buf[: length - len(payload)]
                end += 1
            if crc32(payload, kind << 8 | length) == crc:
                slot = end
                self.used = max(self.used, slot)
                yield slot, kind, payload

    def _blank(self, sector):
        for slot in range(sector * _SLOTS, (sector + 1) * _SLOTS):
            self._part.read(slot * _SLOT, self._buf)
            if self._buf != _BLANK:
                return False
        return True
