"""One charger of a scenario: the shipped core at its plug, with power or without."""

import json
from array import array

from evse import reasons, ticks
from evse.core import Core
from evse.front import Front
from evse.journal import Journal
from evse.settings import KEY, TABLE, Refused, Settings
from twin import enclosure, lock
from twin.car import Car
from twin.events import whose
from twin.sampler import Dice
from twin.world import World

try:
    from evse.power import allocate_native as allocate
except (ImportError, ValueError):  # a host whose processor has no native emitter
    from evse.power import allocate

CYCLE_MS = 10
QUIET_MS = 60  # a pilot unchanged for so long has settled
FRONT_MS = 20  # and at its front, where there is anything
NO_POWER = "no_power"
_FULL = 65536
_PIN_ZERO_MV = 1723  # the ADC pin at 0 V of the pilot, and its mV for each V
_PIN_UV_PER_MV = 130
_PIN_MAX_MV = 3150
_BURST = 8
_POWER_RETURN_MIN_S = 10
_LOCKS = {"Disabled": lock.NONE, "Solenoid": lock.SOLENOID, "Motor": lock.MOTOR}


def reason_names():
    """Code to name, as evse.reasons declares them."""
    names = {}
    for name in dir(reasons):
        code = getattr(reasons, name)
        if type(code) is int and name[0] != "_":
            names[code] = name.lower()
    return names


NAMES = reason_names()


