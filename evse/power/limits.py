"""Ceilings on one EVSE: each a claim with a name, and the one that wins is visible."""

from array import array

from evse import ticks

_SIZE = 10
_NEVER = -1


class Limits:
    """Up to ten claims, each a reason code with a ceiling in dA and an optional end.

    ``winner`` is the code of the lowest claim, set by ``lowest``.
    """

    def __init__(self):
        self._code = bytearray(_SIZE)
        self._da = array("i", (0,) * _SIZE)
        self._until = None  # most claims never end, and there are eight EVSEs
        self._used = 0
        self.winner = 0

    def claim(self, code, da, until=_NEVER):
        """Set the ceiling named ``code`` to ``da``, until the tick ``until`` or withdrawn.

        Returns False when all places are taken by other codes.
        """
        slot = 0
        codes = self._code
        used = self._used
        while slot < used and codes[slot] != code:
            slot += 1
        if slot == _SIZE:
            return False
        if slot == self._used:
            self._used += 1
        self._code[slot] = code
        self._da[slot] = da
        if until != _NEVER and not self._until:
            self._until = array("i", (_NEVER,) * _SIZE)
        if self._until:
            self._until[slot] = until
        return True

    def optional(self, code, da):
        """Set the ceiling named ``code`` to ``da``; 0 withdraws it."""
        if da:
            self.claim(code, da)
            return
        codes = self._code
        for slot in range(self._used):
            if codes[slot] == code:
                self._remove(slot)
                return

    def withdraw(self, code):
        """Remove the ceiling named ``code``, if there is one."""
        self.optional(code, 0)

    def claims(self):
        """Yield (code, ceiling in dA, tick at which it ends or -1) of each claim."""
        for slot in range(self._used):
            yield self._code[slot], self._da[slot], self._until[slot] if self._until else _NEVER

    def lowest(self, now, otherwise):
        """Return the lowest ceiling in dA, ``otherwise`` when nobody claims.

        Claims whose time is over are dropped. Among equals the one claimed first wins.
        """
        best = otherwise
        winner = slot = 0
        ceilings = self._da
        ends = self._until
        while slot < self._used:
            if ends and ends[slot] != _NEVER and ticks.due(now, ends[slot]):
                self._remove(slot)
                continue
            if ceilings[slot] < best or (ceilings[slot] == best and not winner):
                best = ceilings[slot]
                winner = self._code[slot]
            slot += 1
        self.winner = winner
        return best

    def _remove(self, slot):
        # The order is kept, so that ties always fall to the same claim.
        self._used -= 1
        while slot < self._used:
            self._code[slot] = self._code[slot + 1]
            self._da[slot] = self._da[slot + 1]
            if self._until:
                self._until[slot] = self._until[slot + 1]
            slot += 1
