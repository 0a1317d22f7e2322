"""Random cars, cables, faults and commands at a whole charger: the rules of the plug hold.

Two worlds get the same, one of them from a tick of its own: their traces must be equal, so the
wrap of the ticks is invisible.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))

from charging_world import Car, World
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

MASK = 0x3FFFFFFF
NOW = st.one_of(st.integers(0, MASK), st.integers(MASK - 60_000, MASK))
SHORT_MS = st.sampled_from((8, 16, 24, 40, 80, 200, 600))
LONG_MS = st.sampled_from((200, 600, 1000, 3000, 6000, 16_000, 40_000))
SOURCES = st.sampled_from(("LCD", "REST", "MQTT", "bus", "installer"))
CARS = st.fixed_dictionaries({
    "ready_ms": st.sampled_from((0, 300, 1500, 4000)),
    "stop_ms": st.sampled_from((100, 1000, 2900, None)),
    "bounce_ms": st.sampled_from((0, 0, 30, 200)),
    "diode": st.sampled_from((True, True, True, False)),
    "asleep": st.sampled_from(("", "", "open", "f")),
})
DA = st.integers(-300, 900)
NAMES = ("mode", "override", "fault", "reading", "access", "swipe", "timer", "clock",
         "custom", "colour", "pwm", "ev_state", "phases", "cards", "stop", "nonsense")
SETTINGS = st.one_of(
    st.tuples(st.just("mode"), st.sampled_from(("Normal", "Smart", "Solar", "Off", "Pause"))),
    st.tuples(st.just("max"), st.integers(4, 82)),
    st.tuples(st.just("min"), st.integers(4, 18)),
    st.tuples(st.just("config"), st.sampled_from(("Socket", "Fixed"))),
    st.tuples(st.just("mains"), st.integers(8, 60)),
    st.tuples(st.just("mains_met"), st.sampled_from(("API", "Disabled"))),
    st.tuples(st.just("contact_2"), st.sampled_from(
        ("Not present", "Always Off", "Solar Off", "Always On", "Auto"))),
    st.tuples(st.just("rcmon"), st.sampled_from(("Enabled", "Disabled"))),
    st.tuples(st.just("rfid"), st.sampled_from(("Disabled", "EnableAll", "EnableOne"))),
    st.tuples(st.just("modem"), st.sampled_from(("Not present", "Experimental"))),
    st.tuples(st.just("lock"), st.sampled_from(("Disabled", "Solenoid"))),
)
VALUES = st.one_of(
    st.none(), st.booleans(), DA, st.integers(-2, 70_000), st.text(max_size=6),
    st.sampled_from(("Normal", "Smart", "Off", "Pause", "On", "reset", "0123456789AB",
                     "0123456789ABCD")),
    SETTINGS,
    st.tuples(st.sampled_from(("mains", "ev")), DA, DA, DA),
    st.fixed_dictionaries({"current_soc": st.integers(0, 100), "evccid": st.text(max_size=4)}),
)
LIKELY = st.one_of(
    st.tuples(st.just("mode"), st.sampled_from(("Normal", "Smart", "Off", "Pause", 1, 3))),
    st.tuples(st.just("access"), st.sampled_from(("On", "Off", "Pause"))),
    st.tuples(st.just("override"), st.sampled_from((0, 60, 100, 160))),
    st.tuples(st.just("phases"), st.sampled_from((1, 3))),
    st.tuples(st.just("set"), SETTINGS),
    st.tuples(st.just("pwm"), st.sampled_from((-1, 0, 51, 100, 512, 1024))),
    st.tuples(st.just("fault"), st.just("reset")),
)
# The key of a setting comes with its value by the form of the call, all else from the network.
COMMANDS = st.one_of(LIKELY, st.tuples(st.sampled_from(NAMES), VALUES),
                     st.tuples(st.just("set"), st.tuples(st.text(max_size=4), VALUES)))
# Shrinking a run of minutes of simulated time takes longer than reading it.
PHASES = (Phase.explicit, Phase.generate)


class Station(RuleBasedStateMachine):
    """Two equal worlds at different ticks."""

    def __init__(self):
        super().__init__()
        self.worlds = ()

    @initialize(now=NOW, stored=st.dictionaries(
        st.sampled_from(("rcmon", "contact_2", "mains_met", "max", "modem")),
        st.just(None), max_size=3), delay=st.sampled_from((0, 0, 0, 12)))
    def start(self, now, stored, delay):
        chosen = {"rcmon": "Enabled", "contact_2": "Always On", "mains_met": "API", "max": 32,
                  "modem": "Experimental"}
        values = {key: chosen[key] for key in stored}
        self.worlds = (World(now, values, delay), World(12_345, values, delay))
        self.each(lambda world: world.run(200))

    def each(self, act):
        for world in self.worlds:
            act(world)

    @rule(car=CARS, ms=LONG_MS)
    def plug(self, car, ms):
        self.each(lambda world: world.plug(Car(**car)) or world.run(ms))

    @rule(ms=SHORT_MS)
    def vanish(self, ms):
        self.each(lambda world: world.plug(None) or world.run(ms))

    @rule(ms=SHORT_MS)
    def contact_lost(self, ms):
        def act(world):
            car = world.car
            world.plug(None)
            world.run(ms)
            world.car = car
            world.touch()
        self.each(act)

    @rule(level=st.sampled_from((0, 1, 2, 3, 4, 5, 6)), ms=SHORT_MS)
    def disturbed(self, level, ms):
        def act(world):
            if world.car is not None:
                world.car.forced = level
                world.touch()
                world.run(ms)
                world.car.forced = None
                world.touch()
        self.each(act)

    @rule(level=st.sampled_from((None, None, 1, 2, 3, 4, 6)))
    def stuck(self, level):
        def act(world):
            if world.car is not None:
                world.car.forced = level
                world.touch()
        self.each(act)

    @rule(diode=st.booleans())
    def diode(self, diode):
        def act(world):
            if world.car is not None:
                world.car.diode = diode
                world.touch()
        self.each(act)

    @rule(mv=st.sampled_from((3300, 1336, 595, 300, 0)), ms=SHORT_MS)
    def cable(self, mv, ms):
        def act(world):
            world.cable_mv = mv
            world.run(ms)
        self.each(act)

    @rule(on=st.booleans())
    def residual_current(self, on):
        def act(world):
            world.rcm = on
            world.touch()
            world.run(16)
        self.each(act)

    @rule(dc=st.sampled_from((250, 250, 590, 640, 660, 900)))
    def temperature(self, dc):
        def act(world):
            world.temperature_dc = dc
            world.run(1000)
        self.each(act)

    @rule(da=st.sampled_from((None, -100, 20, 150, 240, 400)), ms=LONG_MS)
    def house(self, da, ms):
        def act(world):
            world.house_da = da
            world.run(ms)
        self.each(act)

    @rule(command=COMMANDS, source=SOURCES, ms=SHORT_MS)
    def command(self, command, source, ms):
        answers = []
        self.each(lambda world: answers.append(world.command(command[0], command[1], source))
                  or world.run(ms))
        assert answers[0] == answers[1]

    @rule(ms=LONG_MS)
    def wait(self, ms):
        self.each(lambda world: world.run(ms))

    @rule()
    def be_nice(self):
        self.each(good)

    @invariant()
    def rules_hold(self):
        for world in self.worlds:
            assert world.broken is None, world.broken

    @invariant()
    def the_wrap_is_invisible(self):
        if self.worlds:
            one, other = self.worlds
            assert one.trace == other.trace

    def teardown(self):
        """From wherever it came to, a healthy car gets to C."""
        if self.worlds and self.worlds[0].broken is None:
            world = self.worlds[0]
            good(world)
            assert world.broken is None, world.broken
            assert world.c1, ("no way out", world.trace[-6:],
                              [event[2:] for event in world.journal.events()][-12:])


WAY_OUT_MS = 200_000


def good(world):
    """All that a charge needs, with a healthy car in the place of whatever is there."""
    world.rcm = False
    world.temperature_dc = 250
    world.house_da = 20
    world.cable_mv = 595
    for name, value in (("set", ("rfid", "Disabled")), ("set", ("modem", "Not present")),
                        ("set", ("lock", "Disabled")), ("set", ("min", 6)), ("set", ("max", 32)),
                        ("set", ("mains", 40)), ("timer", None), ("pwm", -1),
                        ("mode", "Normal"), ("override", 0)):
        world.command(name, value, "installer")
    world.run(600)
    world.command("fault", "reset", "installer")
    if world.car is None:
        world.plug(Car())
    else:
        car = world.car
        car.ready_ms, car.stop_ms, car.bounce_ms = 300, 500, 0
        car.diode, car.asleep, car.forced = True, "", None
        world.touch()
    world.until(lambda: world.c1, WAY_OUT_MS)


TestStation = Station.TestCase
TestStation.settings = settings(max_examples=120, stateful_step_count=40, deadline=None,
                                derandomize=True, phases=PHASES)


@settings(max_examples=60, deadline=None, derandomize=True, phases=PHASES)
@given(now=NOW, commands=st.lists(st.tuples(COMMANDS, SOURCES, LONG_MS), max_size=25),
       level=st.sampled_from((0, 1, 3, 6)))
def test_commands_alone_close_nothing(now, commands, level):
    """Whatever is commanded: a car that does not ask gets no voltage."""
    world = World(now)
    if level:
        world.plug(Car(forced=level))
    world.run(500)
    for command, source, ms in commands:
        world.command(command[0], command[1], source)
        world.run(ms)
        assert not world.c1 and not world.c2
        assert world.closings == 0
        assert world.broken is None, world.broken
