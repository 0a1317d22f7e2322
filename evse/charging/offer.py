"""The current offered on the pilot: how the duty follows a permission.

Lowering is immediate. A raise waits until 5 s after the last change, which is how long a car may
take to follow. Until the diode is proven at most 32 A are offered. Above 65 A less than 100 us of
each period are negative, too little to see the diode by, so every 30 s the duty dips to that of
51 A until three bursts have proven the diode anew.
"""

from micropython import const

from evse.charging.pilot import FULL, duty_of

UNPROVEN_DA = const(320)
BLIND_DA = const(650)
PROBE_DA = const(510)
PROBE_EVERY_MS = const(30000)
PROBE_LIMIT_MS = const(1500)  # longer than the guard bears a diode seen to be missing
RAISE_MS = const(5000)

_MASK = const(0x3FFFFFFF)
_HALF = const(0x20000000)
_CYCLE_MS = const(10)
_IDLE_MS = const(1000)


def later(now, ms):
    """Return the tick ``ms`` after ``now``; no step leaves the small ints of the board."""
    return ((now - _HALF + ms) & _MASK) ^ _HALF


def sooner(wait, now, deadline):
    """Return the smaller of ``wait`` and the ms until ``deadline`` (ahead), in cycles of 10 ms.

    Whole cycles, so that who jumps over idle time acts when one who steps each 10 ms would.
    """
    left = (deadline - now) & _MASK
    if left >= wait:
        return wait
    left = (left + 9) // 10 * 10
    return max(_CYCLE_MS, left)


class Offer:
    """``duty`` (of 65536) and the ``da`` it stands for, 0 while nothing is offered.

    During a dip ``duty`` is lower than that of ``da``. ``unproven`` is True once a dip has failed
    to prove the diode within 1.5 s; the owner of the offer must then stop.
    """

    def __init__(self, pilot):
        self.duty = FULL
        self.da = 0
        self.unproven = False
        self._pilot = pilot
        # Deadlines, each with a flag that says it is running: a stamp alone would come back to
        # life when the ticks wrap.
        self._may_raise = True
        self._raise_at = 0
        self._probing = False
        self._probe_at = 0

    def silence(self):
        """Offer nothing: steady +12 V."""
        self.duty = FULL
        self.da = 0
        self.unproven = False
        self._may_raise = True
        self._probing = False

    def follow(self, da, closed, now):
        """Move towards ``da`` dA (60..800); returns ms until this must be called again.

        ``closed`` says that the contactor is closed, which implies a proven diode.
        """
        if da > UNPROVEN_DA and not closed and not self._pilot.diode:
            da = UNPROVEN_DA
        wait = _IDLE_MS
        if not self._may_raise:
            if ((now - self._raise_at) & _MASK) < _HALF:
                self._may_raise = True
            elif da > self.da:
                wait = sooner(wait, now, self._raise_at)
        if da < self.da or (da > self.da and self._may_raise):
            if self.da <= BLIND_DA:
                self._probe_at = later(now, PROBE_EVERY_MS)
            self.da = da
            self._may_raise = False
            self._raise_at = later(now, RAISE_MS)
        if self.da <= BLIND_DA:
            self._probing = False
            self.duty = duty_of(self.da)
            return wait
        return self._probe(wait, now)

    def _probe(self, wait, now):
        """Dip when it is time, at a current too high to see the diode by."""
        if self._probing:
            if self._pilot.reproven:
                self._probing = False
                self._probe_at = later(now, PROBE_EVERY_MS)
            elif ((now - self._probe_at) & _MASK) < _HALF:
                self.unproven = True
        elif ((now - self._probe_at) & _MASK) < _HALF:
            self._probing = True
            self._probe_at = later(now, PROBE_LIMIT_MS)
            self._pilot.prove_again()
        if self._probing:
            self.duty = duty_of(PROBE_DA)
            return _CYCLE_MS
        self.duty = duty_of(self.da)
        return sooner(wait, now, self._probe_at)
