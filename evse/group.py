"""The chargers that share with this one: what the Master knows of its Nodes."""

from array import array

from micropython import const

from evse import reasons, ticks
from evse.power.draws import EVSES
from evse.power.views import NORMAL

ABSENT, HERE, LOST = 0, 1, 2

# A node that has missed so many polls is lost; the polls come every 2 s.
_MISSES = const(5)
# Then it stops by itself 11 s after what it heard last, and its contactor opens within 7 s.
_OFF_MS = const(20_000)
_UNKNOWN_DA = const(800)


class Group:
    """Puts what nodes 1 to 7 answer into the views of the regulator of ``core``.

    ``state[n]`` is ABSENT, HERE or LOST. What a lost node had stays reserved until its contactor
    is open for certain.
    """

    def __init__(self, core):
        self._core = core
        self._views = core.regulator.evses
        self._record = core.record
        self.state = bytearray(EVSES)
        self._misses = bytearray(EVSES)
        self._off_at = array("i", (0,) * EVSES)

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
            self._views[n].wants = False
            if self._core.regulator.grant_da[n]:
                self._views[n].charging = True  # it may act on its grant for a while yet
            self._off_at[n] = ticks.add(now, _OFF_MS)
            self._core.regulate_due = now
            self._record(reasons.NODE_LOST, n)

    def second(self, now):
        """Let time pass; call it about once a second."""
        for n in range(1, len(self._views)):
            view = self._views[n]
            if self.state[n] == LOST and view.charging and ticks.due(now, self._off_at[n]):
                view.charging = False
                view.mode = NORMAL
                view.max_da = view.cable_da = _UNKNOWN_DA
