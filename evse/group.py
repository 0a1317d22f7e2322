"""The chargers that share with this one: what the Master knows of its Nodes, and what it permits.

Nodes are of this firmware or of the reference, of either generation. A Node asks before it offers
current (COMM_B) and again before it closes its contactor (COMM_C); it is counted as charging from
the moment it may be.
"""

from array import array

from micropython import const

from evse import reasons, ticks
from evse.charging.states import (
    STATE_ACTSTART,
    STATE_B1,
    STATE_C,
    STATE_C1,
    STATE_COMM_B,
    STATE_COMM_B_OK,
    STATE_COMM_C,
    STATE_COMM_C_OK,
)
from evse.power.draws import EVSES
from evse.power.views import NORMAL, SOLAR

ABSENT = const(0)
HERE = const(1)
LOST = const(2)

# A node that has missed so many polls is lost; the polls come every 2 s.
_MISSES = const(5)
# Then it stops by itself 11 s after what it heard last, and its contactor opens within 7 s.
_OFF_MS = const(20_000)
_UNKNOWN_DA = const(800)
_LEAST_DA = const(60)

# A node that is refused rests for 60 s, which is long for one that has only to wait for the next
# reading; so for a while it is left asking.
_REFUSE_MS = const(10_000)
_MODE_TRIES = const(3)  # some old nodes in Normal take no other
_LESS_6A = const(1)
_ACCESS_ON = const(1)
_OURS = const(0x4D)


class Group:
    """Puts what nodes 1 to 7 answer into the views of the regulator of ``core``.

    ``state[n]`` is ABSENT, HERE or LOST. What a lost node had stays reserved until its contactor
    is open for certain. ``ours[n]`` is 1 for a node of this firmware.
    """

    def __init__(self, core):
        self._core = core
        self._views = core.regulator.evses
        self._record = core.record
        self.state = bytearray(EVSES)
        self.ours = bytearray(EVSES)
        self._misses = bytearray(EVSES)
        self._off_at = array("i", (0,) * EVSES)
        self._asks = bytearray(EVSES)  # the state in which it asks, 0 when it does not
        self._asked_at = array("i", (0,) * EVSES)
        self._errors = bytearray(EVSES)
        self._modes = bytearray(EVSES)  # how often each node is still to be told of the mode
        self._mode = core.mode

    # ---- what a node says ----

    def status(self, n, words, now):
        """Take the status registers of node ``n``: 8 of them, or all 12."""
        state = words[0] & 0xFF
        errors = words[1] & 0xFF
        max_da = (words[7] & 0xFF) * 10
        high = words[8] >> 8 if len(words) > 8 else 0
        self.ours[n] = high == _OURS
        self._errors[n] = errors
        asks = state if state == STATE_COMM_B or state == STATE_COMM_C else 0
        if asks and not self._asks[n]:
            self._asked_at[n] = now
        self._asks[n] = asks
        # One that was refused waits in B1 with the flag up, and would like to be asked back.
        wants = 0 < state <= STATE_ACTSTART or state == STATE_B1 and errors & _LESS_6A > 0
        charging = state == STATE_C or state == STATE_C1
        regulator = self._core.regulator
        if self.state[n] == ABSENT and charging and regulator.params.min_da <= words[2] <= max_da:
            # This Master has just started; what the one before it granted is still in force.
            regulator.grant_da[n] = words[2]
        mode = words[3] & 0xFF
        if mode > SOLAR:
            mode = NORMAL
        if mode == self._mode:
            self._modes[n] = 0
        self.heard(n, bool(wants) and max_da >= _LEAST_DA, charging, mode, max(max_da, _LEAST_DA),
                   words[8] & 7 if high == _OURS else 0, now)

    def heard(self, n, wants, charging, mode, max_da, phases, now):
        """Node ``n`` has answered.

        ``wants``: its car may be given current; ``charging``: its contactor is closed; ``mode`` as
        in views; ``max_da``: its own ceiling; ``phases``: bits 1, 2, 4 it is limited to, 0 all.
        """
        view = self._views[n]
        if self.state[n] != HERE:
            self._record(reasons.NODE_BACK, n)
            self.state[n] = HERE
        self._misses[n] = 0
        if view.wants != wants or view.charging != charging:
            self._core.regulate_due = now
        view.wants = wants
        view.charging = charging
        view.mode = mode
        view.max_da = view.cable_da = max_da
        view.phases = phases

    def missed(self, n, now):
        """Node ``n`` has not answered a poll."""
        if self.state[n] != HERE:
            return
        self._misses[n] += 1
        if self._misses[n] >= _MISSES:
            self.state[n] = LOST
            self._asks[n] = 0
            self._views[n].wants = False
            if self._core.regulator.grant_da[n]:
                self._views[n].charging = True  # it may act on its grant for a while yet
            self._off_at[n] = ticks.add(now, _OFF_MS)
            self._core.regulate_due = now
            self._record(reasons.NODE_LOST, n)

    # ---- what it is to be told ----

    def waiting(self, n):
        """True when node ``n`` asks for what it could be permitted now."""
        return self._asks[n] and self._core.regulator.grant_da[n] > 0

    def permit(self, n):
        """Return the state that permits node ``n`` what it asks for, 0 when nothing is."""
        if not self.waiting(n):
            return 0
        if self._asks[n] == STATE_COMM_B:
            return STATE_COMM_B_OK
        self._views[n].charging = True  # from now on it may be; its next answer tells
        return STATE_COMM_C_OK

    def complete(self):
        """Every node has been asked: what is granted from now on takes all into account."""
        self._core.regulator.limits[0].withdraw(reasons.LIMIT_SHARE)
        self._core.regulate_due = self._core.now

    def permitted(self, n):
        """Node ``n`` has been told: it asks no more."""
        self._asks[n] = 0

    def flags(self, n, now):
        """Return the error flags a node of the reference should have, None when it has them."""
        if self.ours[n]:
            return None  # it is told the reason instead, and rests no longer than it must
        errors = self._errors[n]
        if self._core.regulator.grant_da[n]:
            return errors & ~_LESS_6A if errors & _LESS_6A else None
        if (self._asks[n] and not errors & _LESS_6A
                and ticks.diff(now, self._asked_at[n]) >= _REFUSE_MS):
            return errors | _LESS_6A
        return None

    def reason(self, n):
        """Return why node ``n`` has what it has: reason, and limit times 256; -1 if it is old."""
        regulator = self._core.regulator
        return (regulator.grant_reason[n] | regulator.grant_limit[n] << 8 if self.ours[n] else -1)

    def new_mode(self, n, words):
        """Return the mode node ``n`` has yet to hear of, None when there is none.

        One whose access is off is left alone: a node of the reference would switch it on.
        """
        if self._modes[n] and words[5] & 0xFF == _ACCESS_ON:
            self._modes[n] -= 1
            return self._mode
        return None

    def second(self, now):
        """Let time pass; call it about once a second."""
        if self._mode != self._core.mode:
            self._mode = self._core.mode
            for n in range(EVSES):
                self._modes[n] = _MODE_TRIES
        for n in range(1, len(self._views)):
            view = self._views[n]
            if self.state[n] == LOST and view.charging and ticks.due(now, self._off_at[n]):
                view.charging = False
                view.mode = NORMAL
                view.max_da = view.cable_da = _UNKNOWN_DA
