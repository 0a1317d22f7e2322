"""Prices of energy that somebody told, kept for whoever plans with them. Loaded for that only.

The state ``prices`` is (Unix seconds of the first, minutes each lasts, 16-bit numbers as base64):
a list of numbers would take eight times the memory.
"""

from array import array
from binascii import a2b_base64, b2a_base64

from micropython import const

from evse.settings import Refused

MOST = const(192)
LASTS = (15, 30, 60)
_HIGHEST = const(32_000)


def store(settings, value):
    """Keep ``value``, (start, minutes, thousandths per kWh) or None for none; or raise Refused.

    What begins where the stored prices end is added to them; beyond ``MOST`` the oldest go.
    """
    if value is None:
        settings.remember("prices", None)
        return
    if type(value) not in (tuple, list) or len(value) != 3:
        raise Refused("prices take start, minutes and a list", "prices")
    start, minutes, told = value
    if type(start) is not int or not 1_750_000_000 <= start < 4_000_000_000 or start % 900:
        raise Refused("start is in Unix seconds, at a quarter of an hour", "start")
    if type(minutes) is not int or minutes not in LASTS:
        raise Refused("a price lasts 15, 30 or 60 minutes", "minutes", list(LASTS))
    if type(told) not in (tuple, list) or not 0 < len(told) <= MOST:
        raise Refused("prices are 1 to %d numbers" % MOST, "prices", [1, MOST])
    for price in told:
        if type(price) is not int or not -_HIGHEST <= price <= _HIGHEST:
            raise Refused("a price is a whole number of thousandths per kWh", "prices",
                          [-_HIGHEST, _HIGHEST])
    known = numbers(settings.states["prices"])
    stored = settings.states["prices"]
    if stored and stored[1] == minutes and stored[0] + len(known) * minutes * 60 == start:
        left = max(0, len(known) + len(told) - MOST)
        known = known[left:]
        start -= len(known) * minutes * 60
        known.extend(array("h", told))
    else:
        known = array("h", told)
    settings.remember("prices", (start, minutes, b2a_base64(known).decode().strip()))


def numbers(stored):
    """Return the prices of the state ``prices`` as an array, empty for None or what is none."""
    try:
        return array("h", a2b_base64(stored[2]) if stored else b"")
    except ValueError:
        return array("h")
