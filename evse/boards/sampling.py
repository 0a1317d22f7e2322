"""Sampling the pilot: which conversions count, and what their codes mean in millivolts.

The PWM period is counted by a 16-bit counter: 0 at the rising edge, ``duty`` at the falling edge.
A conversion counts when the counter, read before its start and after its end, lay in the settled
rest of one and the same part both times. A conversion that was held up is thereby dropped, not
misread. The board's sampler and the twin's use the same margins.
"""

from array import array

from micropython import const

FULL = const(65536)  # counts of a period, and steady +12 V as a duty

# The edge through 1 kOhm into the 4.7 nF of a long cable and a car is within 0.2 % after 30 us.
SETTLE_US = const(30)
# From the first reading of the counter to the second, at 240 MHz.
CONVERT_US = const(12)
# Accepted conversions of each part after which a burst may end.
ENOUGH = const(8)

_FULL_CODE = const(4095)
_VREF_MV = const(1100)

# ADC1 at 11/12 dB, mV at every 64th code from 2880 on, for chips with a reference of 1000 and
# 1200 mV. Below, the converter is a straight line from 142 mV.
_CURVED = const(2880)
_STEP = const(64)
_AT_1000 = array("H", (
    2240, 2297, 2352, 2405, 2457, 2512, 2564, 2616, 2664, 2709,
    2754, 2795, 2832, 2868, 2903, 2937, 2969, 3000, 3030, 3060))  # fmt: skip
_AT_1200 = array("H", (
    2667, 2706, 2745, 2780, 2813, 2844, 2873, 2901, 2928, 2956,
    2982, 3006, 3032, 3059, 3084, 3110, 3135, 3160, 3184, 3209))  # fmt: skip
_OFFSET_MV = const(142)
_SLOPE = const(196602)
# The same for 6 dB, where all of the scale is straight.
_OFFSET_6DB_MV = const(107)
_SLOPE_6DB = const(105481)


def _counts(us):
    return us * FULL // 1000


def windows(duty, settle_us, convert_us, out):
    """Fill ``out``, an array('i', 4), with the counter ranges in which conversions count.

    [high_from, high_to, low_from, low_to]: a reading r counts with from <= r < to. A part without
    room for ``settle_us`` and one conversion of ``convert_us`` gets the empty range 0, 0. At the
    steady duties 0 and 65536 one part is the whole period.
    """
    out[0] = out[1] = out[2] = out[3] = 0
    if duty <= 0:
        out[3] = FULL
        return
    if duty >= FULL:
        out[1] = FULL
        return
    settle = _counts(settle_us)
    shortest = settle + _counts(convert_us)
    if duty >= shortest:
        out[0] = settle
        out[1] = duty
    if FULL - duty >= shortest:
        out[2] = duty + settle
        out[3] = FULL


def _within(before, after, start, end):
    if end - start == FULL:
        return True  # a steady level has no phase, its counter may stand still
    return start <= before < after < end


def collect(raw, before, after, n, window, burst):
    """Sort ``n`` conversions into ``burst``; the plain twin of the board's sampler.

    ``raw`` holds codes, ``before`` and ``after`` the counter around each conversion. ``burst`` is
    an array('i', 6) that becomes n_high, min_high, max_high, n_low, min_low, max_low in codes; the
    extremes of an empty part are 0.
    """
    for i in range(6):
        burst[i] = 0
    for i in range(n):
        if _within(before[i], after[i], window[0], window[1]):
            part = 0
        elif _within(before[i], after[i], window[2], window[3]):
            part = 3
        else:
            continue
        code = raw[i]
        if not burst[part] or code < burst[part + 1]:
            burst[part + 1] = code
        if code > burst[part + 2]:
            burst[part + 2] = code
        burst[part] += 1


def vref_of(word):
    """Return the chip's reference in mV from eFuse word BLK0_RDATA4; 1100 where none is burnt.

    Bits 8..12 hold sign and magnitude in steps of 7 mV around 1100.
    """
    offset = (word >> 8 & 15) * 7
    return _VREF_MV - offset if word >> 12 & 1 else _VREF_MV + offset


def _line(raw, vref, slope, offset):
    return (vref * slope // 4096 * raw + 32768) // 65536 + offset


def millivolts_6db(raw, vref=_VREF_MV):
    """Return the mV at the pin for the 12-bit code ``raw`` of ADC1 at 6 dB."""
    return _line(raw, vref, _SLOPE_6DB, _OFFSET_6DB_MV)


def millivolts(raw, vref=_VREF_MV):
    """Return the mV at the pin for the 12-bit code ``raw`` of ADC1 at 11/12 dB.

    ``vref`` is the chip's reference in mV. The top code, 3056 to 3212 mV, means "or more".
    """
    if raw < _CURVED:
        return _line(raw, vref, _SLOPE, _OFFSET_MV)
    raw = min(raw, _FULL_CODE)
    i = (raw - _CURVED) // _STEP
    past = (raw - _CURVED) % _STEP
    weight = vref - 1000
    here = _AT_1000[i] * (200 - weight) + _AT_1200[i] * weight
    there = _AT_1000[i + 1] * (200 - weight) + _AT_1200[i + 1] * weight
    curve = (here * (_STEP - past) + there * past + 100 * _STEP) // (200 * _STEP)
    if i:
        return curve
    line = _line(raw, vref, _SLOPE, _OFFSET_MV)
    return (line * (_STEP - past) + curve * past + _STEP // 2) // _STEP


def to_millivolts(burst, vref):
    """Turn the codes in ``burst`` into mV, in place."""
    for part in (0, 3):
        if burst[part]:
            burst[part + 1] = millivolts(burst[part + 1], vref)
            burst[part + 2] = millivolts(burst[part + 2], vref)
