"""The control pilot: currents as duty cycles, millivolts as levels, the car's diode, debouncing.

Amplitudes are millivolts at the ADC pin, 1723 mV + 0.1299 of the pilot's own voltage, so 12 V
reads 3281 (or full scale), 9 V 2892, 6 V 2502, 3 V 2112, 0 V 1723 and -12 V 164.
"""

from array import array

from micropython import const

FULL = const(65536)  # steady +12 V; duty 0 is steady -12 V

LEVEL_A = const(0)  # 12 V, no car
LEVEL_B = const(1)  # 9 V, car connected
LEVEL_C = const(2)  # 6 V, car asks for energy
LEVEL_D = const(3)  # 3 V, car asks for ventilation
LEVEL_E = const(4)  # 0 V, shorted
LEVEL_F = const(5)  # steady -12 V
LEVEL_INVALID = const(6)  # mixed, out of tolerance, or the negative part is not -12 V
LEVEL_UNKNOWN = const(7)  # too few samples to tell

INVALID_LIMIT_MS = const(1000)  # of levels other than A, B, C that a session survives in any 3 s

# A level counts once every sample of this span shows it, which 30 ms of disturbance never do.
# Sampled every 8 ms that is the fifth burst, 32 ms after the first. There is no ms to spare: with
# a dropped timer event and a stall of 15 ms the output must still be off after 70.
_SETTLE_MS = const(31)

# A level is left downwards 30 mV (0.23 V) below where it is entered upwards. There is no slack
# above the entry of A: on some chips that is already the end of the ADC's scale.
_A_MV = const(3055)
_B_MV = const(2735)
_C_MV = const(2400)
_D_MV = const(2000)
_E_MV = const(1600)
_SLACK_MV = const(30)
# -11 V, the least the standard allows, reads 294 mV; a car without a diode reads 554 or more.
_LOW_MV = const(400)

_COUNT_MS = const(30)
_COUNT_MIN = const(3)
_PROOF_BURSTS = const(3)
_GAP_MS = const(60)  # longer than any stall that is allowed with a contactor closed

_SLOT_MS = const(30)
_SLOTS = const(101)  # the running one and 3 s of full ones
_MASK = const(0x3FFFFFFF)


def duty_of(da):
    """Return the duty (of 65536) that offers ``da`` dA, 60..800; ValueError outside.

    The two ranges of the standard do not meet: 51.1 to 52.4 A come out as duties a car reads as
    50.7 to 51.0 A. No duty says those currents, and these never offer too much.
    """
    if not 60 <= da <= 800:
        raise ValueError("current must be 60..800 dA")
    if da <= 510:
        return (FULL * da + 300) // 600
    return (FULL * (da + 1600) + 1250) // 2500