def pin_mv(pilot_mv):
    """Millivolts at the ADC pin for the pilot's; the converter's range ends before 12 V."""
    return min(_PIN_ZERO_MV + pilot_mv * _PIN_UV_PER_MV // 1000, _PIN_MAX_MV)


class Station:
    """Charger ``number`` of a scenario on ``site``, whose ticks begin at ``base``.

    ``due`` is the moment it has to run next, in ms, unless something happens to it before; whoever
    lets something happen calls ``wake``. ``folder`` is where it keeps its cards, None for none.
    ``core`` is None while it has no power.
    """

    second_ms = 500  # how often the firmware looks at its slow inputs

    def __init__(self, scenario, number, site, base, folder):
        document = scenario["evses"][number]
        parameters = dict(document["car"])
        parameters.pop("plugged")
        self.number = number
        self.world = World(Car(**parameters), site)
        self.world.floating_mv = document["floating_mv"]
        self.dice = Dice(scenario["seed"] + number)
        self.relay = False
        self.due = 0
        self.metrics = None  # of the run, and the tally of this charger in it
        self.tally = None
        self.journal_rows = [] if scenario["journal"] else None
        self.session_rows = [] if scenario["sessions"] else None
        self._events = [event for event in scenario["events"] if whose(event) == number]
        self._clock = scenario["clock"]
        self._base = base
        self._cards = folder and "%s/cards%d.csv" % (folder, number)
        self._lines = scenario["cards"]
        self._burst = array("i", (0,) * 6)
        self._front = None
        self._document = document
        self.pilot_mv = None
        self._boot(0, 0, None)

    # ---- power ----

    def _boot(self, now, delay_s, before):
        """Start the firmware, with the settings of the one ``before``."""
        journal = Journal()
        self.journal = journal
        self.settings = self._stored(journal, before)
        self.core = Core(self.settings, journal, allocate, self._tick(now), delay_s)
        self.core.dice = self.dice
        if self._cards:
            self.core.cards = enclosure.cards(self._cards, self._lines)
            self._lines = []
        self._noted = 0
        self._shown = None
        self._changed = self._previous = self._second = self.due = now
        self._step_due = now
        self._woken = now

    @staticmethod
    def _stored(journal, before):
        """The settings as the firmware finds them at its start."""
        settings = Settings(journal.record)
        if before:
            settings.load(json.loads(before))
        return settings

    def kill(self, now):
        """Take the power away."""
        if not self.core:
            return
        self.note()
        if self.session_rows is not None and self.core.session.active:
            self.session_rows.append(enclosure.session_row(self.core.session, NAMES))
        kept = {"settings": {entry[KEY]: self.settings.get(entry[KEY]) for entry in TABLE}}
        kept.update(self.settings.states)
        self._kept = (json.dumps(kept), self.core.session_number)
        self.core = self._front = None
        self.pilot_mv = None
        self.world.advance(now)
        self.metrics.advance(now)
        self.tally.advance(now)
        self.world.power_off()
        self.tally.contactor(False, False)
        self.tally.reason = NO_POWER

    def restore(self, now):
        """Give the power back."""
        if self.core:
            return
        kept, number = self._kept
        spread = json.loads(kept)["settings"]["power_return_s"] + 1
        self._boot(now, _POWER_RETURN_MIN_S + self.dice(spread), kept)
        self.core.session_number = number
        self._enclose()
        self._switch_relay()

    # ---- fitting it ----

    def configure(self, wanted):
        """Set what ``wanted`` has by key, as the installer; Refused names the setting."""
        left = sorted(wanted)
        # Two settings may bound each other (min and max): what is refused gets a second chance.
        for attempt in range(2):
            refused = []
            for key in left:
                try:
                    self.core.command("set", (key, wanted[key]), "installer")
                except Refused as problem:
                    if attempt:
                        raise Refused(problem.reason, key)
                    refused.append(key)
            left = refused

    def fit(self):
        """Fit the second contactor and the lock the settings speak of, and wire it up so."""
        settings = self.settings
        world = self.world
        second = self._document["second_contactor"]
        if second is None:
            second = settings.get("contact_2") != "Not present"
        world.contactors.second = second
        world.lock.kind = _LOCKS[settings.get("lock")]
        wiring = self._document["wiring"] or settings.get("phase_rotation")
        world.rotation = tuple([int(wiring[at]) - 1 for at in (1, 3, 5)])
        self._enclose()
        self._switch_relay()

    def _enclose(self):
        if enclosure.in_use(self.settings, self._events):
            self._front = Front(enclosure.Enclosure(self.world), self.core)

    def set_relay(self, is_open):
        """The grid operator's relay opens, which limits, or closes."""
        self.relay = is_open
        self._switch_relay()

    def _switch_relay(self):
        if self.settings.get("switch") == "Grid Relay":
            self.world.switch = not self.relay
        elif self.core:
            self.core.relay_open = self.relay

    # ---- running ----

    def _tick(self, moment):
        return ticks.add(self._base, moment)

    def wake(self, now):
        """Bring it to ``now``: something is about to happen to it. False without power."""
        self.world.advance(now)
        core = self.core
        if not core:
            return False
        if self._woken != now:
            self._woken = now
            tick = self._tick(now)
            if now - self._previous > 2 * CYCLE_MS:
                self._catch_up(tick)
            self._previous = now
            core.now = tick
        self.due = now
        return True

    def _catch_up(self, tick):
        """Make up for the cycles left out because they would have changed nothing.

        The last ones count for the pilot's rate of samples and the guard's watch over the steps.
        """
        core = self.core
        before = ticks.add(tick, -CYCLE_MS)
        core.pilot.feed(self._burst, core.charger.duty, ticks.add(before, -CYCLE_MS))
        core.pilot.feed(self._burst, core.charger.duty, before)
        core.step(before)

    def land(self, now):
        """One control cycle at ``now``."""
        if not self.wake(now):
            return
        core = self.core
        world = self.world
        tick = core.now
        if now >= self._second:
            self._second = now - now % self.second_ms + self.second_ms
            clock_s = 0 if self._clock is None else self._clock + now // 1000
            core.second(tick, world.proximity_mv(), world.temp_c * 10, self._rcm(), clock_s)
        if self._front and not now % FRONT_MS:
            self._front.step(tick)
        if ticks.due(tick, core.regulate_due):
            while not core.regulate(tick):  # slices of one pass
                pass
        self._sense(now, tick)
        self._step_due = now + core.step(tick)
        self._apply(now)
        self.due = self._next(now)

    def _next(self, now):
        """The moment of its next cycle, if nothing happens before."""
        core = self.core
        pilot = core.pilot
        if (now - self._changed < QUIET_MS or pilot.raw != pilot.level or pilot.invalid_ms
                or core.guard.tripped):
            return now + CYCLE_MS
        due = min(self._step_due, self._second,
                  now + max(0, ticks.diff(core.regulate_due, core.now)))
        if self._front:
            due = min(due, now + FRONT_MS - now % FRONT_MS)
        return max(due, now + CYCLE_MS)

    def _sense(self, now, tick):
        core = self.core
        duty = core.charger.duty
        levels = self.world.pilot_mv()
        if levels != self.pilot_mv or duty != self._shown:
            self.pilot_mv = levels
            self._shown = duty
            self._changed = now
            self._fill(levels, duty)
        if core.sample(self._burst, self._rcm(), tick):
            self._outputs(now, False, False)

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

    def _apply(self, now):
        charger = self.core.charger
        world = self.world
        tally = self.tally
        reason = NAMES.get(charger.reason) or "code_%d" % charger.reason
        if (world.duty != charger.duty or world.connect != charger.connect
                or world.c1 != charger.c1 or world.c2 != charger.c2):
            self._outputs(now, charger.c1, charger.c2)
        if reason != tally.reason:
            tally.advance(now)
            tally.reason = reason
        self.note()

    def _outputs(self, now, c1, c2):
        charger = self.core.charger
        world = self.world
        self.metrics.advance(now)
        self.tally.advance(now)
        asking = world.car.hungry and world.car.drawing_state
        world.outputs(charger.duty, charger.connect, c1, c2)
        self.tally.contactor(c1, asking)

    # ---- what it tells ----

    def note(self):
        """Copy what is new in the journal, and a session that is over."""
        now_s = self._woken / 1000
        if self.journal_rows is not None and self.journal.count != self._noted:
            for number, _, code, a, b in self.journal.events(self._noted):
                self._noted = number + 1
                self.journal_rows.append([now_s, NAMES.get(code) or "code_%d" % code, a, b])
        if self.session_rows is not None and self.core.finished:
            self.session_rows.append(enclosure.session_row(self.core.finished, NAMES))
            self.core.finished = None

    def status(self):
        """What a node answers its master: see ``Group.heard``."""
        core = self.core
        return (core.charger.wants, core.charger.charging, self.settings.index("mode"),
                core.most_da(), core.regulator.evses[0].phases)
