"""One charging session, from plugging in to unplugging: energy, time, and whose it is.

The meter's own counter decides; between two of its readings, and without one, power is summed up,
measured or estimated. A counter that jumps is another meter's, or noise: then the sum holds.
"""

from micropython import const

_MOST_WH_S = const(17)  # three phases of 80 A are 15.3 Wh a second
_COARSE_WH = const(200)  # what a counter may step by at once
_CLOCK_MOVED_S = const(60)


class Session:
    """``number`` counts sessions; ``active`` from ``begin`` to ``end``.

    ``start`` is Unix seconds, 0 while the time of day is not known; ``seconds`` how long the car
    has been connected, ``charging_s`` how long of it the contactor was closed. ``wh`` is the
    energy, ``solar_wh`` the part of it that did not come from the grid; ``estimated`` says that
    some of it was not measured. ``card`` is hex digits, "" without one. ``by`` is the reason code
    of who started, ``reason`` of why it ended, 0 for still open. ``woke`` is the wake-up step that
    worked or -1, ``phases`` what the core saw, ``peak_da`` the greatest current of a phase.
    ``interrupted`` says that the power failed before the end. ``watts`` is the car's power in the
    last second accounted for, ``solar_w`` the part of it that did not come from the grid.
    """

    def __init__(self):
        self.begin(0, 0, "", 0)
        self.active = False

    def begin(self, number, now_s, card, by):
        """Begin session ``number`` at ``now_s`` Unix seconds (0 unknown)."""
        self.active = True
        self.number = number
        self.start = now_s
        self.card = card
        self.by = by
        self.seconds = self.charging_s = self.wh = self.solar_wh = 0
        self.reason = self.phases = self.peak_da = self.watts = self.solar_w = 0
        self.woke = -1
        self.estimated = self.interrupted = False
        self._counter = -1  # the meter's last reading in Wh
        self._silent_s = 0  # how long it has not moved
        self._sure_wh = 0  # counted, or summed up before the counter's last reading
        self._sum_ws = 0  # summed up since
        self._solar_ws = 0
        self._guessed = False  # some of ``_sure_wh`` rests on the estimate
        self._guess = False  # some of ``_sum_ws`` does

    def second(self, charging, ev_w, ev_wh, mains_w, estimate_w, da=0, elapsed_s=1):
        """Account for the last ``elapsed_s`` seconds.

        ``ev_w`` and ``ev_wh`` are the EV meter's power and counter, -1 where unknown; ``mains_w``
        is what the house takes from the grid, negative when it feeds it, None where unknown.
        ``estimate_w`` stands for the power while charging without a meter. ``da`` is the current
        of the highest phase.
        """
        self.seconds += elapsed_s
        measured = ev_w >= 0
        if charging:
            self.charging_s += elapsed_s
            self.peak_da = max(self.peak_da, da)
            if not measured:
                ev_w = estimate_w
                self._guess = True
        self.watts = watts = max(0, ev_w)
        self.solar_w = 0
        # What is less than a mere estimate may be the sun, or a car that takes less.
        if mains_w is not None and (measured or mains_w <= 0):
            self.solar_w = max(0, watts - max(0, mains_w))
        self._sum_ws += watts * elapsed_s
        self._solar_ws += self.solar_w * elapsed_s
        self._silent_s += elapsed_s
        if ev_wh >= 0 and ev_wh != self._counter:
            self._count(ev_wh)
        self.wh = self._sure_wh + self._sum_ws // 3600
        self.solar_wh = min(self.wh, self._solar_ws // 3600)
        self.estimated = self._guessed or self._guess

    def _count(self, ev_wh):
        """Take a new reading of the meter's counter."""
        gained = ev_wh - self._counter
        if self._counter >= 0 and 0 < gained <= _COARSE_WH + self._silent_s * _MOST_WH_S:
            self._sure_wh += gained
            self._sum_ws = 0
        else:
            self._sure_wh += self._sum_ws // 3600
            self._sum_ws %= 3600
            self._guessed = self._guessed or self._guess
        self._guess = False
        self._counter = ev_wh
        self._silent_s = 0

    def end(self, reason, now_s):
        """End the session for ``reason``; a clock that was set meanwhile dates its start anew."""
        self.active = False
        self.reason = reason
        if now_s and abs(now_s - self.seconds - self.start) > _CLOCK_MOVED_S:
            self.start = max(0, now_s - self.seconds)
