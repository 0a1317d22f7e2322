"""Makes other input out of sound input: bytes as a line or an enemy does, JSON member by member.

Runs on MicroPython and on CPython; what comes out depends on the state of ``random`` alone.
"""

import json
import random

LONGEST = 6000
_NUMBERS = (-1, 0, 1, 5, 6, 7, 16, 80, 127, 128, 255, 256, 1439, 1440, 9999, 32767, 32768, 65535,
            65536, 2**30 - 1, 2**30, 2**31, 2**32, 2**63, 10**30, -2**31, -10**30, 0.5, -0.0,
            1e300, 1_790_000_000, 1_790_078_400)
_VALUES = (None, True, False, "", " ", "0", "-1", "1e999", "Enabled", "Disabled", "x" * 40,
           "x" * 300, "\0", "\r\n", '"\\', "\xe9", "\u20ac", "../..", [], {}, [[]], [{}], {"": []},
           [0] * 30, [None, None])
_PIECES = (b"\0", b"\xff", b"\xff\xff\xff\xff", b"\r\n", b"\r\n\r\n", b"\n", b"%00", b"%ff",
           b"%", b"..", b"/", b"\\ud800", b"\\u0000", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf",
           b"1e999", b"-1", b"NaN", b"4294967296", b"99999999999999999999", b"[", b"[" * 90, b"{",
           b"]", b"}", b'"', b",", b",,", b":", b"&", b"=", b"?", b";", b"+", b" ", b"\t", b"\x7f",
           b"#")


def _one(values):
    return values[random.randrange(len(values))]


def mutate(data, others):
    """Return ``data`` changed in one or a few places; ``others`` are inputs to borrow from."""
    if random.randrange(2):
        changed = _document(data)
        if changed is not None:
            return changed[:LONGEST]
    data = bytearray(data)
    for _ in range(1 << random.randrange(4)):
        data = _CHANGES[random.randrange(len(_CHANGES))](data, others)
    return bytes(data[:LONGEST])


# ---- bytes ----

def _place(data):
    return random.randrange(len(data) + 1)


def _flip(data, _others):
    if data:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return data


def _set(data, _others):
    if data:
        data[random.randrange(len(data))] = random.getrandbits(8)
    return data


def _cut(data, _others):
    at = _place(data)
    return data[:at] + data[at + 1 + random.randrange(1 << random.randrange(8)):]


def _end(data, _others):
    return data[:_place(data)]


def _insert(data, _others):
    at = _place(data)
    piece = bytes(random.getrandbits(8) for _ in range(1 + random.randrange(8)))
    return data[:at] + (piece if random.randrange(2) else _one(_PIECES)) + data[at:]


def _repeat(data, _others):
    at = _place(data)
    piece = bytes(data[at:at + 1 + random.randrange(1 << random.randrange(8))])
    return data[:at] + piece * (1 + random.randrange(1 << random.randrange(6))) + data[at:]


def _borrow(data, others):
    other = _one(others)
    begin = _place(other)
    at = _place(data)
    end = at + random.randrange(1 << random.randrange(8))
    return data[:at] + other[begin:begin + random.randrange(1 << random.randrange(8))] + data[end:]


def _count(data, _others):
    """Another number in the place of one written in digits."""
    starts = [at for at in range(len(data))
              if 48 <= data[at] < 58 and not (at and 48 <= data[at - 1] < 58)]
    if not starts:
        return data
    begin = end = _one(starts)
    while end < len(data) and 48 <= data[end] < 58:
        end += 1
    return data[:begin] + str(_one(_NUMBERS)).encode() + data[end:]


_CHANGES = (_flip, _set, _cut, _end, _insert, _repeat, _borrow, _count)


# ---- JSON ----

def _document(data):
    """``data`` with another member in the JSON it ends with, None if there is none in it."""
    begins = [at for at in (data.find(b"{"), data.find(b"[")) if at >= 0]
    if not begins:
        return None
    at = min(begins)
    try:
        document = json.loads(data[at:])
        for _ in range(1 + random.randrange(3)):
            document = _other(document)
        return data[:at] + json.dumps(document).encode()
    except (ValueError, RuntimeError):  # the latter if it is nested too deeply
        return None


def _other(value):
    """Another value in the place of ``value``, or of something within it."""
    kind = random.randrange(6)
    if type(value) is dict and value and kind:
        key = _one(list(value))
        if kind == 1:
            del value[key]
        elif kind == 2:
            value[_one(("", "x", "value", "name", key + "x", key.upper()))] = value[key]
        else:
            value[key] = _other(value[key])
        return value
    if type(value) is list and value and kind:
        at = random.randrange(len(value))
        if kind == 1:
            del value[at]
        elif kind == 2:
            value.insert(at, value[at])
        else:
            value[at] = _other(value[at])
        return value
    if type(value) is int and kind < 3:
        return value + random.randrange(-3, 4)
    if type(value) is str and value and kind < 3:
        at = random.randrange(len(value))
        return value[:at] + _one(("", "x", " ", ",", "\u20ac", "-", "9")) + value[at + kind:]
    return _one(_NUMBERS) if random.randrange(2) else _one(_VALUES)
