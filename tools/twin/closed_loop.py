"""The closed loop: the shipped decisions against the world, on simulated time, in one process.

Runs on MicroPython with the .mpy tree and ``tools`` on the path; ``tools/scenario.py`` starts it.
It jumps to the earliest moment anything can happen: the state machine or the regulator is due,
a meter speaks, the site's next row comes, the car changes. While the pilot moves it goes on in
steps of 10 ms.
"""

import json
from array import array

from evse import reasons, ticks
from evse.core import Core
from evse.front import Front
from evse.journal import Journal
from evse.settings import Refused, Settings
from twin import enclosure, lock
from twin.car import Car
from twin.metrics import Metrics
from twin.sampler import Noise, Sampler
from twin.script import Script, Stopped, ms
from twin.world import World

try:
    from evse.power import allocate_native as allocate
except (ImportError, ValueError):  # a host whose processor has no native emitter
    from evse.power import allocate

CYCLE_MS = 10
QUIET_MS = 60  # a pilot unchanged for so long has settled
FRONT_MS = 20  # and at its front, where there is anything
SECOND_MS = 500  # how often the firmware looks at its slow inputs
_FULL = 65536
_PIN_ZERO_MV = 1723  # the ADC pin at 0 V of the pilot, and its mV for each V
_PIN_UV_PER_MV = 130
_PIN_MAX_MV = 3150
_BURST = 8
_SITE = (("load_da", "load_ma"), ("pv_da", "pv_ma"), ("battery_da", "battery_ma"),
         ("circuit_load_da", "circuit_ma"))
_LOCKS = {"Disabled": lock.NONE, "Solenoid": lock.SOLENOID, "Motor": lock.MOTOR}
_SETTINGS = {"meter": "mains_met", "ev_meter": "ev_meter"}
_READINGS = {"meter": "mains", "ev_meter": "ev"}
TRACE_COLUMNS = ["t_s", "state", "reason", "grant_da", "limit", "duty", "c1",
                 "ev_l1_ma", "ev_l2_ma", "ev_l3_ma", "mains_l1_ma", "mains_l2_ma", "mains_l3_ma",
                 "connect", "pilot_mv"]


