"""When to wait longer: before room is used, and before a car is asked again."""

from array import array

from micropython import const

from evse import ticks

# Room must last this long before it is used; it doubles with overloads that come soon again.
HOLD_MS = const(1_500)
_LONGEST_MS = const(300_000)
_HOLD_DOUBLINGS = const(8)
_SOON_MS = const(300_000)
# After a car did not follow when asked, it is asked again after this; it doubles each time.
_ASK_MS = const(10_000)
_ASK_DOUBLINGS = const(6)


class Patience:
    """Waiting times that double with each disappointment and shrink with quiet.

    ``waiting[i]`` is 1 while EVSE ``i`` may not be asked again whether it follows its pilot.
    ``asked_from[i]`` is the grant in dA before it was asked downwards, else 0.
    """

    def __init__(self, number):
        self.waiting = array("i", (0,) * number)
        self.asked_from = array("i", (0,) * number)
        self._ask_at = array("i", (0,) * number)
        self._asks = array("i", (0,) * number)
        self._roomy = array("i", (0,) * number)
        self._since = array("i", (0,) * number)
        self._troubled = False
        self._trouble_at = 0
        self._doublings = 0

    def step(self, count, now):
        """Let time pass; call it at least once a minute."""
        for i in range(count):
            if self.waiting[i] and ticks.due(now, self._ask_at[i]):
                self.waiting[i] = 0
        if self._troubled and ticks.diff(now, self._trouble_at) >= _SOON_MS:
            self._trouble_at = now
            if self._doublings:
                self._doublings -= 1
            else:
                self._troubled = False

    def overload(self, now):
        """A new overload began: when the last is not long ago, wait twice as long from now on."""
        if self._troubled and self._doublings < _HOLD_DOUBLINGS:
            self._doublings += 1
        self._troubled = True
        self._trouble_at = now

    def no_room(self, i):
        """There is no room for EVSE ``i``, or what there was has been used."""
        self._roomy[i] = 0

    def room(self, i, eager, now):
        """There is room for EVSE ``i``; True when it has lasted long enough to be used.

        ``eager`` means that nothing needs to settle first: only after overloads is there a wait.
        """
        if not self._roomy[i]:
            self._roomy[i] = 1
            self._since[i] = now
        hold = min(HOLD_MS << self._doublings, _LONGEST_MS)
        if eager:
            hold -= HOLD_MS
        return ticks.diff(now, self._since[i]) >= hold

    def followed(self, i):
        """EVSE ``i`` answered: it may be asked at once, next time."""
        self._asks[i] = 0
        self.waiting[i] = 0

    def ignored(self, i, now):
        """EVSE ``i`` did not follow when it was asked."""
        self._ask_at[i] = ticks.add(now, _ASK_MS << self._asks[i])
        self._asks[i] = min(self._asks[i] + 1, _ASK_DOUBLINGS)
        self.waiting[i] = 1
