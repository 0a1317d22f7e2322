"""The last sessions on flash: two generations of a file, each of up to 256 records."""

import struct
from binascii import crc32, hexlify, unhexlify

from micropython import const

from evse.charging.session import Session
from evse.flashlog import SESSION
from evse.generations import Generations

RECORD = const(56)  # bytes
BODY = const(40)  # of them, all that the flash log keeps; a minute of history follows there
SIZE = const(256)  # records of a generation

# Version, number, start, seconds, charging_s, wh, solar_wh, digits of the card, card, by, reason,
# flags, woke, phases, peak_da; then spare bytes, then the CRC.
_FORMAT = "<BIIIIIIB7sBBBbBH"
_CRC_AT = const(52)
_VERSION = const(1)
_DIGITS = (0, 12, 14)
_ESTIMATED = const(1)
_INTERRUPTED = const(2)


def pack(session):
    """Return a session, ended or not, as the BODY bytes that are stored of it."""
    flags = (_ESTIMATED if session.estimated else 0) | (
        _INTERRUPTED if session.interrupted else 0)
    return struct.pack(
        _FORMAT, _VERSION, session.number, session.start, session.seconds,
        session.charging_s, session.wh, session.solar_wh, len(session.card),
        unhexlify(session.card), session.by, session.reason, flags, session.woke, session.phases,
        session.peak_da)


def unpack(buf, at, session):
    """Fill ``session`` with the body at ``at`` of ``buf``; False when that is none."""
    if len(buf) - at < BODY or buf[at] != _VERSION:
        return False
    (_, session.number, session.start, session.seconds, session.charging_s, session.wh,
     session.solar_wh, digits, card, session.by, session.reason, flags, session.woke,
     session.phases, session.peak_da) = struct.unpack_from(_FORMAT, buf, at)
    if digits not in _DIGITS:
        return False
    session.card = hexlify(card).decode()[:digits].upper()
    session.estimated = bool(flags & _ESTIMATED)
    session.interrupted = bool(flags & _INTERRUPTED)
    return True


def sealed(body):
    """Return a body as the RECORD bytes in a file."""
    record = bytearray(RECORD)
    record[:BODY] = body
    struct.pack_into("<I", record, _CRC_AT, crc32(record[:_CRC_AT]))
    return record


def _whole(buf, at):
    """True when a record out of a file is at ``at`` of ``buf``."""
    return crc32(memoryview(buf)[at : at + _CRC_AT]) == struct.unpack_from(
        "<I", buf, at + _CRC_AT)[0]


class Sessions:
    """The sessions at ``path`` and ``path``.old. ``number`` is that of the latest, 0 for none.

    OSError comes through where flash fails. Writing blocks: never with a contactor closed.
    """

    def __init__(self, path):
        self._files = Generations(path, RECORD, SIZE)
        latest = self.latest()
        self.number = latest.number if latest else 0

    def add(self, session):
        """Append a session; one whose number is not above the latest is known already."""
        if session.number <= self.number:
            return
        self._files.append(sealed(pack(session)))
        self.number = session.number

    def fold(self, records, upto):
        """Take over the sessions among a flash log's ``records()``; returns how many were new.

        Of each the last record counts. One that was still open then was cut off by the power.
        Those with a number above ``upto`` are left out: they are not over.
        """
        before = self.number
        last = Session()
        fresh = Session()
        for kind, payload in records:
            if kind == SESSION and unpack(payload, 0, fresh) and fresh.number <= upto:
                if fresh.number != last.number:
                    self._close(last)
                last, fresh = fresh, last
        self._close(last)
        return self.number - before

    def noted(self, records):
        """Return the highest number among a flash log's ``records()``, 0 when all are known."""
        found = Session()
        number = 0
        for kind, payload in records:
            if kind == SESSION and unpack(payload, 0, found) and found.number > self.number:
                number = max(number, found.number)
        return number

    def latest(self):
        """Return the latest session, or None."""
        for session in self.records(True):
            return session
        return None

    def records(self, newest=False):
        """Yield all sessions, oldest first unless ``newest``; it is one object, refilled."""
        session = Session()
        for buf, at in self._files.records(newest):
            if _whole(buf, at) and unpack(buf, at, session):
                yield session

    def _close(self, session):
        if not session.reason:
            session.interrupted = True
        self.add(session)