def up(moment):
    """The first control cycle at or after ``moment``."""
    return -(-moment // CYCLE_MS) * CYCLE_MS


def reason_names():
    """Code to name, as evse.reasons declares them."""
    names = {}
    for name in dir(reasons):
        code = getattr(reasons, name)
        if type(code) is int and name[0] != "_":
            names[code] = name.lower()
    return names


def pin_mv(pilot_mv):
    """Millivolts at the ADC pin for the pilot's; the converter's range ends before 12 V."""
    return min(_PIN_ZERO_MV + pilot_mv * _PIN_UV_PER_MV // 1000, _PIN_MAX_MV)


class Loop:
    """One scenario, validated and with all defaults filled in. ``jump`` False steps 10 ms.

    ``folder`` is where the charger keeps its cards; without one there are none.
    """

    def __init__(self, scenario, jump=True, folder=None):
        self.now = 0
        self._jump = jump
        self._end = ms(scenario["duration_s"])
        # Every seed begins at another tick, some of them just before the ticks wrap.
        self._base = ticks.MASK - (scenario["seed"] * 7_919_003) % 3_600_000
        evse = scenario["evses"][0]
        parameters = dict(evse["car"])
        parameters.pop("plugged")
        self.world = World(Car(**parameters), scenario["site"]["voltage"])
        self.world.floating_mv = evse["floating_mv"]
        self.journal = Journal()
        self.settings = Settings(self.journal.record)
        self.core = Core(self.settings, self.journal, allocate, self._tick(0))
        self._clock = scenario["clock"]
        if folder:
            self.core.cards = enclosure.cards(folder, scenario["cards"])
        self._meters = []
        for number, (key, kind) in enumerate((("mains_meter", "meter"), ("ev_meter", "ev_meter"))):
            if scenario[key]:
                self._add_meter(kind, scenario[key], scenario["seed"] + number)
        self.script = Script(scenario, self.core, self.world, dict(self._meters))
        for kind, _ in self._meters:
            self.script.command("set", (_SETTINGS[kind], "API"), "settings")
        self._configure(scenario["settings"], evse["settings"])
        self._fit(evse)
        self._front = None
        if enclosure.in_use(self.settings, scenario["events"]):
            self._front = Front(enclosure.Enclosure(self.world), self.core)
        self.metrics = Metrics(self.world, scenario["per_phase"])
        self._trace = [] if scenario["trace"] else None
        self._told = [] if scenario["journal"] else None
        self._told_of = 0
        self._sessions = [] if scenario["sessions"] else None
        self._names = reason_names()
        self._site = [[attribute, scenario["site"][key], 0] for key, attribute in _SITE]
        self._burst = array("i", (0,) * 6)
        self._row_due = 0
        self._seen = None
        self._changed = 0
        self._step_due = 0
        self._second = 0
        self._draw = -1
        self._shown = None
        self.landings = 0
        self._previous = 0

    def _tick(self, moment):
        return ticks.add(self._base, moment)

    def _add_meter(self, kind, meter, seed):
        again = meter["redeliver_s"]
        self._meters.append((kind, Sampler(
            ms(meter["period_s"]), ms(meter["latency_s"]), ms(meter["start_s"]),
            ms(again) if again else None, Noise(seed, meter["noise_da"]))))

    def _configure(self, common, own):
        wanted = {"config": "Fixed"}
        wanted.update(common)
        wanted.update(own)
        mode = wanted.pop("mode", None)
        left = sorted(wanted)
        # Two settings may bound each other (min and max): what is refused gets a second chance.
        for attempt in range(2):
            refused = []
            for key in left:
                try:
                    self.core.command("set", (key, wanted[key]), "installer")
                except Refused as problem:
                    if attempt:
                        raise Stopped("settings.%s: %s" % (key, problem.reason)) from problem
                    refused.append(key)
            left = refused
        if mode:
            self.script.command("mode", mode, "settings.mode")
        elif not self.settings.states["access"]:
            self.script.command("mode", self.settings.get("mode"), "settings")

    def _fit(self, evse):
        """Fit the second contactor and the lock the settings speak of."""
        second = evse["second_contactor"]
        if second is None:
            second = self.settings.get("contact_2") != "Not present"
        self.world.contactors.second = second
        self.world.lock.kind = _LOCKS[self.settings.get("lock")]
        self._columns = TRACE_COLUMNS + ["c2"] if second else TRACE_COLUMNS

    def _site_due(self):
        """Moment of the site's next row, or None after the last one."""
        soonest = None
        for _, rows, index in self._site:
            if index < len(rows):
                moment = ms(rows[index][0])
                if soonest is None or moment < soonest:
                    soonest = moment
        return soonest

    def _set_site(self):
        for series in self._site:
            attribute, rows, index = series
            while index < len(rows) and ms(rows[index][0]) <= self.now:
                setattr(self.world, attribute, [amps * 100 for amps in rows[index][1:]])
                index += 1
            series[2] = index
        self._row_due = self._site_due()

    # ---- the loop ----

    def run(self):
        """Run to the end; returns the result as a JSON-ready value."""
        self._land()
        while self.now < self._end:
            target = min(self._target(), self._end)
            self._world_to(target)
            self._land()
        self.metrics.advance(self._end)
        metrics, evses, why = self.metrics.result()
        result = {"metrics": metrics, "evses": evses, "reasons": why}
        if self._trace is not None:
            result["trace_columns"] = self._columns
            result["trace"] = self._trace
        if self._told is not None:
            result["journal"] = self._told
        if self._sessions is not None:
            if self.core.session.active:
                self._sessions.append(enclosure.session_row(self.core.session, self._names))
            result["sessions"] = self._sessions
        return result

    def _quiet(self):
        pilot = self.core.pilot
        return (self.now - self._changed >= QUIET_MS and pilot.raw == pilot.level
                and not pilot.invalid_ms and not self.core.guard.tripped)

    def _target(self):
        soonest = self.now + CYCLE_MS
        if not self._jump or not self._quiet():
            return soonest
        target = min(self._step_due, self._hard_due())
        return max(up(target), soonest)

    def _hard_due(self):
        """The next moment that needs more than the state machine."""
        core = self.core
        target = min(self.now + max(0, ticks.diff(core.regulate_due, self._tick(self.now))),
                     self._second)
        change = self.world.next_change()
        if change is not None and change < target:
            target = change
        for _, meter in self._meters:
            target = min(target, meter.next_change())
        if self._front:
            target = min(target, self.now + FRONT_MS - self.now % FRONT_MS)
        if self.script.due is not None:
            target = min(target, self.script.due)
        if self._row_due is not None:
            target = min(target, self._row_due)
        return target

    def _world_to(self, target):
        """Let the world reach ``target``, every change of it counted for the time it lasted."""
        world = self.world
        metrics = self.metrics
        while True:
            change = world.next_change()
            if change is None or change > target:
                break
            metrics.advance(change)
            world.advance(change)
        world.advance(target)
        self._previous = self.now
        self.now = target

    def _land(self):
        """One control cycle at ``now``."""
        self.landings += 1
        core = self.core
        world = self.world
        now = self.now
        tick = self._tick(now)
        if now - self._previous > 2 * CYCLE_MS:
            self._catch_up(tick)
        core.now = tick
        if self._row_due is not None and self._row_due <= now:
            self.metrics.advance(now)
            self._set_site()
        if self.script.due is not None and self.script.due <= now:
            self.metrics.advance(now)
            self.script.act(now)
        self._measure(now)
        if now >= self._second:
            self._second += SECOND_MS
            clock_s = 0 if self._clock is None else self._clock + now // 1000
            core.second(tick, world.proximity_mv(), world.temp_c * 10, self._rcm(), clock_s)
        if self._front and not now % FRONT_MS:
            self._front.step(tick)
        if ticks.due(tick, core.regulate_due):
            core.regulate(tick)
        self._sense(tick)
        self._step_due = now + core.step(tick)
        self._apply()

    def _measure(self, now):
        """Let the meters measure, and hand over what arrives."""
        world = self.world
        for kind, meter in self._meters:
            if meter.next_change() <= now:
                if kind == "meter":
                    value = meter.at(now, world.mains_ma)
                else:
                    value = meter.at(now, world.ev_ma, world.ev_meter)
                if value:
                    self.core.command("reading", [_READINGS[kind]] + value, "REST")

    def _catch_up(self, tick):
        """Make up for the cycles left out because they would have changed nothing.

        The last ones count for the pilot's rate of samples and the guard's watch over the steps.
        """
        core = self.core
        before = ticks.add(tick, -CYCLE_MS)
        core.pilot.feed(self._burst, core.charger.duty, ticks.add(before, -CYCLE_MS))
        core.pilot.feed(self._burst, core.charger.duty, before)
        core.step(before)

    def _sense(self, tick):
        core = self.core
        duty = core.charger.duty
        seen = (self.world.pilot_mv(), duty)
        if seen != self._seen:
            self._seen = seen
            self._changed = self.now
            self._fill(seen[0], duty)
        if core.sample(self._burst, self._rcm(), tick):
            self._outputs(False, False)

    def _rcm(self):
        return self.core.rcm_enabled and self.world.rcm_line()

    def _fill(self, levels, duty):
        """One burst of the pilot at these levels."""
        burst = self._burst
        high, low = pin_mv(levels[0]), pin_mv(levels[1])
        burst[0] = _BURST if duty else 0
        burst[1] = burst[2] = high
        burst[3] = _BURST if duty < _FULL else 0
        burst[4] = burst[5] = low

    def _apply(self):
        charger = self.core.charger
        world = self.world
        reason = self._names.get(charger.reason, "code_%d" % charger.reason)
        mains = self.settings.get("mains") * 1000
        if (world.duty != charger.duty or world.connect != charger.connect
                or world.c1 != charger.c1 or world.c2 != charger.c2
                or reason != self.metrics.reason or mains != self.metrics.limits[0]):
            self._outputs(charger.c1, charger.c2)
            self.metrics.reason = reason
            self.metrics.limits = (mains, 160_000, 0)
        grant = self.core.regulator.grant_da[0]
        self.metrics.grant(grant)
        if self._trace is not None:
            self._note(charger, reason, grant)
        if self._told is not None:
            self._listen()
        if self._sessions is not None and self.core.finished:
            self._sessions.append(enclosure.session_row(self.core.finished, self._names))
            self.core.finished = None

    def _outputs(self, c1, c2):
        charger = self.core.charger
        world = self.world
        self.metrics.advance(self.now)
        asking = world.car.hungry and world.car.drawing_state
        world.outputs(charger.duty, charger.connect, c1, c2)
        self.metrics.contactor(c1, asking)

    def _listen(self):
        """Copy what is new in the journal."""
        for number, _, code, a, b in self.journal.events(self._told_of):
            self._told_of = number + 1
            self._told.append([self.now / 1000, self._names.get(code, "code_%d" % code), a, b])

    def _note(self, charger, reason, grant):
        world = self.world
        row = [charger.state, reason, grant,
               self._names.get(self.core.regulator.grant_limit[0], ""), charger.duty,
               int(charger.c1)]
        row.extend([world.ev_ma(phase) for phase in range(3)])
        row.extend([world.mains_ma(phase) for phase in range(3)])
        row.append(int(charger.connect))
        row.append(world.pilot_mv()[0])
        if world.contactors.second:
            row.append(int(charger.c2))
        if row != self._shown:
            self._shown = row
            self._trace.append([self.now / 1000] + row)


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
