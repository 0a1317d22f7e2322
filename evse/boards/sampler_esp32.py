"""Sampling ADC1 of the ESP32 by its registers, each conversion tagged with the phase of the PWM.

``machine.ADC`` takes 40 to 100 us per reading and cannot tell when it sampled. Here a conversion
is started and read through the registers of the RTC controller, about 10 us, between two readings
of the PWM's own counter, with interrupts held off so that the three belong together.
``machine.ADC`` must have read each pin once before: that powers the converter and sets
attenuation, 12 bits and control by software.
"""

from array import array

import micropython
from machine import disable_irq, enable_irq
from micropython import const

from evse.boards.sampling import ENOUGH

# Registers of the SAR converter's controller (SENS). Used of them, by offset:
#   0x3C SLAVE_ADDR1: bits 22..29 are the state of the converter, 0 when it rests
#   0x54 MEAS_START1: bit 31 pads are chosen by software, 19..30 the chosen pad, bit 18 software
#        starts, 17 start (on its rising edge), 16 done (read only), 0..15 the code (read only)
_SENS = const(0x3FF48800)
# LEDC high-speed timer 0: its counter, 16 of the 20 bits in use.
_COUNTER = const(0x3FF59144)

# A period holds 60 to 80 conversions; this only ends a burst when the counter stands still.
_LIMIT = const(96)
_AVERAGED = const(8)


@micropython.viper
def convert(sens: int, pad: int) -> int:
    """Convert ADC1 channel ``pad`` once; returns the 12-bit code, -1 when the converter hangs."""
    state = ptr32(sens + 0x3C)
    start = ptr32(sens + 0x54)
    patience = 200  # about 40 us, four times what it takes
    while state[0] & 0x3FC00000:
        patience -= 1
        if patience == 0:
            return -1
    # Shifted at run time: as a constant bit 31 would be a long integer, which viper cannot take.
    chosen = (0x1000 | (1 << pad)) << 19
    start[0] = chosen | 0x40000 | (start[0] & 0x1FFFF)
    start[0] = chosen | 0x60000 | (start[0] & 0x1FFFF)
    while start[0] & 0x10000 == 0:
        patience -= 1
        if patience == 0:
            return -1
    return start[0] & 0xFFF


@micropython.viper
def log_burst(sens: int, counter: int, pad: int, window: ptr32, enough: int,
              raw: ptr16, before: ptr16, after: ptr16) -> int:
    """Log conversions with the counter before and after each; returns how many.

    Ends after one period, or as soon as each part with a range in ``window`` has ``enough``.
    """
    phase = ptr32(counter)
    high_left = enough if window[1] > window[0] else 0
    low_left = enough if window[3] > window[2] else 0
    # Not counted: the sampling capacitor may still hold what another pad left there.
    convert(sens, pad)
    last = phase[0] & 0xFFFF
    spent = 0
    n = 0
    while n < 96 and spent < 0x10000 and (high_left > 0 or low_left > 0):
        irqs = disable_irq()
        first = phase[0] & 0xFFFF
        code = int(convert(sens, pad))
        second = phase[0] & 0xFFFF
        enable_irq(irqs)
        if code < 0:
            return n
        raw[n] = code
        before[n] = first
        after[n] = second
        n += 1
        spent += (second - last) & 0xFFFF
        last = second
        if first >= window[0] and second < window[1]:
            high_left -= 1
        elif first >= window[2] and second < window[3]:
            low_left -= 1
    return n


@micropython.viper
def sort(raw: ptr16, before: ptr16, after: ptr16, n: int, window: ptr32, burst: ptr32):
    """Sort a log into ``burst``; the same as ``sampling.collect``."""
    part = 0
    while part < 2:
        start = window[2 * part]
        end = window[2 * part + 1]
        steady = end - start == 0x10000
        count = 0
        low = 0
        high = 0
        for i in range(n):
            if steady or (start <= before[i] and before[i] < after[i] and after[i] < end):
                code = raw[i]
                if count == 0 or code < low:
                    low = code
                if code > high:
                    high = code
                count += 1
        burst[3 * part] = count
        burst[3 * part + 1] = low
        burst[3 * part + 2] = high
        part += 1


@micropython.viper
def average(sens: int, pad: int, n: int) -> int:
    """Return the mean code of ``n`` conversions of ``pad``, -1 when the converter hangs."""
    convert(sens, pad)  # settles the sampling capacitor on this pad
    total = 0
    for _ in range(n):
        code = int(convert(sens, pad))
        if code < 0:
            return -1
        total += code
    return total // n


class Sampler:
    """ADC1, for one task and the tick; no call is interrupted by the other's."""

    def __init__(self, pilot_pad, sens=_SENS, counter=_COUNTER):
        """``pilot_pad`` is the ADC1 channel of the pilot; the addresses change only in tests."""
        self._pad = pilot_pad
        self._sens = sens
        self._counter = counter
        self._raw = array("H", bytes(2 * _LIMIT))
        self._before = array("H", bytes(2 * _LIMIT))
        self._after = array("H", bytes(2 * _LIMIT))

    def burst(self, window, burst):
        """Sample the pilot for at most a period into ``burst``, in codes; allocates nothing.

        ``window`` as made by ``sampling.windows``, ``burst`` as in ``sampling.collect``.
        """
        raw, before, after = self._raw, self._before, self._after
        n = log_burst(self._sens, self._counter, self._pad, window, ENOUGH, raw, before, after)
        sort(raw, before, after, n, window, burst)

    def read(self, pad):
        """Return the code of ADC1 channel ``pad``, averaged; -1 when the converter hangs."""
        return average(self._sens, pad, _AVERAGED)
