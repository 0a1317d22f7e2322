"""What is counted about one charger of a run. Pure and exact: ints of mA and ms throughout."""

SETTLE_MA = 500
ABORTED_MS = 10_000  # a charge shorter than this, with the car still asking, was no charge
REVERSAL_DA = 3
UJ_PER_KWH = 3_600_000_000_000


class Settle:
    """Finds the last moment a current was further than 0.5 A from where it ended."""

    def __init__(self):
        # Where it ends is not known before the end, but a level matters only as long as no later
        # one was as far out on the same side: that leaves a falling and a rising row of levels.
        self._above = []
        self._below = []
        self._last = 0

    def note(self, until, level):
        """It was ``level`` until the moment ``until``, from where the last note ended."""
        above, below = self._above, self._below
        while above and above[-1][1] <= level:
            above.pop()
        above.append((until, level))
        while below and below[-1][1] >= level:
            below.pop()
        below.append((until, level))
        self._last = level

    def settled(self):
        """Return that moment in ms."""
        moment = 0
        for until, level in self._above:
            if level - self._last > SETTLE_MA:
                moment = max(moment, until)
        for until, level in self._below:
            if self._last - level > SETTLE_MA:
                moment = max(moment, until)
        return moment


class Tally:
    """Counts one run of ``world``, one charger and what hangs on it."""

    def __init__(self, world):
        self.reason = ""
        self.starts = 0
        self.seconds = {}
        self._world = world
        self._at = 0
        self._settle = Settle()
        self._ev = 0
        self._closed = False
        self._closed_at = 0
        self._stops = self._operations = self._aborted = 0
        self._wait_ms = self._plugged_ms = self._plugged_mams = 0
        self._grant = self._max_grant = 0
        self._direction = self._reversals = 0

    def advance(self, now):
        """Count the situation that lasted until ``now``. Call before anything changes here."""
        elapsed = now - self._at
        if not elapsed:
            return
        self._at = now
        world = self._world
        car = world.car
        draws = world.amps()
        draw = max(draws)
        self._ev += sum(draws) * world.site.volts * elapsed
        if car.plugged:
            self._plugged_ms += elapsed
            self._plugged_mams += draw * elapsed
            if car.hungry and not world.c1:
                self._wait_ms += elapsed
        self.seconds[self.reason] = self.seconds.get(self.reason, 0) + elapsed
        self._settle.note(now, draw)

    def contactor(self, closed, asking):
        """Contactor 1 is commanded so from now on; ``asking``: the car still wants energy."""
        if closed == self._closed:
            return
        self._closed = closed
        self._operations += 1
        if closed:
            self.starts += 1
            self._closed_at = self._at
        else:
            self._stops += 1
            if asking and self._at - self._closed_at < ABORTED_MS:
                self._aborted += 1

    def grant(self, da):
        """The firmware grants ``da`` from now on."""
        step = da - self._grant
        if not step:
            return
        self._max_grant = max(self._max_grant, da)
        if self._grant and da and abs(step) >= REVERSAL_DA:
            direction = 1 if step > 0 else -1
            if self._direction == -direction:
                self._reversals += 1
            self._direction = direction
        self._grant = da

    def settled(self):
        """The last moment, in ms, its draw was more than 0.5 A from where it ended."""
        return self._settle.settled()

    def result(self):
        """The figures of this charger, as JSON-ready values."""
        evse = {
            "kwh": self._ev / UJ_PER_KWH,
            "mean_a": self._plugged_mams / self._plugged_ms / 1000 if self._plugged_ms else 0.0,
            "starts": self.starts,
            "stops": self._stops,
            "contactor_ops": self._operations,
            "reversals": self._reversals,
            "aborted_starts": self._aborted,
            "wait_s": self._wait_ms / 1000,
            "max_grant_da": self._max_grant,
        }
        contactors = self._world.contactors
        if contactors.second:
            evse["c2_closings"] = contactors.c2_closings
        wrong = {"opened_under_load": contactors.under_load,
                 "c2_under_load": contactors.c2_under_load,
                 "without_neutral": contactors.without_neutral}
        wrong = {key: wrong[key] for key in wrong if wrong[key]}
        if wrong:
            evse["violations"] = wrong
        return evse
