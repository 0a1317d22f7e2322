"""Wrong guesses of a PIN or password, by who made them: the more, the longer they wait.

Loaded by those who ask for one.
"""

from micropython import const

from evse import ticks

_PEERS = const(6)
_KEPT_MS = const(3_600_000)
_TRIES = const(5)
_WAIT_S = const(60)
_WAIT_MOST_S = const(600)


class Guesses:
    """Who has guessed wrong in the last hour. ``now`` are ticks, a peer is an address as text.

    The fifth wrong guess costs a minute, each further one twice as much, 10 minutes at most.
    """

    def __init__(self):
        self._wrong = []  # peer, how often, tick at which it may be forgotten

    def wait_s(self, peer, now):
        """Seconds until ``peer`` may guess again; 0 for now, -1 while too many others do."""
        known = self._find(peer, now)
        if known:
            left = ticks.diff(known[2], now) - _KEPT_MS
            return (left + 999) // 1000 if left > 0 else 0
        return -1 if len(self._wrong) >= _PEERS else 0

    def wrong(self, peer, now):
        """Note a wrong guess; returns the seconds the peer has to wait now."""
        known = self._find(peer, now)
        if not known:
            known = [peer, 0, 0]
            self._wrong.append(known)
        known[1] += 1
        wait_s = 0
        if known[1] >= _TRIES:
            wait_s = min(_WAIT_S << min(known[1] - _TRIES, 4), _WAIT_MOST_S)
        known[2] = ticks.add(now, _KEPT_MS + wait_s * 1000)
        return wait_s

    def right(self, peer, now):
        """Forget what ``peer`` has guessed: it knows."""
        known = self._find(peer, now)
        if known:
            self._wrong.remove(known)

    def none(self, now):
        """True when there is nobody to remember."""
        self._find("", now)
        return not self._wrong

    def _find(self, peer, now):
        found = None
        for known in self._wrong[:]:
            if ticks.due(now, known[2]):
                self._wrong.remove(known)
            elif known[0] == peer:
                found = known
        return found
