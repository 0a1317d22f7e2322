"""Proximity pilot: what the plugged cable may carry."""

from micropython import const

UNKNOWN_DA = const(130)


def rating(mv):
    """Return the cable's rating in dA for the proximity pin's voltage in mV.

    The resistor in the plug (680, 220 or 100 ohm against 1 kohm to 3.3 V) names 20, 32 or 63 A
    cables; users of the reference know the first as 16 A, so that is what it gets. Anything else,
    also an open line, counts as the smallest cable in use.
    """
    if 1200 < mv < 1400:
        return 160
    if 500 < mv < 700:
        return 320
    if 200 < mv < 400:
        return 630
    return UNKNOWN_DA
