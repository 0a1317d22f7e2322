"""The part that may only open.

It runs in the 100 Hz timer's callback, between the bytecodes of whatever task runs, straight after
the pilot got its burst. It never closes a contactor and never raises a current.
"""

from micropython import const

from evse import reasons
from evse.charging.pilot import INVALID_LIMIT_MS, LEVEL_B, LEVEL_E

STALL_MS = const(200)
_MASK = const(0x3FFFFFFF)


class Guard:
    """Watches ``pilot`` and ``charger``; what it does goes to ``record(code, a, b)``.

    ``tripped`` is the reason code of a trip, 0 without one. A trip takes back the
    charger's command to close, and stays until the charger has acknowledged it (``acknowledged``
    holds the code) and the cause is gone.
    """

    def __init__(self, pilot, charger, record):
        self.tripped = 0
        self._pilot = pilot
        self._charger = charger
        self._record = record

    def check(self, now, rcm):
        """Return 0, or the reason code for which both contactors must be open now.

        ``rcm`` is True while the residual current monitor reports a fault. Call it after each
        ``pilot.feed`` and open the contactors on every answer that is not 0: a task interrupted
        between deciding and acting may just have closed them.
        """
        charger = self._charger
        pilot = self._pilot
        code = 0
        if rcm:
            code = reasons.GUARD_RCM
        elif charger.c1:
            if pilot.level <= LEVEL_B:
                code = reasons.GUARD_LEVEL
            elif pilot.level == LEVEL_E:
                code = reasons.GUARD_SHORT
            elif pilot.invalid_ms > INVALID_LIMIT_MS or pilot.blind:
                code = reasons.GUARD_PILOT
            elif ((now - charger.stepped_at) & _MASK) > STALL_MS:
                code = reasons.GUARD_STALL
        if code:
            # A residual current must be cleared by hand, so it replaces any lesser reason.
            if not self.tripped or (rcm and self.tripped != code):
                self.tripped = code
                charger.trip = code
                self._record(code, pilot.level, charger.state)
        elif self.tripped and charger.acknowledged == self.tripped:
            self.tripped = 0
            charger.trip = 0
            charger.acknowledged = 0
        if self.tripped:
            charger.c1 = False
            charger.c2 = False
        return self.tripped
