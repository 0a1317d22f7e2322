"""What is known about the site of a run at each moment; ``power_rules`` judges by it.

Currents are dA, times s.
"""

from bisect import bisect_right

from bench_power_judge import LINK_S, PHASES, STOP_S, Run, reaction_s
from twin.car import offer_ma

METER_LIFE_S, CIRCUIT_LIFE_S, TOLD_LIFE_S = 11, 20, 11
NEVER_S = 1e9


class Timeline:
    """A value that changes at times; rows are (time, value), the first at 0."""

    def __init__(self, rows):
        self._times = [row[0] for row in rows]
        self._values = [row[1] for row in rows]

    def at(self, moment):
        """The value in force at ``moment``."""
        return self._values[max(0, bisect_right(self._times, moment) - 1)]

    def rises(self):
        """Times at which it becomes more."""
        return [self._times[n] for n in range(1, len(self._times))
                if self._values[n] > self._values[n - 1]]

    def falls(self):
        """Times at which it becomes less."""
        return [self._times[n] for n in range(1, len(self._times))
                if self._values[n] < self._values[n - 1]]

    def most(self, begin, end):
        """The highest value in force from ``begin`` to ``end``."""
        return max([self.at(begin)] + [value for moment, value in zip(self._times, self._values)
                                       if begin < moment <= end])


class Facts:
    """A run and what is known about its site at each moment."""

    def __init__(self, scenario, result):
        self.scenario = scenario
        self.run = run = Run(scenario, result)
        self.count = run.count
        self.cars = [evse["car"] for evse in scenario["evses"]]
        self.own = [dict(scenario["settings"], **evse["settings"]) for evse in scenario["evses"]]
        self.settings = self.own[0]
        self.events = scenario["events"]
        self.end = scenario["duration_s"]
        self.mains_da = self._setting("mains", 25)
        self.circuit_da = self._setting("circuit", 160)
        self.max_da = [self._setting("max", 13, i) for i in range(self.count)]
        self.min_da = 10 * self.settings.get("min", 6)
        self.meter = scenario["mains_meter"]
        self.noise = self.meter["noise_da"]
        self.sub_panel = self.settings.get("ev_meter_role") == "Sub-panel"
        self.circuit_meter = scenario["circuit_meter"] or (
            scenario["ev_meter"] if self.sub_panel else None)
        self.shared = self.count > 1
        self.outside = [self._outside(phase) for phase in PHASES]
        self.beside = [Timeline([(row[0], row[phase + 1])
                                 for row in scenario["site"]["circuit_load_da"]])
                       for phase in PHASES]
        self.offers = [run.column("duty", i) for i in range(self.count)]
        self.grants = [run.column("grant_da", i) for i in range(self.count)]
        self.closed = [run.column("c1", i) for i in range(self.count)]

    def _setting(self, key, default, number=0):
        rows = [(0, 10 * self.own[number].get(key, default))]
        rows += [(event[0], 10 * event[3]) for event in self.events
                 if event[1] == "set" and event[2] == key
                 and (event[4] if len(event) > 4 else 0) == number]
        return Timeline(rows)

    def _outside(self, phase):
        """What the site takes on ``phase`` without the EVSEs."""
        site = self.scenario["site"]
        series = [(Timeline([(row[0], row[phase + 1]) for row in site[key]]), sign, site[key])
                  for key, sign in (("load_da", 1), ("circuit_load_da", 1), ("battery_da", 1),
                                    ("pv_da", -1))]
        times = sorted({row[0] for _, _, rows in series for row in rows} | {0})
        return Timeline([(moment, sum(sign * line.at(moment) for line, sign, _ in series))
                         for moment in times])

    def mode(self, i):
        """Normal, Smart or Solar."""
        return self.own[i].get("mode", "Normal")

    def switched(self, kind, word="off"):
        """Times of the events ``kind`` with this word."""
        return [event[0] for event in self.events if event[1] == kind and event[-1] == word]

    def bus_cuts(self):
        """Times at which nodes stop hearing for lack of power or wire."""
        return self.switched("link") + [event[0] for event in self.events if event[1] == "kill"]

    def offer(self, row, i):
        """The current EVSE ``i`` offers its car."""
        return offer_ma(row[self.offers[i]]) / 100

    def blind(self):
        """Times until which nobody could know, or be told."""
        moments = []
        for begin in self.switched("meter"):
            moments += [begin, begin + METER_LIFE_S]
        for kind in ("circuit_meter", "ev_meter"):
            for begin in self.switched(kind):
                moments += [begin, begin + CIRCUIT_LIFE_S]
        for begin in self.bus_cuts():
            moments += [begin, begin + TOLD_LIFE_S]
        moments += self.switched("link", "on") + self.switched("meter", "on")
        return moments

    def silent(self, meter):
        """Times without ``meter`` in which an EVSE in Normal charges with MIN all the same."""
        if all(self.mode(i) != "Normal" for i in range(self.count)):
            return []
        kinds = ("meter",) if meter is self.meter else ("circuit_meter", "ev_meter")
        offs = [moment for kind in kinds for moment in self.switched(kind)]
        ons = [moment for kind in kinds for moment in self.switched(kind, "on")]
        late = 2 * meter["period_s"] + meter["latency_s"]
        spans = [(0, meter["start_s"] + late)]
        for off in offs:
            spans.append((off, min([on for on in ons if on > off], default=NEVER_S) + late))
        return spans

    def reaction(self, over, meter, stops):
        """T for this site; ``stops``: somebody has to stop, which takes two more
        samples that find him at MIN."""
        dead = max(car["dead_s"] for car in self.cars)
        ramp = min(car["ramp_da_s"] for car in self.cars)
        seconds = reaction_s(meter["period_s"], dead, over, ramp, meter["latency_s"],
                             LINK_S if self.shared else 0)
        return seconds + (2 * meter["period_s"] + STOP_S if stops else 0)
