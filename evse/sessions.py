"""The last sessions on flash: two generations of a file, each of up to 256 records.

Records are only ever appended, which the file system does whole or not at all, and each has its
own CRC. A power cut loses at most the one being written; what it leaves of that is overwritten.
"""

import os
import struct
from binascii import crc32, hexlify, unhexlify

from micropython import const

from evse.charging.session import Session
from evse.flashlog import SESSION

RECORD = const(56)  # bytes; with the header of the flash log it fills one slot there
SIZE = const(256)  # records of a generation

# Version, number, start, seconds, charging_s, wh, solar_wh, digits of the card, card, by, reason,
# flags, woke, phases, peak_da; then spare bytes, then the CRC.
_FORMAT = "<BIIIIIIB7sBBBbBH"
_CRC_AT = const(52)
_VERSION = const(1)
_ESTIMATED = const(1)
_INTERRUPTED = const(2)
_CHUNK = const(448)


def pack(session):
    """Return a session, ended or not, as the RECORD bytes that are stored of it."""
    record = bytearray(RECORD)
    flags = (_ESTIMATED if session.estimated else 0) | (
        _INTERRUPTED if session.interrupted else 0)
    struct.pack_into(
        _FORMAT, record, 0, _VERSION, session.number, session.start, session.seconds,
        session.charging_s, session.wh, session.solar_wh, len(session.card),
        unhexlify(session.card), session.by, session.reason, flags, session.woke, session.phases,
        session.peak_da)
    struct.pack_into("<I", record, _CRC_AT, crc32(record[:_CRC_AT]))
    return record


def unpack(buf, at, session):
    """Fill ``session`` with the record at ``at`` of ``buf``; False when that is none."""
    record = buf[at : at + RECORD]
    if len(record) < RECORD or record[0] != _VERSION or \
            crc32(record[:_CRC_AT]) != struct.unpack_from("<I", record, _CRC_AT)[0]:
        return False
    (_, session.number, session.start, session.seconds, session.charging_s, session.wh,
     session.solar_wh, digits, card, session.by, session.reason, flags, session.woke,
     session.phases, session.peak_da) = struct.unpack_from(_FORMAT, record, 0)
    session.card = hexlify(card).decode()[:digits].upper()
    session.estimated = bool(flags & _ESTIMATED)
    session.interrupted = bool(flags & _INTERRUPTED)
    return True


class Sessions:
    """The sessions at ``path`` and ``path``.old. ``number`` is that of the latest, 0 for none.

    OSError comes through where flash fails. Writing blocks: never with a contactor closed.
    """

    def __init__(self, path):
        self._path = path
        latest = self.latest()
        self.number = latest.number if latest else 0

    def add(self, session):
        """Append a session; one whose number is not above the latest is known already."""
        if session.number <= self.number:
            return
        path = self._path
        count = self._size(path) // RECORD
        if count >= SIZE:
            os.rename(path, path + ".old")
            count = 0
        try:
            file = open(path, "r+b")
        except OSError:
            file = open(path, "wb")
        with file:
            file.seek(count * RECORD)
            file.write(pack(session))
        self.number = session.number

    def fold(self, records):
        """Take over the sessions among a flash log's ``records()``; returns how many were new.

        Of each the last record counts. One that was still open then was cut off by the power.
        """
        before = self.number
        last = Session()
        fresh = Session()
        for kind, payload in records:
            if kind == SESSION and unpack(payload, 0, fresh):
                if fresh.number != last.number:
                    self._close(last)
                last, fresh = fresh, last
        self._close(last)
        return self.number - before

    def latest(self):
        """Return the latest session, or None."""
        for session in self.records(True):
            return session
        return None

    def records(self, newest=False):
        """Yield all sessions, oldest first unless ``newest``; it is one object, refilled."""
        session = Session()
        buf = bytearray(_CHUNK)
        names = (self._path + ".old", self._path)
        for name in reversed(names) if newest else names:
            chunks = range((self._size(name) + _CHUNK - 1) // _CHUNK)
            for chunk in reversed(chunks) if newest else chunks:
                # Opened anew for each chunk, because whoever reads may take a long time.
                try:
                    with open(name, "rb") as file:
                        file.seek(chunk * _CHUNK)
                        got = file.readinto(buf) // RECORD
                except OSError:
                    break
                places = range(got)
                for place in reversed(places) if newest else places:
                    if unpack(buf, place * RECORD, session):
                        yield session

    def _close(self, session):
        if not session.reason:
            session.interrupted = True
        self.add(session)

    def _size(self, name):
        try:
            return os.stat(name)[6]
        except OSError:
            return 0
