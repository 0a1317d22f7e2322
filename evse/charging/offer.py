"""What is put on the pilot: how the duty follows a permission, and pulses that offer nothing.

Lowering is immediate. A raise waits until 5 s after the last change, which is how long a car may
take to follow. Until the diode is proven at most 32 A are offered. Above 65 A less than 100 us of
each period are negative, too little to see the diode by, so every 30 s the duty dips to that of
51 A until three bursts have proven the diode anew.

A pulse opens the line or puts -12 V on it for a time. What the line reads then says nothing about
the car, so the pilot is told to look away, and its level is unknown until fresh samples agree.
"""

from micropython import const

from evse.charging.pilot import FULL, duty_of

UNPROVEN_DA = const(320)
BLIND_DA = const(650)
PROBE_DA = const(510)
PROBE_EVERY_MS = const(30000)
PROBE_LIMIT_MS = const(1500)  # longer than the guard bears a diode seen to be missing
RAISE_MS = const(5000)
REST_MS = const(3000)

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
    """``duty`` (of 65536), ``connect`` (the line), and the ``da`` offered, 0 for nothing.

    During a dip ``duty`` is lower than that of ``da``. ``unproven`` is True once a dip has failed
    to prove the diode within 1.5 s; the owner of the offer must then stop. ``pulsing`` is True
    during a pulse, which ends at the tick ``until``. The line is open until the first ``silence``.
    ``resting`` is True while nothing may be offered yet, until the tick ``rest_until``: a car must
    see 3 s of steady +12 V first.
    """

    def __init__(self, pilot):
        self.duty = FULL
        self.connect = False
        self.da = 0
        self.unproven = False
        self.pulsing = False
        self.until = 0
        self.resting = False
        self.rest_until = 0
        self._pilot = pilot
        # Deadlines, each with a flag that says it is running: a stamp alone would come back to
        # life when the ticks wrap.
        self._may_raise = True
        self._raise_at = 0
        self._probing = False
        self._probe_at = 0
        pilot.look(False)

    def silence(self):
        """Offer nothing: steady +12 V at once, whatever was on the line."""
        self.say(FULL)
        self.unproven = False
        self.pulsing = False
        self.connect = True
        if self._pilot.blind:
            self._pilot.look(True)

    def say(self, duty):
        """Put out a ``duty`` that offers no current, from which any offer may follow at once."""
        self.duty = duty
        self.da = 0
        self._may_raise = True
        self._probing = False

    def pulse(self, connect, ms, now):
        """For ``ms`` put -12 V on the line (``connect``) or open it; +12 V and a rest follow."""
        self.silence()
        self._pilot.look(False)
        self.duty = 0 if connect else FULL
        self.connect = connect
        self.pulsing = True
        self.until = later(now, ms)
        self.rest_for(ms + REST_MS, now)

    def hold(self, now):
        """End the pulse when it is time; the rest counts from when it really ended."""
        if ((now - self.until) & _MASK) < _HALF:
            self.silence()
            self.rest_for(REST_MS, now)

    def rest_for(self, ms, now):
        """Rest until at least ``ms`` from now; returns ms until that is over."""
        until = later(now, ms)
        if not self.resting or ((until - self.rest_until) & _MASK) < _HALF:
            self.resting = True
            self.rest_until = until
        return sooner(_IDLE_MS, now, self.rest_until)

    def rest(self, now):
        """Let the rest run out; returns ms until it does."""
        if self.resting:
            if ((now - self.rest_until) & _MASK) >= _HALF:
                return sooner(_IDLE_MS, now, self.rest_until)
            self.resting = False
        return _IDLE_MS

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
