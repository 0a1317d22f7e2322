"""What a scenario's run is judged by: the true currents of the site, from its trace.

Nothing here asks the firmware. Times are s of the scenario, currents dA per phase, a sum dA over
the phases. A limit counts as exceeded from 0.1 A above it.
"""

from bisect import bisect_left, bisect_right

PHASES = (0, 1, 2)
OVER_DA = 1
REVERSAL_DA = 3
LINK_S = 0.5  # a changed grant is told as soon as the line is free: a poll, then the broadcast
STOP_S = 4.0  # a car told to stop: 1 s of its own, 1.5 s down, the node's control cycles
LATENCY_S = 0.2


def reaction_s(period, dead, over_da, ramp_da_s, latency=LATENCY_S, link=0.0):
    """T: seconds in which an overload of ``over_da`` has to be gone.

    Meter period + latency (with ``link``, that of the node's bus) + the car's dead time +
    overload / ramp + 1 s.
    """
    return period + latency + link + dead + over_da / ramp_da_s + 1.0


class Figure:
    """One judged number: it passes up to ``limit``, with ``least`` from ``limit`` on."""

    def __init__(self, name, unit, value, limit, setup, least=False):
        self.name = name
        self.unit = unit
        self.value = value
        self.limit = limit
        self.setup = setup
        self.least = least

    @property
    def excess(self):
        """How far the value lies beyond its limit; negative when it passes."""
        if self.limit is None:
            return -self.value if self.least else self.value
        return self.limit - self.value if self.least else self.value - self.limit

    @property
    def passed(self):
        """True when the limit is kept, and for a figure without one."""
        return self.limit is None or self.excess <= 1e-6


class Job:
    """One scenario of a group, and the function of a Run that gives its figures."""

    def __init__(self, scenario, judge):
        self.scenario = scenario
        self.judge = judge


