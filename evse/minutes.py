"""A minute of history and a quarter of an hour, as bytes and as rows."""

import struct
from binascii import crc32

from micropython import const

# A minute, in RAM and log: minute since 1970 with the flags in front, what the mains import in
# 2 W, mean W of the car, greatest current of a mains phase and the grant at the end in dA, part of
# the car's power that is not from the grid in 1/250, what the quarter may reach by the tariff in
# 100 W (0 none), why, and what limits. In the file a CRC follows.
MINUTE = const(16)  # bytes
_MINUTE = "<IhHhHBBBB"
MINUTE_FILED = const(18)
# A quarter, in its file: the same, but mean W imported, exported, of the car and of it not from
# the grid, and before the CRC how many minutes it rests on.
QUARTER_FILED = const(22)
_QUARTER = "<IHHHHhHBBBB"

CLOSED = const(1)  # contactor 1
CAR = const(2)
ESTIMATED = const(4)  # no meter saw the car
LOST = const(8)  # the mains meter was silent

MINUTE_S = const(60)
QUARTER_S = const(900)
MINUTES = const(15)  # of a quarter
_FLAGS_AT = const(26)  # bit of the first word, which stays a small int so
_UNKNOWN = const(0xFFFF)
_UNKNOWN_SIGNED = const(-0x8000)
_UNKNOWN_SHARE = const(255)
_SHARE = const(250)
_MAINS_W = const(2)
_BUDGET_W = const(100)
MOST_DA = const(32767)
_MOST_W = const(65534)


def start_of(buf, at):
    """Return the Unix seconds at which the minute or quarter at ``at`` of ``buf`` begins."""
    return (struct.unpack_from("<I", buf, at)[0] & (1 << _FLAGS_AT) - 1) * MINUTE_S


def minute_row(buf, at):
    """Return what a minute says: (Unix seconds, W imported, W exported, W of the car, W of it not
    from the grid, dA of the fullest phase, dA granted, W of the quarter's budget, reason, limit,
    flags, minutes). None stands for what is not known, and for no budget.
    """
    stamp, mains, car, da, grant, share, budget, reason, limit = struct.unpack_from(
        _MINUTE, buf, at)
    known = mains != _UNKNOWN_SIGNED
    mains *= _MAINS_W
    return (start_of(buf, at), max(0, mains) if known else None, max(0, -mains) if known else None,
            car, car * share // _SHARE if share != _UNKNOWN_SHARE else None, da if known else None,
            grant, budget * _BUDGET_W or None, reason, limit, stamp >> _FLAGS_AT, 1)


def quarter_row(buf, at):
    """Return what a quarter says, as ``minute_row`` does."""
    stamp, taken, fed, car, solar, da, grant, budget, reason, limit, minutes = struct.unpack_from(
        _QUARTER, buf, at)
    known = taken != _UNKNOWN
    return (start_of(buf, at), taken if known else None, fed if known else None, car,
            solar if solar != _UNKNOWN else None, da if known else None, grant,
            budget * _BUDGET_W or None, reason, limit, stamp >> _FLAGS_AT, minutes)


def pack_minute(start, mains, car, solar, da, grant, budget, reason, limit, flags):
    """Return the record of the minute from Unix seconds ``start`` on.

    ``mains`` are W imported, None unknown, and with it ``da``; ``budget`` W, 0 none.
    """
    if mains is None:
        mains = da = _UNKNOWN_SIGNED
        share = _UNKNOWN_SHARE
    else:
        mains = max(-MOST_DA, min(mains // _MAINS_W, MOST_DA))
        share = min(_SHARE, solar * _SHARE // car) if car else 0
    return struct.pack(_MINUTE, start // MINUTE_S | flags << _FLAGS_AT, mains, min(car, _MOST_W),
                       da, grant, share, min(255, (budget + _BUDGET_W - 1) // _BUDGET_W), reason,
                       limit)


def pack_quarter(minutes, count):
    """Return the record of a quarter, without its CRC, made of the first ``count`` minutes."""
    known = taken = fed = cars = sunny = solar = most = flags = start = grant = 0
    peak = _UNKNOWN_SIGNED
    why = []
    limits = []
    for at in range(0, count * MINUTE, MINUTE):
        (start, imported, exported, car, sun, da, grant, budget, reason, limit, bits,
         _) = minute_row(minutes, at)
        if imported is not None:
            known += 1
            taken += imported
            fed += exported or 0
            peak = max(peak, da)
        if sun is not None:
            sunny += 1
            solar += sun
        cars += car
        most = max(most, budget or 0)
        flags |= bits
        why.append(reason)
        limits.append(limit)
    # The reason that held longest, of several the latest, with the limit it had at last.
    reason = max(reversed(why), key=why.count)
    last = max(number for number in range(count) if why[number] == reason)
    return struct.pack(
        _QUARTER, start // QUARTER_S * MINUTES | flags << _FLAGS_AT,
        min(taken // known, _MOST_W) if known else _UNKNOWN,
        min(fed // known, _MOST_W) if known else _UNKNOWN, cars // count,
        solar // sunny if sunny else _UNKNOWN, peak, grant, most // _BUDGET_W, reason,
        limits[last], count)


def sealed(record):
    """Return a record as it stands in a file: with its CRC."""
    return record + struct.pack("<H", _crc(record, 0, len(record)))


def sealed_minutes(minutes, first, end):
    """Return the minutes from number ``first`` to before ``end`` as they stand in their file."""
    records = bytearray((end - first) * MINUTE_FILED)
    for number in range(first, end):
        at = (number - first) * MINUTE_FILED
        records[at : at + MINUTE] = minutes[number * MINUTE : (number + 1) * MINUTE]
        struct.pack_into("<H", records, at + MINUTE, _crc(records, at, MINUTE))
    return records


def whole(buf, at, size):
    """True when the ``size`` bytes at ``at`` of ``buf`` are a record out of a file."""
    return struct.unpack_from("<H", buf, at + size - 2)[0] == _crc(buf, at, size - 2)


def _crc(buf, at, size):
    # It begins with the size, so that blank bytes are no record.
    return crc32(memoryview(buf)[at : at + size], size) & 0xFFFF
