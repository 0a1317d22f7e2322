"""Supervision by the meter in the car's line: welded contactors, no current path, over-current.

Only for a meter that measures the car and nothing else. It needs no more than its samples and what
the charger commands, and it opens nothing itself: it returns faults.
"""

from micropython import const

from evse import reasons
from evse.charging import faults
from evse.charging.offer import later
from evse.charging.states import STATE_A, STATE_C

_MASK = const(0x3FFFFFFF)
_HALF = const(0x20000000)
_WELD_DA = const(10)
_WELD_SAMPLES = const(3)
_WELD_MS = const(2000)  # after switching: what a meter still reports of before
_PATH_MS = const(60000)
_FLOWS_DA = const(2)  # more than the meter's noise
_OVER_DA = const(10)
_OVER_MS = const(7000)  # 5 s to follow a lower offer, and the meter's delay
_LEAST_DA = const(60)
_PAUSE_MS = const(60000)
_LONGEST_MS = const(960000)


class Supervisor:
    """Watches one car through its meter; evidence goes to ``record(code, a, b)``.

    ``ceiling_da`` is a limit for this car's current until it is unplugged, 0 for none. A car that
    takes over 1 A more than it was granted for 7 s is warned of, and the ceiling set so that with
    the same excess it stays within the grant of then. Seven more seconds stop it, for 1 minute the
    first time, then for ever twice as long up to 16.

    Welded: over 1 A in three samples, the first of them 2 s or more after the contactor opened.
    Contactor 2 is taken as welded when a second phase carries current though only contactor 1 is
    closed; which one is no evidence, because a meter's phases may be connected in any order.
    """

    def __init__(self, record):
        self.ceiling_da = 0
        self._record = record
        self._bits = 0
        self._samples = 0
        self._flowed = False
        self._over = False
        self._over_since = 0
        self._warned_da = 0  # the grant the ceiling was made for
        self._pausing = False
        self._pause_until = 0
        self._pause_ms = _PAUSE_MS

    def reset(self):
        """Forget a weld: somebody has seen to it. Current while open brings it back."""
        self._bits &= ~faults.WELDED
        self._samples = 0

    @staticmethod
    def flows(amps):
        """True for a current that an open contactor lets nobody draw; ``amps`` of phases in dA."""
        return max(abs(da) for da in amps) > _WELD_DA

    def lost(self, now):
        """No meter, no judgement; call it about once a second. Returns the fault bits."""
        self._samples = 0
        self._over = False
        self._bits &= ~faults.NO_CURRENT
        return self._pause(now)

    def sample(self, amps, charger, grant_da, now):
        """Judge a fresh sample: ``amps`` of three phases in dA; returns the fault bits in force.

        ``grant_da`` is what the regulator grants the car now, this ceiling included.
        """
        mask = 0
        live = 0
        top = 0
        for phase in range(3):
            da = abs(amps[phase])
            top = max(top, da)
            if da > _WELD_DA:
                mask |= 1 << phase
                live += 1
        since_ms = (now - charger.switched_at) & _MASK
        if charger.state == STATE_A:
            self.ceiling_da = 0
            self._pause_ms = _PAUSE_MS
        self._weld(charger, mask, live, top, since_ms)
        self._path(charger, top, since_ms)
        self._excess(charger, grant_da, top, mask, now)
        return self._pause(now)

    def _weld(self, charger, mask, live, top, since_ms):
        if charger.c1:
            # Without contactor 2, or with it closed, any phase may carry current.
            wrong = live > 1 and charger.contactors.phases == 1
        else:
            wrong = live > 0
        if not wrong or since_ms < _WELD_MS:
            self._samples = 0
        elif self._samples < _WELD_SAMPLES:
            self._samples += 1
            if self._samples == _WELD_SAMPLES and not self._bits & faults.WELDED:
                self._bits |= faults.WELDED
                self._record(reasons.WELD_EVIDENCE, mask, top)

    def _path(self, charger, top, since_ms):
        if not charger.c1 or since_ms < _WELD_MS:
            self._flowed = False
        elif top > _FLOWS_DA:
            self._flowed = True
        if self._flowed or charger.state != STATE_C:
            self._bits &= ~faults.NO_CURRENT
        elif since_ms >= _PATH_MS and not self._bits & faults.NO_CURRENT:
            self._bits |= faults.NO_CURRENT
            self._record(reasons.NO_CURRENT_EVIDENCE, top, since_ms // 1000)

    def _excess(self, charger, grant_da, top, mask, now):
        # While our own ceiling sets the grant, what it was made for is what may be drawn.
        ours = self.ceiling_da and grant_da >= self.ceiling_da
        limit = max(grant_da, self._warned_da) if ours else grant_da
        if charger.state != STATE_C or top <= limit + _OVER_DA:
            self._over = False
        elif not self._over:
            self._over = True
            self._over_since = now
        elif ((now - self._over_since) & _MASK) >= _OVER_MS:
            self._over = False
            self._record(reasons.OVERCURRENT_EVIDENCE, mask, top - limit)
            if ours:
                self._bits |= faults.OVERCURRENT
                self._pausing = True
                self._pause_until = later(now, self._pause_ms)
                self._pause_ms = min(2 * self._pause_ms, _LONGEST_MS)
            else:
                self._warned_da = limit
                self.ceiling_da = max(limit - (top - limit), _LEAST_DA)

    def _pause(self, now):
        if self._pausing and ((now - self._pause_until) & _MASK) < _HALF:
            self._pausing = False
            self._bits &= ~faults.OVERCURRENT
        return self._bits