def current_of(duty):
    """Return the dA a car reads from ``duty``; 0 where the duty offers nothing.

    As the standard has it 8 to 10 % mean 6 A, and 96 to 97 % mean 80 A.
    """
    if duty < 5243 or duty > 63570:
        return 0
    if duty <= 6554:
        return 60
    if duty <= 55706:
        return (duty * 600 + FULL // 2) // FULL
    return min((duty * 2500 + FULL // 2) // FULL - 1600, 800)


class Pilot:
    """What the pilot says, from bursts of samples taken every 8 to 10 ms.

    ``level`` is the debounced level and ``since`` the tick of the first sample that showed it;
    ``raw`` is the level of the newest burst. ``diode`` is True once the car's diode is proven,
    ``no_diode`` while the newest burst's negative part is wrong, ``reproven`` once the diode has
    been seen again since ``prove_again``. ``invalid_ms`` is the time within the last 3 s (up to
    3.03 s) during which the level was neither A, B nor C, short disturbances included. ``blind``
    is True while the line cannot show the car; such time is no invalid time.
    """

    def __init__(self):
        self.level = LEVEL_UNKNOWN
        self.raw = LEVEL_UNKNOWN
        self.since = 0
        self.diode = False
        self.no_diode = False
        self.reproven = False
        self.invalid_ms = 0
        self.blind = False
        self._proof = 0
        self._next = LEVEL_UNKNOWN
        self._next_since = 0
        self._to_a = _A_MV
        self._to_b = _B_MV
        self._to_c = _C_MV
        self._to_d = _D_MV
        self._n1 = 0
        self._n2 = 0
        self._at1 = 0
        self._at2 = 0
        self._fed = -1  # no burst yet
        self._slots = array("b", bytes(_SLOTS))
        self._slot = 0
        self._fill = 0

    def look(self, on):
        """Watch the line, or with ``on`` False ignore it; either way forget what it said.

        The level stays unknown until as many fresh bursts agree as any change takes.
        """
        self.blind = True  # first, because a burst may come between any two lines
        self.level = LEVEL_UNKNOWN
        self.raw = LEVEL_UNKNOWN
        self._next = LEVEL_UNKNOWN
        self.no_diode = False
        self.forget_diode()
        self.blind = not on

    def forget_diode(self):
        """Take the diode as unknown until it is proven anew."""
        self.diode = False
        self.prove_again()

    def prove_again(self):
        """Have the diode proven anew and believe in it meanwhile."""
        self.reproven = False
        self._proof = 0

    def feed(self, burst, duty, now):
        """Take a burst sampled at ``duty``; allocates nothing, whatever the burst holds.

        ``burst`` is an array of 6 ints: n_high, min_high, max_high, n_low, min_low, max_low, where
        n counts the accepted conversions and the extremes are mV. At steady -12 V all are low.
        """
        if self._fed >= 0:
            elapsed = (now - self._fed) & _MASK
            if self.invalid_ms or self.raw > LEVEL_C:
                self._account(elapsed)
            if elapsed > _GAP_MS:
                self._unseen(now)
        self._fed = now
        if self.blind:
            return
        n = burst[0] if duty else burst[3]
        n = max(n, 0)
        count = n
        if ((now - self._at1) & _MASK) < _COUNT_MS:
            count += self._n1
            if ((now - self._at2) & _MASK) < _COUNT_MS:
                count += self._n2
        self._n2 = self._n1
        self._at2 = self._at1
        self._n1 = n
        self._at1 = now
        if count < _COUNT_MIN:
            raw = LEVEL_UNKNOWN
            self.no_diode = False
            self._proof = 0
        elif n:
            raw = self._classify(burst, duty)
        else:
            raw = self.raw  # an empty burst contradicts nothing
        self.raw = raw
        if raw == self.level:
            self._next = raw
            return
        if raw != self._next:
            # Contact bounce between A and B is one thing: the car no longer asks for energy.
            if raw > LEVEL_B or self._next > LEVEL_B or self.level <= LEVEL_B:
                self._next_since = now
            self._next = raw
        if ((now - self._next_since) & _MASK) >= _SETTLE_MS:
            self._settle(raw)

    def _unseen(self, now):
        """Count no time in which nobody looked as time in which the car asked for energy."""
        if self.level == LEVEL_C:
            self.since = now
        if self._next == LEVEL_C:
            self._next_since = now

    def _classify(self, burst, duty):
        """Return the level all samples of this burst agree on."""
        if not duty:
            self.no_diode = False
            return LEVEL_F if burst[5] < _LOW_MV else LEVEL_INVALID
        low = burst[1]
        high = burst[2]
        if low >= self._to_a:
            raw = LEVEL_A
        elif low >= self._to_b:
            raw = LEVEL_B if high < self._to_a else LEVEL_INVALID
        elif low >= self._to_c:
            raw = LEVEL_C if high < self._to_b else LEVEL_INVALID
        elif low >= self._to_d:
            raw = LEVEL_D if high < self._to_c else LEVEL_INVALID
        elif low >= _E_MV:
            raw = LEVEL_E if high < self._to_d else LEVEL_INVALID
        else:
            raw = LEVEL_F if high < _LOW_MV else LEVEL_INVALID
        if duty < FULL and burst[3] > 0:
            # A line shorted to earth shows 0 V in both parts: that is a short, not a diode.
            self.no_diode = LEVEL_A != raw != LEVEL_E and burst[5] >= _LOW_MV
            if self.no_diode:
                self._proof = 0
                return LEVEL_INVALID
            # Without a car the negative part looks right too, so it proves nothing then.
            if raw == LEVEL_B or raw == LEVEL_C:
                self._proof += 1
                if self._proof >= _PROOF_BURSTS:
                    self._proof = _PROOF_BURSTS
                    self.diode = True
                    self.reproven = True
            else:
                self._proof = 0
        else:
            self.no_diode = False
        return raw

    def _settle(self, level):
        self.level = level
        self.since = self._next_since
        if level == LEVEL_A or (level == LEVEL_INVALID and self.no_diode):
            self.forget_diode()
        if level <= LEVEL_E:
            self._to_a = _A_MV - _SLACK_MV if level == LEVEL_A else _A_MV
            self._to_b = _B_MV - _SLACK_MV if level <= LEVEL_B else _B_MV
            self._to_c = _C_MV - _SLACK_MV if level <= LEVEL_C else _C_MV
            self._to_d = _D_MV - _SLACK_MV if level <= LEVEL_D else _D_MV

    def _account(self, elapsed):
        """Move the 3 s window on by ``elapsed`` ms, spent at the level of the last burst."""
        bad = self.raw > LEVEL_C and not self.blind
        slots = self._slots
        elapsed = min(elapsed, _SLOT_MS * _SLOTS)
        while elapsed:
            part = _SLOT_MS - self._fill
            part = min(part, elapsed)
            if bad:
                slots[self._slot] += part
                self.invalid_ms += part
            self._fill += part
            elapsed -= part
            if self._fill == _SLOT_MS:
                self._fill = 0
                slot = self._slot + 1
                if slot == _SLOTS:
                    slot = 0
                self._slot = slot
                self.invalid_ms -= slots[slot]
                slots[slot] = 0
                if not self.invalid_ms:
                    return  # a clean record starts with an empty slot, whenever that is
