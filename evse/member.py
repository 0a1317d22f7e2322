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

# Who was refused asks again no sooner: a Master of the reference refuses for seconds at a time,
# and the car would follow each of them.
_REFUSED_MS = const(60_000)
_LEGACY_BITS = const(0x7F)  # of the faults: those that have a meaning on the wire
# Those the Master sets, the old refusal for want of sun among them. The others it only sends back
# as it has read them.
_ITS_BITS = const(0x23)


class Member:
    """The Node's side.

    ``da`` is the current the Master told last, 0 once it is silent. ``sun_s`` is its Solar timer.
    ``acknowledged``: ``changes`` of the settings the Master has read, -1 for none.
    """

    def __init__(self, core, charger):
        self._core = core
        self._charger = charger
        self.da = 0
        self.sun_s = 0
        self.acknowledged = -1
        self._reason = reasons.NONE
        self._may_offer = False
        self._errors = 0
        self._refused = False
        self._refused_at = 0
        charger.asks = True

    def state(self):
        """Return the state the Master reads: waiting for it is told by asking."""
        charger = self._charger
        state = charger.state
        if not charger.wants or charger.c1:
            return state
        if self._refused:
            return STATE_B1
        if not self._may_offer:
            return STATE_COMM_B
        if state == STATE_B1:
            return STATE_B
        if charger.reason == reasons.WAITS_MASTER:
            return STATE_COMM_C
        return state

    def errors(self):
        """Return the error bits the Master reads."""
        own = self._charger.faults & ~faults.LESS_6A
        return (own | self._errors) & _LEGACY_BITS

    def write_state(self, state, now):
        """The Master has written the state register: two values permit, no other does anything."""
        self.step(now)
        if state == STATE_COMM_B_OK and self.state() == STATE_COMM_B:
            self._may_offer = True
            self._core.share(self.da, now, self._reason)
        elif state == STATE_COMM_C_OK and self.state() == STATE_COMM_C:
            self._charger.admitted = True

    def write_errors(self, bits, now):
        """The Master refuses current, or takes that back."""
        # A Node that is lost says so by the same bit: what comes back of it is no refusal.
        self._errors = bits & _ITS_BITS & ~(self._charger.faults & faults.CT_NOCOMM)
        if self._errors:
            self._refused = True
            self._refused_at = now
            self._forbid()
            self._core.share(0, now, reasons.LIMIT_METER_LOST if bits & faults.CT_NOCOMM
                             else reasons.LIMIT_SHORTAGE)

    def explained(self, reason):
        """The Master says why this Node has what it has."""
        self._reason = reason

    def told(self, da, now):
        """The Master has told everybody's current; ``da`` is ours."""
        self.da = da
        self._errors &= ~faults.CT_NOCOMM  # it speaks again
        if not da:
            self._forbid()
        if self._may_offer:
            self._core.told(da, now, self._reason)
        else:
            self._core.told(0, now, self._reason or reasons.WAITS_MASTER)

    def step(self, now):
        """Forget what has ended; call it about once a second."""
        if self._core.told_until is None:
            self.da = 0
            self._forbid()
        if self._charger.state == STATE_A:
            self._forbid()
            self._errors = 0
            self._refused = False
        elif self._refused and ticks.diff(now, self._refused_at) >= _REFUSED_MS:
            self._errors = 0
            self._refused = False

    def _forbid(self):
        self._may_offer = False
        self._charger.admitted = False
