"""Arithmetic on millisecond time stamps that wrap.

``now`` is an int in [0, 2**30), so that it always fits a small int on the board and never
allocates. Two stamps may be compared while they lie less than 2**29 ms (6.2 days) apart; what
lasts longer counts seconds instead.
"""

from micropython import const

MASK = const(0x3FFFFFFF)
_HALF = const(0x20000000)


def diff(a, b):
    """Return a - b in ms, signed, in [-2**29, 2**29)."""
    # Written so that no intermediate leaves the board's 31-bit small ints, which would allocate.
    return (((a - b) & MASK) ^ _HALF) - _HALF


def add(stamp, ms):
    """Return the stamp ``ms`` later (earlier when negative)."""
    return ((stamp - _HALF + ms) & MASK) ^ _HALF


def due(now, deadline):
    """True when ``now`` has reached ``deadline``."""
    return ((now - deadline) & MASK) < _HALF
