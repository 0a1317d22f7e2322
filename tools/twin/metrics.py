"""How well a run went, judged by the true site. Pure and exact: ints of mA and ms throughout.

Between two calls of ``change`` nothing changes, so how the run was stepped leaves no trace in the
numbers.
"""

OVER_MA = 100  # a limit counts as exceeded above this much more
SETTLE_MA = 500
ABORTED_MS = 10_000  # a charge shorter than this, with the car still asking, was no charge
REVERSAL_DA = 3
_UJ_PER_KWH = 3_600_000_000_000


class Limit:
    """Time, amount and worst case above one limit."""

    def __init__(self):
        self.over_ms = 0
        self.over_mams = 0
        self.worst_ma = 0

    def note(self, current, limit, elapsed):
        """``current`` mA flowed for ``elapsed`` ms under a limit of ``limit`` mA (0: none)."""
        if limit and current > limit + OVER_MA and elapsed:
            self.over_ms += elapsed
            self.over_mams += (current - limit) * elapsed
            self.worst_ma = max(self.worst_ma, current - limit)

    def result(self, name):
        """The three figures of this limit."""
        return {"over_%s_s" % name: self.over_ms / 1000,
                "over_%s_as" % name: self.over_mams / 1_000_000,
                "worst_over_%s_da" % name: self.worst_ma / 100}


class Metrics:
    """Integrates one run of ``world``; ``limits`` is (mains, circuit, sum) in mA, 0 for none.

    ``per_phase`` True judges import and export phase by phase instead of netted.
    """

    def __init__(self, world, per_phase):
        self.limits = (0, 0, 0)
        self.reason = ""
        self._world = world
        self._per_phase = per_phase
        self._at = 0
        self._mains = Limit()
        self._circuit = Limit()
        self._sum = Limit()
        self._import = self._export = self._ev = self._solar = self._surplus = 0
        self._reasons = {}
        self._settles = []
        # the charger
        self._closed = False
        self._closed_at = 0
        self._starts = self._stops = self._operations = self._aborted = 0
        self._wait_ms = self._plugged_ms = self._plugged_mams = 0
        self._grant = self._max_grant = 0
        self._direction = self._reversals = 0

    def advance(self, now):
        """Count the situation that lasted until ``now``. Call before anything changes."""
        elapsed = now - self._at
        if not elapsed:
            return
        self._at = now
        world = self._world
        car = world.car
        draws = [world.ev_ma(phase) for phase in range(3)]
        mains = [world.mains_ma(phase) for phase in range(3)]
        total = sum(mains)
        self._mains.note(max(mains), self.limits[0], elapsed)
        self._circuit.note(max([draws[i] + world.circuit_ma[i] for i in range(3)]),
                           self.limits[1], elapsed)
        self._sum.note(total, self.limits[2], elapsed)
        scale = world.volts * elapsed
        for flow in mains if self._per_phase else (total,):
            if flow > 0:
                self._import += flow * scale
            else:
                self._export -= flow * scale
        ev = sum(draws)
        surplus = max(0, sum(world.pv_ma) - sum(world.load_ma) - sum(world.circuit_ma))
        self._ev += ev * scale
        self._solar += min(ev, surplus) * scale
        if car.plugged:
            self._surplus += surplus * scale
            self._plugged_ms += elapsed
            self._plugged_mams += max(draws) * elapsed
        if car.hungry and not world.c1:
            self._wait_ms += elapsed
        self._reasons[self.reason] = self._reasons.get(self.reason, 0) + elapsed
        draw = max(draws)
        if not self._settles or self._settles[-1][1] != draw:
            self._settles.append([now, draw])
        else:
            self._settles[-1][0] = now

    def contactor(self, closed, asking):
        """Contactor 1 is commanded so from now on; ``asking``: the car still wants energy."""
        if closed == self._closed:
            return
        self._closed = closed
        self._operations += 1
        if closed:
            self._starts += 1
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

    def _settled_ms(self):
        """The last moment the car's draw was further than 0.5 A from where it ended."""
        if not self._settles:
            return 0
        final = self._settles[-1][1]
        for until, draw in reversed(self._settles):
            if abs(draw - final) > SETTLE_MA:
                return until
        return 0

    def result(self):
        """(metrics, evses, reasons) of the run so far, as JSON-ready values."""
        ev = self._ev / _UJ_PER_KWH
        metrics = {
            "kwh": ev,
            "kwh_import": self._import / _UJ_PER_KWH,
            "kwh_export": self._export / _UJ_PER_KWH,
            "solar_kwh": self._solar / _UJ_PER_KWH,
            "solar_share": self._solar / self._ev if self._ev else 0.0,
            "self_use": self._solar / self._surplus if self._surplus else 0.0,
            "starts": self._starts,
            "settle_s": self._settled_ms() / 1000,
        }
        metrics.update(self._mains.result("mains"))
        metrics.update(self._circuit.result("circuit"))
        metrics.update(self._sum.result("sum"))
        contactors = self._world.contactors
        evse = {
            "kwh": ev,
            "mean_a": self._plugged_mams / self._plugged_ms / 1000 if self._plugged_ms else 0.0,
            "starts": self._starts,
            "stops": self._stops,
            "contactor_ops": self._operations,
            "reversals": self._reversals,
            "aborted_starts": self._aborted,
            "wait_s": self._wait_ms / 1000,
            "max_grant_da": self._max_grant,
        }
        if contactors.second:
            evse["c2_closings"] = contactors.c2_closings
        wrong = {"opened_under_load": contactors.under_load,
                 "c2_under_load": contactors.c2_under_load,
                 "without_neutral": contactors.without_neutral}
        wrong = {key: wrong[key] for key in wrong if wrong[key]}
        if wrong:
            evse["violations"] = wrong
        for table in (metrics, evse):
            for key in table:
                if type(table[key]) is float:
                    table[key] = round(table[key], 6)
        return metrics, [evse], {key: self._reasons[key] / 1000 for key in sorted(self._reasons)}
