"""What the true currents of the site did against their limits: the judge of a run in real time."""

TOLERANCE_MA = 100  # a limit counts as exceeded above this


class Limit:
    """One limit of ``limit_ma``, None for none: how far and how long it was exceeded.

    ``worst_ma`` is the most by which the worst phase was above the limit, negative while it never
    was. ``longest_s`` is the longest time it was above without a break, ``over_s`` all of it.
    """

    def __init__(self, limit_ma):
        self.limit_ma = limit_ma
        self.worst_ma = None
        self.over_s = self.longest_s = self.at_s = 0.0
        self._stretch_s = 0.0

    def sample(self, currents_ma, seconds, at_s):
        """The phases carry ``currents_ma``, and have for ``seconds``; ``at_s`` is now."""
        if self.limit_ma is None:
            return
        excess = max(currents_ma) - self.limit_ma
        if self.worst_ma is None or excess > self.worst_ma:
            self.worst_ma = excess
            self.at_s = at_s
        if excess > TOLERANCE_MA:
            self.over_s += seconds
            self._stretch_s += seconds
            self.longest_s = max(self.longest_s, self._stretch_s)
        else:
            self._stretch_s = 0.0

    def state(self):
        """What the world page shows of it, None without a limit."""
        if self.limit_ma is None:
            return None
        return {"limit_a": self.limit_ma / 1000,
                "worst_a": None if self.worst_ma is None else self.worst_ma / 1000,
                "worst_at_s": round(self.at_s, 1), "over_s": round(self.over_s, 1),
                "longest_s": round(self.longest_s, 1)}


class Record:
    """Mains, circuit, and what the pilots of ``plugs`` offer together, since ``begin``.

    ``offers`` are held against the limit of the circuit: a car may take at any moment what a
    closed contactor offers it.
    """

    def __init__(self, site, plugs):
        self._site = site
        self._plugs = plugs
        self.begin(None, None)

    def begin(self, mains_ma, circuit_ma):
        """Start anew with these limits, None for none."""
        self.seconds = 0.0
        self.samples = 0
        self.mains = Limit(mains_ma)
        self.circuit = Limit(circuit_ma)
        self.offers = Limit(circuit_ma)

    def sample(self, elapsed):
        """Look at the site, ``elapsed`` seconds after the look before."""
        site = self._site
        self.seconds += elapsed
        self.samples += 1
        phases = range(3)
        offered = list(site.circuit_load_ma)
        for plug in self._plugs:
            for phase, current in enumerate(plug.offered_ma()):
                offered[phase] += current
        for limit, currents in ((self.mains, [site.mains_ma(phase) for phase in phases]),
                                (self.circuit, [site.circuit_ma(phase) for phase in phases]),
                                (self.offers, offered)):
            limit.sample(currents, elapsed, self.seconds)

    def state(self):
        """What the world page shows of it."""
        return {"seconds": round(self.seconds, 1), "samples": self.samples,
                "mains": self.mains.state(), "circuit": self.circuit.state(),
                "offers": self.offers.state()}
