"""How well a run went, judged by the true site. Pure and exact: ints of mA and ms throughout.

Between two calls of ``advance`` nothing changes, so how the run was stepped leaves no trace in the
numbers.
"""

from twin.tally import UJ_PER_KWH, Tally

OVER_MA = 100  # a limit counts as exceeded above this much more
QUARTER_MS = 900_000


class Limit:
    """Time, amount and worst case above one limit; ``limit`` in mA, 0 for none."""

    def __init__(self):
        self.limit = 0
        self._over_ms = 0
        self._over_mams = 0
        self._worst_ma = 0

    def note(self, current, elapsed):
        """``current`` mA flowed for ``elapsed`` ms."""
        over = current - self.limit
        if over > OVER_MA and self.limit:
            self._over_ms += elapsed
            self._over_mams += over * elapsed
            self._worst_ma = max(self._worst_ma, over)

    def result(self, name):
        """The three figures of this limit."""
        return {"over_%s_s" % name: self._over_ms / 1000,
                "over_%s_as" % name: self._over_mams / 1_000_000,
                "worst_over_%s_da" % name: self._worst_ma / 100}


class Quarters:
    """The mains energy bought in each quarter of an hour; ``begun_ms`` of the first is over."""

    def __init__(self, begun_ms):
        self.wanted = False
        self._left_ms = QUARTER_MS - begun_ms
        self._bought = self._worst = 0

    def note(self, power, elapsed):
        """``power`` in mW, net over the phases, for ``elapsed`` ms."""
        power = max(0, power)
        while elapsed >= self._left_ms:
            self._bought += power * self._left_ms
            elapsed -= self._left_ms
            self._worst = max(self._worst, self._bought)
            self._bought = 0
            self._left_ms = QUARTER_MS
        self._bought += power * elapsed
        self._left_ms -= elapsed

    def worst_w(self):
        """The highest mean power of a quarter; one that has not ended counts with what it has."""
        return max(self._worst, self._bought) / QUARTER_MS / 1000


class Metrics:
    """Integrates one run of ``site``.

    ``per_phase`` True judges import and export phase by phase instead of netted; ``begun_ms`` of
    the first quarter of an hour are over. ``tallies`` count each charger for itself, in order.
    """

    def __init__(self, site, per_phase, begun_ms=0):
        self.tallies = [Tally(world) for world in site.worlds]
        self.quarters = Quarters(begun_ms)
        self._site = site
        self._per_phase = per_phase
        self._at = 0
        self._mains = Limit()
        self._circuit = Limit()
        self._sum = Limit()
        self._relay = Limit()
        self._relayed = False
        self._import = self._export = self._ev = self._solar = self._surplus = 0

    def limits(self, mains, circuit, total, relay):
        """The limits from now on in mA, 0 for none; ``total`` and ``relay`` sum the phases."""
        self._mains.limit = mains
        self._circuit.limit = circuit
        self._sum.limit = total
        self._relay.limit = relay
        self._relayed = self._relayed or relay > 0

    def advance(self, now):
        """Count the situation that lasted until ``now``. Call before anything changes."""
        elapsed = now - self._at
        if not elapsed:
            return
        self._at = now
        site = self._site
        cars = [0, 0, 0]
        plugged = False
        for world in site.worlds:
            amps = world.amps()
            for phase in range(3):
                cars[phase] += amps[phase]
            plugged = plugged or world.car.plugged
        circuit = [cars[i] + site.circuit_load_ma[i] for i in range(3)]
        mains = [circuit[i] + site.load_ma[i] + site.battery_ma[i] - site.pv_ma[i]
                 for i in range(3)]
        total = sum(mains)
        ev = sum(cars)
        self._mains.note(max(mains), elapsed)
        self._circuit.note(max(circuit), elapsed)
        self._sum.note(total, elapsed)
        self._relay.note(ev, elapsed)
        self.quarters.note(total * site.volts, elapsed)
        scale = site.volts * elapsed
        for flow in mains if self._per_phase else (total,):
            if flow > 0:
                self._import += flow * scale
            else:
                self._export -= flow * scale
        surplus = max(0, sum(site.pv_ma) - sum(site.load_ma) - sum(site.circuit_load_ma))
        self._ev += ev * scale
        self._solar += min(ev, surplus) * scale
        if plugged:
            self._surplus += surplus * scale

    def advance_all(self, now):
        """Count everything until ``now``."""
        self.advance(now)
        for tally in self.tallies:
            tally.advance(now)

    def result(self):
        """(metrics, evses, reasons) of the run so far, as JSON-ready values."""
        metrics = {
            "kwh": self._ev / UJ_PER_KWH,
            "kwh_import": self._import / UJ_PER_KWH,
            "kwh_export": self._export / UJ_PER_KWH,
            "solar_kwh": self._solar / UJ_PER_KWH,
            "solar_share": self._solar / self._ev if self._ev else 0.0,
            "self_use": self._solar / self._surplus if self._surplus else 0.0,
            "starts": sum([tally.starts for tally in self.tallies]),
            "settle_s": max([tally.settled() for tally in self.tallies]) / 1000,
        }
        metrics.update(self._mains.result("mains"))
        metrics.update(self._circuit.result("circuit"))
        metrics.update(self._sum.result("sum"))
        if self._relayed:
            metrics.update(self._relay.result("relay"))
        if self.quarters.wanted:
            metrics["worst_quarter_w"] = self.quarters.worst_w()
        evses = [tally.result() for tally in self.tallies]
        reasons = {}
        for tally, evse in zip(self.tallies, evses):
            for name in tally.seconds:
                reasons[name] = reasons.get(name, 0) + tally.seconds[name]
            if len(evses) > 1:
                evse["reasons"] = _sorted(tally.seconds)
        for table in [metrics] + evses:
            for key in table:
                if type(table[key]) is float:
                    table[key] = round(table[key], 6)
        return metrics, evses, _sorted(reasons)


def _sorted(milliseconds):
    return {key: milliseconds[key] / 1000 for key in sorted(milliseconds)}
