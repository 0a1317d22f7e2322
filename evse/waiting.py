"""Since when the charger's reason holds, and when it ends by itself."""

from evse import reasons, ticks

_RESTS = (reasons.STOP_DELAY, reasons.SWITCHING_PHASES, reasons.MODEM, reasons.MODEM_DENIED)
_SHORT = (reasons.LIMIT_SHORTAGE, reasons.NO_GRANT)


class Waiting:
    """Times are s of uptime: ``since_s``, and ``until_s``, 0 where the end is not known."""

    def __init__(self):
        self._code = reasons.NONE
        self.since_s = self.until_s = 0

    def second(self, core, now):
        """Look at the reason of ``core``; ``now`` is the tick at which its uptime last moved.

        Counted from there an end stays the same second as long as nothing changes it.
        """
        uptime_s = core.journal.uptime_s
        code = core.charger.reason
        if code != self._code:
            self._code = code
            self.since_s = uptime_s
        self.until_s = 0
        if code == reasons.POWER_RETURN:
            self.until_s = uptime_s + core.delay_s
            return
        until = self._end(core, code)
        left_ms = 0 if until is None else ticks.diff(until, now)
        if left_ms > 0:
            self.until_s = uptime_s + (left_ms + 999) // 1000

    @staticmethod
    def _end(core, code):
        """Return the tick at which the reason ``code`` ends, None where nobody knows."""
        charger = core.charger
        regulator = core.regulator
        if charger.pausing:
            return charger.pause_until
        if code in _SHORT:
            return regulator.paused_until(0)
        if code in _RESTS:
            return charger.offer.rest_until if charger.offer.resting else None
        if code == reasons.LIMIT_DELAY:
            for claimed, _, until in regulator.limits[0].claims():
                if claimed == code:
                    return until
        return None
