"""Runs on MicroPython: the unit of cost that makes a PC and the board comparable."""

import time
from array import array

_ELEMENTS = 2000


def _sum(numbers):
    total = 0
    for i in range(_ELEMENTS):
        total += numbers[i]
    return total


def unit_ns(times):
    """Return S in ns: the median time to sum 2000 elements of an array('H') by index."""
    numbers = array("H", (i & 0xFF for i in range(_ELEMENTS)))
    took = []
    for _ in range(times):
        began = time.time_ns()
        _sum(numbers)
        took.append(time.time_ns() - began)
    return sorted(took)[times // 2]
