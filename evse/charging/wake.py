"""Waking a car that sleeps: a ladder of ever stronger nudges.

Many cars sleep when no current came soon after they were plugged in, and then let an offer lie.
Step 0 only waits: an offer wakes most of them, some take up to half a minute. Step 1 opens the
pilot for 4 s, the time ISO 15118-3 names for it (T_step_EF). Step 2 opens it for 15 s: some cars
must believe the plug was pulled, which takes those known 8 to 10 s; much longer only delays the
start. Step 3 puts steady -12 V on it for 4 s, for cars that sleep through an open line. After each
comes +12 V for 3 s (T_step_X1), then the offer again.

When nothing helped the car has no need of energy or waits for a time of its own. It is nudged
again after 10 minutes, then after ever twice as long up to 160 minutes, because each round wakes
its electronics and drains its small battery.
"""

from micropython import const

from evse.charging.offer import later

STEPS = const(3)
_PULSE_MS = (4000, 15000, 4000)
_FIRST_MS = const(30000)
_WAIT_MS = const(60000)
_PAUSE_MS = const(600000)
_LAST_MS = const(9600000)


class Wake:
    """Where on the ladder a car is: ``step`` 0..3, ``running`` or not, next nudge ``due`` (tick).

    ``since`` is the tick of the offer that followed the last nudge.
    """

    def __init__(self):
        self.step = 0
        self.running = False
        self.due = 0
        self.since = 0
        self._pause_ms = _PAUSE_MS

    def begin(self, now):
        """A current is offered that was not before: start at the foot."""
        self.running = True
        self.step = 0
        self._pause_ms = _PAUSE_MS
        self.offered(now)

    def offered(self, now):
        """The offer is back after a nudge."""
        self.since = now
        self.due = later(now, _WAIT_MS if self.step else _FIRST_MS)

    def climb(self, now):
        """Go one step up; returns the ms its pulse lasts, 0 where the ladder ends for now."""
        if self.step < STEPS:
            self.step += 1
            return _PULSE_MS[self.step - 1]
        self.step = 0
        self.since = now
        self.due = later(now, self._pause_ms)
        self._pause_ms = min(2 * self._pause_ms, _LAST_MS)
        return 0
