"""The closed loop: the shipped decisions against the world, on simulated time, in one process.

Runs on MicroPython with the .mpy tree and ``tools`` on the path; ``tools/scenario.py`` starts it.
It jumps to the earliest moment anything can happen: a charger is due, a meter speaks, the line to
the nodes is free again, the site's next row comes, a car changes. While a pilot moves, its charger
goes on in steps of 10 ms.
"""

import json

from evse import ticks
from evse.settings import Refused
from twin import enclosure, script
from twin.link import CYCLE_MS as LINK_CYCLE_MS
from twin.link import Link
from twin.meters import Meters
from twin.metrics import QUARTER_MS, Metrics
from twin.script import Script, Stopped, ms
from twin.site import Site
from twin.station import CYCLE_MS, NAMES, Station
from twin.trace import Trace

_ROWS = (("load_da", "load_ma"), ("pv_da", "pv_ma"), ("battery_da", "battery_ma"),
         ("circuit_load_da", "circuit_load_ma"))
_CIRCUIT_A = 160  # unless set


def up(moment):
    """The first control cycle at or after ``moment``."""
    return -(-moment // CYCLE_MS) * CYCLE_MS


class Loop:
    """One scenario, validated and with all defaults filled in. ``jump`` False steps 10 ms.

    ``folder`` is where the chargers keep their cards; without one there are none.
    """

    station = Station  # what stands for a charger

    def __init__(self, scenario, jump=True, folder=None):
        self.now = 0
        self._jump = jump
        self._end = ms(scenario["duration_s"])
        seed = scenario["seed"]
        # Every seed begins at another tick, some of them just before the ticks wrap.
        base = ticks.MASK - (seed * 7_919_003) % 3_600_000
        self.site = site = Site(scenario["site"]["voltage"])
        self.stations = [self.station(scenario, number, site, base, folder)
                         for number in range(len(scenario["evses"]))]
        self.master = master = self.stations[0]
        self.meters = Meters(scenario, site, lambda: master.settings)
        self._link = None
        if len(self.stations) > 1:
            self._link = Link(self.stations, seed * 370 % LINK_CYCLE_MS)
        self.script = Script(scenario, self.stations, self.meters.by_name, self._link)
        for kind in self.meters.kinds:
            script.command(master, "set", (kind, "API"), "settings")
        for station in self.stations:
            self._configure(station, scenario)
            station.fit()
        begun = (scenario["clock"] or 0) * 1000 % QUARTER_MS
        self.metrics = Metrics(site, scenario["per_phase"], begun)
        for station, tally in zip(self.stations, self.metrics.tallies):
            station.metrics = self.metrics
            station.tally = tally
        self._trace = Trace(self.stations, site) if scenario["trace"] else None
        self._series = [[attribute, scenario["site"][key], 0] for key, attribute in _ROWS]
        self._row_due = 0
        self._judged = None

    def _configure(self, station, scenario):
        wanted = {"config": "Fixed", "circuit": _CIRCUIT_A}
        if len(self.stations) > 1:
            wanted["pwr_share"] = "Node %d" % station.number if station.number else "Master"
        wanted.update(scenario["settings"])
        wanted.update(scenario["evses"][station.number]["settings"])
        mode = wanted.pop("mode", None)
        try:
            station.configure(wanted)
        except Refused as problem:
            raise Stopped("settings.%s: %s" % (problem.field, problem.reason)) from problem
        if mode:
            script.command(station, "mode", mode, "settings.mode")
        elif not station.settings.states["access"]:
            script.command(station, "mode", station.settings.get("mode"), "settings")

    def _set_site(self):
        soonest = None
        for series in self._series:
            attribute, rows, index = series
            while index < len(rows) and ms(rows[index][0]) <= self.now:
                setattr(self.site, attribute, [amps * 100 for amps in rows[index][1:]])
                index += 1
            series[2] = index
            if index < len(rows):
                moment = ms(rows[index][0])
                if soonest is None or moment < soonest:
                    soonest = moment
        self._row_due = soonest

    # ---- the loop ----

    def run(self):
        """Run to the end; returns the result as a JSON-ready value."""
        self._land()
        while self.now < self._end:
            self._world_to(min(self._target(), self._end))
            self._land()
        self.metrics.advance_all(self._end)
        metrics, evses, why = self.metrics.result()
        result = {"metrics": metrics, "evses": evses, "reasons": why}
        if self._trace:
            result["trace_columns"] = self._trace.columns
            result["trace"] = self._trace.rows
        for station, evse in zip(self.stations, evses):
            # The first charger's stand where a single one's are.
            self._tell(station, evse if station.number else result)
        return result

    @staticmethod
    def _tell(station, place):
        if station.journal_rows is not None:
            place["journal"] = station.journal_rows
        if station.session_rows is not None:
            if station.core and station.core.session.active:
                station.session_rows.append(enclosure.session_row(station.core.session, NAMES))
            place["sessions"] = station.session_rows

    def _target(self):
        soonest = self.now + CYCLE_MS
        if not self._jump:
            return soonest
        target = self._end
        for station in self.stations:
            if station.core and station.due < target:
                target = station.due
        for moment in (self.meters.due, self.script.due, self._row_due,
                       self._link and self._link.due):
            if moment is not None and moment < target:
                target = moment
        return max(up(target), soonest)

    def _world_to(self, target):
        """Let the world reach ``target``, every change of it counted for the time it lasted.

        It stops earlier, at a cycle's beginning, when a charger or the trace has to see a change.
        """
        site = self.site
        soonest = self.now + CYCLE_MS
        while True:
            change, world = site.next_change()
            if change is None or change > target:
                break
            station = self.stations[world.number]
            self.metrics.advance(change)
            station.tally.advance(change)
            world.advance(change)
            if self._trace or world.pilot_mv() != station.pilot_mv:
                target = min(target, max(up(change), soonest))
                station.due = min(station.due, target)
        self.now = target

    def _land(self):
        """One control cycle at ``now``, for those who have anything to do in it."""
        now = self.now
        if self._row_due is not None and self._row_due <= now:
            self.metrics.advance(now)
            self._set_site()
        if self.script.due is not None and self.script.due <= now:
            self.script.act(now)
        if self._link:
            self._link.end(now)
        self._measure(now)
        for station in self.stations:
            if station.due <= now or not self._jump:
                station.land(now)
        if self._link:
            self._link.begin(now)
        self._judge(now)

    def _measure(self, now):
        """Let the meters measure, and hand over what arrives."""
        due = self.meters.due
        if due is None or due > now:
            return
        self.master.world.advance(now)  # its energy is read
        for name, value in self.meters.arrived(now):
            if self.master.wake(now):
                self.master.core.command(name, value, "REST")

    def _judge(self, now):
        """Hand the limits and grants in force to those who judge the run."""
        core = self.master.core
        grants = core.regulator.grant_da if core else ()
        for station in self.stations:
            station.tally.grant(grants[station.number] if station.number < len(grants) else 0)
        if core:
            inputs = (core.configured, self.master.relay)
            if inputs != self._judged:
                self._judged = inputs
                self.metrics.advance(now)
                self.metrics.limits(*self._limits())
        if self._trace:
            self._trace.note(now, core and core.regulator)

    def _limits(self):
        settings = self.master.settings
        cap = settings.get("cap_mode")
        if cap != "Disabled":
            self.metrics.quarters.wanted = True
        guarded = (settings.get("pwr_share") == "Master" or settings.get("circt_met") != "Disabled"
                   or (settings.get("ev_meter") != "Disabled"
                       and settings.get("ev_meter_role") == "Sub-panel"))
        summed = cap == "Fixed" and settings.get("mode") != "Normal"
        relay_ma = settings.get("relay_w") * 1000 // self.site.volts
        return (settings.get("mains") * 1000, settings.get("circuit") * 1000 if guarded else 0,
                settings.get("capacity") * 1000 if summed else 0,
                relay_ma if self.master.relay else 0)


def main(source, destination, stepping="jump"):
    """Run the normalised scenario in the file ``source``; write the result to ``destination``."""
    with open(source) as file:
        scenario = json.load(file)
    try:
        loop = Loop(scenario, stepping == "jump", destination.rsplit("/", 1)[0])
        result = loop.run()
    except Stopped as problem:
        result = {"error": str(problem)}
    with open(destination, "w") as file:
        json.dump(result, file)