class Run:
    """A scenario and its result with a trace: what flowed when."""

    def __init__(self, scenario, result):
        self.scenario = scenario
        self.result = result
        self.metrics = result["metrics"]
        self.evses = result["evses"]
        self.count = len(self.evses)
        self.end = scenario["duration_s"]
        self._at = {name: n for n, name in enumerate(result["trace_columns"])}
        self._rows = result["trace"]
        self._times = [row[0] for row in self._rows]
        circuit = scenario["site"]["circuit_load_da"]
        self._circuit_times = [row[0] for row in circuit]
        self._circuit_rows = circuit
        # Of each EVSE the columns of its draws, in the order of the site's L1, L2, L3.
        self._draws = [[self._at["ev_%d_l%d_ma" % (i, own + 1) if i else "ev_l%d_ma" % (own + 1)]
                        for own in self.by_site(i)] for i in range(self.count)]
        self._mains = [self._at["mains_l%d_ma" % (phase + 1)] for phase in PHASES]

    def by_site(self, i):
        """Which own phase 0..2 of EVSE ``i`` hangs on the site's L1, L2, L3."""
        evse = self.scenario["evses"][i]
        wiring = (evse.get("wiring") or evse["settings"].get("phase_rotation")
                  or self.scenario["settings"].get("phase_rotation") or "L1L2L3")
        own = [0] * 3
        for number, phase in enumerate(wiring.replace("L", "")):
            own[int(phase) - 1] = number
        return own

    def column(self, name, i=0):
        """Place of the column ``name`` of EVSE ``i`` in a row of the trace."""
        if i and name.endswith("_da"):
            return self._at["%s_%d_da" % (name[:-3], i)]
        return self._at["%s_%d" % (name, i) if i else name]

    # ---- what flows in a row of the trace, in dA ----

    def mains(self, phase):
        """The grid connection's current on ``phase`` 0..2."""
        at = self._mains[phase]
        return lambda row: row[at] / 100

    def mains_sum(self, row):
        """The grid connection's current over the phases."""
        return sum(row[at] for at in self._mains) / 100

    def draw(self, i, phase=None):
        """The current of EVSE ``i`` on ``phase``, or on its strongest one."""
        if phase is not None:
            at = self._draws[i][phase]
            return lambda row: row[at] / 100
        places = self._draws[i]
        return lambda row: max(row[at] for at in places) / 100

    def draws(self, phase):
        """The current of all EVSEs on ``phase``."""
        places = [self._draws[i][phase] for i in range(self.count)]
        return lambda row: sum(row[at] for at in places) / 100

    def used(self, row):
        """The sum over the EVSEs of what each draws on its strongest phase."""
        return sum(max(row[at] for at in places) for places in self._draws) / 100

    def power_kw(self, row):
        """What all EVSEs take."""
        flow = sum(row[at] for places in self._draws for at in places)
        return flow * self.scenario["site"]["voltage"] / 1e6

    def circuit(self, phase):
        """The circuit's current on ``phase``: the EVSEs and what else it feeds."""
        draws = self.draws(phase)

        def flow(row):
            number = max(0, bisect_right(self._circuit_times, row[0]) - 1)
            return draws(row) + self._circuit_rows[number][phase + 1]
        return flow

    # ---- along the time ----

    def spans(self, begin=0.0, end=None):
        """Yield (from, until, row) for what the trace holds between ``begin`` and ``end``."""
        end = self.end if end is None else end
        number = max(0, bisect_right(self._times, begin) - 1)
        while number < len(self._rows) and self._times[number] < end:
            until = self._times[number + 1] if number + 1 < len(self._rows) else self.end
            until = min(until, end)
            start = max(begin, self._times[number])
            if until > start:
                yield start, until, self._rows[number]
            number += 1

    def over_s(self, flow, limit, begin=0.0, end=None):
        """Seconds in which ``flow(row)`` is above ``limit`` dA."""
        return sum(until - start for start, until, row in self.spans(begin, end)
                   if flow(row) > limit + OVER_DA)

    def over_mains_s(self, limit, begin=0.0, end=None):
        """Seconds in which any phase of the mains is above ``limit`` dA."""
        flows = [self.mains(phase) for phase in PHASES]
        return self.over_s(lambda row: max(flow(row) for flow in flows), limit, begin, end)

    def over_circuit_s(self, limit, begin=0.0, end=None):
        """Seconds in which any phase of the circuit is above ``limit`` dA."""
        flows = [self.circuit(phase) for phase in PHASES]
        return self.over_s(lambda row: max(flow(row) for flow in flows), limit, begin, end)

    def peak(self, flow, begin=0.0, end=None):
        """The highest value."""
        return max((flow(row) for _, _, row in self.spans(begin, end)), default=0)

    def least(self, flow, begin=0.0, end=None):
        """The lowest value."""
        return min((flow(row) for _, _, row in self.spans(begin, end)), default=0)

    def mean(self, flow, begin=0.0, end=None):
        """The mean over the time."""
        end = self.end if end is None else end
        return sum(flow(row) * (until - start)
                   for start, until, row in self.spans(begin, end)) / (end - begin)

    def settled_s(self, flow, low, high, begin, end=None):
        """Seconds from ``begin`` until ``flow`` stays within low..high; to the end if never."""
        last = begin
        for _, until, row in self.spans(begin, end):
            if not low <= flow(row) <= high:
                last = until
        return last - begin

    def changes(self, name, i=0):
        """[(time, before, after)] of a column of EVSE ``i``."""
        at = self.column(name, i)
        return [(row[0], before[at], row[at]) for before, row in zip(self._rows, self._rows[1:])
                if row[at] != before[at]]

    def grants(self, i=0, least_da=REVERSAL_DA):
        """Times at which the grant of EVSE ``i`` turned round, by steps of ``least_da`` or more.

        Starts and stops are no turns; they are counted as such.
        """
        turns = []
        direction = 0
        for moment, before, after in self.changes("grant_da", i):
            step = after - before
            if not before or not after or abs(step) < least_da:
                continue
            now = 1 if step > 0 else -1
            if now == -direction:
                turns.append(moment)
            direction = now
        return turns

    def swings(self, flow, least_da, begin=0.0, end=None):
        """How often ``flow`` turned round after it had moved by ``least_da`` or more."""
        turns = direction = 0
        edge = None
        for _, _, row in self.spans(begin, end):
            value = flow(row)
            edge = value if edge is None else edge
            if (value - edge) * direction > 0:
                edge = value
            elif abs(value - edge) >= least_da:
                turns += direction != 0
                direction = 1 if value > edge else -1
                edge = value
        return turns

    def stops(self, i=None, begin=0.0, end=None):
        """How often contactor 1 of EVSE ``i``, or of any, opened."""
        end = self.end if end is None else end
        return sum(1 for n in (range(self.count) if i is None else (i,))
                   for moment, _, closed in self.changes("c1", n)
                   if not closed and begin <= moment < end)

    def told(self, name):
        """[(time, a, b)] of the journal's entries called ``name``."""
        return [(row[0], row[2], row[3]) for row in self.result["journal"] if row[1] == name]


def most_within(moments, window_s, begin):
    """The most of ``moments`` from ``begin`` on that fall within any ``window_s``."""
    moments = [moment for moment in moments if moment >= begin]
    return max((bisect_left(moments, moment + window_s) - n for n, moment in enumerate(moments)),
               default=0)


# ---- building scenarios ----

def car(phases=(1, 2, 3), max_da=160, dead=2.0, ramp=50, plugged=None, **more):
    """A car's part of a scenario; plugged from 5 s to the end unless told otherwise."""
    return {"phases": list(phases), "max_da": max_da, "dead_s": dead, "ramp_da_s": ramp,
            "plugged": plugged or [[5, 1000000]], **more}


def meter(period, offset=0.0, **more):
    """A meter that measures each ``period`` s, for the first time at ``offset`` of a period."""
    return {"period_s": period, "latency_s": LATENCY_S, "start_s": round(offset * period, 3),
            **more}


def site(load, pv=None, **more):
    """A site's part of a scenario; ``load`` and ``pv`` are rows, or one triple for all time."""
    rows = {"load_da": load, "pv_da": pv or [0, 0, 0], **more}
    for key in ("load_da", "pv_da", "battery_da", "circuit_load_da"):
        if key in rows and not isinstance(rows[key][0], list):
            rows[key] = [[0, *rows[key]]]
    return rows


def document(duration_s, settings, cars, place, mains, **more):
    """A scenario with a trace. ``cars`` holds each EVSE's car, or (car, its settings)."""
    evses = [{"car": one} if isinstance(one, dict) else {"car": one[0], "settings": one[1]}
             for one in cars]
    return {"duration_s": duration_s, "trace": True, "settings": settings, "evses": evses,
            "site": place, "mains_meter": mains, **more}
