"""What a Node is to its Master: its half of the handshake, without the wire.

The Master grants in three steps: it lets the Node offer current (COMM_B_OK), lets it close the
contactor (COMM_C_OK), and tells it how much, again and again. None of them closes anything: they
take away reasons not to, and the Node's own pilot decides. A Master of another make is met on the
same terms.
"""

from micropython import const

from evse import reasons, ticks
from evse.charging import faults
from evse.charging.states import (
    STATE_A,
    STATE_B,
    STATE_B1,
    STATE_COMM_B,
    STATE_COMM_B_OK,
    STATE_COMM_C,
    STATE_COMM_C_OK,
)

# What the Master lets this Node do.
_NOTHING, _OFFER, _CLOSE = const(0), const(1), const(2)

# Who was refused asks again no sooner: a Master of the reference refuses for seconds at a time,
# and the car would follow each of them.
_REFUSED_MS = const(60_000)
# Error bits of the wire; the Master may take them back, and all others too.
_LEGACY_BITS = const(0x7F)
_CT_NOCOMM = const(2)


class Member:
    """The Node's side. ``da`` is what the Master told last, as it was told."""

    def __init__(self, core, charger):
        self._core = core
        self._charger = charger
        self.da = 0
        self._may = _NOTHING
        self._errors = 0
        self._refused = False
        self._refused_at = 0
        charger.admitted = False

    def state(self):
        """Return the state the Master reads: waiting for it is told by asking."""
        charger = self._charger
        state = charger.state
        if not charger.wants or charger.c1:
            return state
        if self._refused:
            return STATE_B1
        if self._may == _NOTHING:
            return STATE_COMM_B
        if state == STATE_B1:
            return STATE_B
        if charger.reason == reasons.WAITS_MASTER:
            return STATE_COMM_C
        return state

    def errors(self):
        """Return the error bits the Master reads."""
        return (self._charger.faults | self._errors) & _LEGACY_BITS

    def write_state(self, state, now):
        """The Master has written the state register: two values permit, no other does anything."""
        self.step(now)
        if state == STATE_COMM_B_OK and self.state() == STATE_COMM_B:
            self._may = _OFFER
            self._tell(now)
        elif state == STATE_COMM_C_OK and self._may and self.state() == STATE_COMM_C:
            self._may = _CLOSE
            self._charger.admitted = True

    def write_errors(self, bits, now):
        """The Master refuses current, or takes that back."""
        self._errors = bits & _LEGACY_BITS
        if self._errors:
            self._refused = True
            self._refused_at = now
            self._forbid()
            self._core.told(0, now, reasons.LIMIT_METER_LOST if bits & _CT_NOCOMM
                            else reasons.LIMIT_SHORTAGE)

    def told(self, da, now, reason=reasons.NONE):
        """The Master has told everybody's current; ``da`` is ours, ``reason`` why, if known."""
        self.da = da
        if not da:
            self._forbid()
        self._tell(now, reason)

    def step(self, now):
        """Forget permissions that have ended; call it at least once a second."""
        core = self._core
        if core.told_until is None or self._charger.state == STATE_A:
            self._forbid()
            self._errors &= faults.CT_NOCOMM if core.told_until is None else 0
            self._refused = False
        elif self._refused and ticks.diff(now, self._refused_at) >= _REFUSED_MS:
            self._refused = False
            self._errors = 0

    def _forbid(self):
        self._may = _NOTHING
        self._charger.admitted = False

    def _tell(self, now, reason=reasons.NONE):
        if self._may:
            self._core.told(self.da, now, reason)
        else:
            self._core.told(0, now, reason or reasons.WAITS_MASTER)
