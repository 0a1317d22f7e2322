"""People and children at the three buttons: a set-up, every setting, two hours of play.

Labels and values are read off the display as a person would, by a canvas that knows its texts.
"""

import gc

import evse.panel.canvas
from evse import ticks
from evse.cards import Cards
from evse.panel.canvas import Canvas
from evse.panel.panel import Panel
from evse.settings import KEY, LCD, TABLE
from helpers_core import Bench
from helpers_panel import SAMPLE_MS, Desk
from helpers_recorder import Recorder

LEFT, MIDDLE, RIGHT = 1, 2, 4
LABEL, VALUE = 2, 4  # pages
TAP_MS = 60
TIMEOUT_MS = 121_000
HOUR_MS = 3_600_000
MOST = 400  # presses


class Sink:
    """A list that keeps nothing: what is kept for hours lies scattered over all of the memory."""

    def append(self, _):
        pass


def forget(desk):
    """Let what helpers note down be forgotten."""
    desk.board.rgb = desk.board.levels = desk.board.pulses = Sink()
    if desk.display:
        desk.display.pages = desk.display.calls = Sink()


class Person(Desk):
    """Somebody who can read, and presses what is asked for."""

    def __init__(self, settings=None):
        evse.panel.canvas.Canvas = Recorder  # the panel's own is made when it first draws
        try:
            super().__init__(settings)
            forget(self)
            self.run(1500)
        finally:
            evse.panel.canvas.Canvas = Canvas

    def read(self, page):
        """The large words on a page; what follows the first may be small."""
        texts = [text for text in recorder(self).texts
                 if text.page in (page, page + 1) and text.words not in ("<", ">")]
        return " ".join(text.words for text in texts)

    def tap(self, key, times=1):
        for _ in range(times):
            self.press(key, TAP_MS, TAP_MS)

    def enter(self):
        """Into the menu, whose first item is MODE."""
        self.press(MIDDLE, 2100, TAP_MS)
        assert self.read(LABEL) == "MODE", self.read(LABEL)

    def go(self, label):
        """To an item."""
        for _ in range(MOST):
            if self.read(LABEL) == label:
                return
            self.tap(RIGHT)
        raise AssertionError("no item " + label)

    def choose(self, label, value):
        """Change an item to a value, and stop changing it."""
        self.go(label)
        self.tap(MIDDLE)
        for _ in range(MOST):
            if self.read(VALUE) == value:
                self.tap(MIDDLE)
                return
            self.tap(RIGHT)
        raise AssertionError("%s has no %s" % (label, value))

    def leave(self):
        """By EXIT; True when it let go."""
        self.go("EXIT")
        self.tap(MIDDLE)
        self.run(2500)  # a setting is stored each 50 ms
        return self.read(LABEL) not in ("EXIT", "MODE")


def recorder(desk):
    """The canvas behind a panel."""
    for canvas in Recorder.made:
        if canvas.data is desk.panel.screen():
            return canvas
    raise AssertionError("the panel draws on another canvas")


def test_from_factory_defaults_to_smart_by_buttons_alone():
    desk = Person()
    assert desk.read(LABEL) == "READY TO"
    desk.enter()
    desk.tap(MIDDLE)
    desk.tap(RIGHT)
    assert desk.read(VALUE) == "Normal"  # no mains meter yet
    desk.tap(MIDDLE)
    desk.choose("CONFIG", "Fixed")
    desk.choose("MAINS MET", "API")
    desk.choose("MODE", "Smart")
    desk.choose("MAINS", "20 A")
    desk.choose("MAX", "16 A")
    assert desk.status.setting("mode") == "Normal"
    assert desk.leave()
    for key, value in (("mode", "Smart"), ("config", "Fixed"), ("mains_met", "API"),
                       ("mains", 20), ("max", 16), ("min", 6)):
        assert desk.settings.get(key) == value, key
    desk.house = 50
    desk.charge()
    desk.run(60_000)
    assert 140 < desk.core.charger.offered_da <= 150  # what 5 A of the house leave of 20 A
    desk.house = 120
    desk.run(10_000)
    assert 60 <= desk.core.charger.offered_da <= 80
    desk.press(LEFT, 2100)
    desk.run(10_000)
    assert not desk.core.charger.c1


# Together they show every item.
PROFILES = (
    {"mode": "Solar", "mains_met": "Sensorbox", "pwr_share": "Master", "circt_met": "Custom",
     "ev_meter": "Custom", "cap_mode": "Fixed", "capacity": 20, "cap_stop": 5},
    {"mains_met": "Eastron3P"},
)
# Items that hide others, or act, when they change: last, and each in a menu of its own.
HIDING = ("mode", "config", "pwr_share", "mains_met", "circt_met", "ev_meter", "cap_mode",
          "capacity")


def change(desk, setting):
    """Change an item by one step, which for the PIN's digits is the other key."""
    desk.go(setting[LCD])
    before = desk.read(VALUE)
    desk.tap(MIDDLE)
    desk.tap(LEFT if setting[KEY] == "lcd_pin" else RIGHT)
    assert desk.read(VALUE) != before, setting[KEY]
    desk.tap(MIDDLE)


def test_every_setting_can_be_reached_and_changed():
    changed = set()
    for profile in PROFILES:
        desk = Person(profile)
        values = {}
        shown = []
        desk.enter()
        while desk.read(LABEL) != "EXIT":
            label = desk.read(LABEL)
            shown += [setting for setting in TABLE if setting[LCD] == label]
            desk.tap(RIGHT)
        assert len(shown) > 15
        for setting in TABLE:
            values[setting[KEY]] = desk.settings.get(setting[KEY])
        calm = [setting for setting in shown if setting[KEY] not in HIDING]
        for setting in calm:
            change(desk, setting)
        for setting in calm:
            assert desk.settings.get(setting[KEY]) == values[setting[KEY]]
        assert desk.leave()
        for setting in calm:
            assert desk.settings.get(setting[KEY]) != values[setting[KEY]], setting[KEY]
            changed.add(setting[KEY])
        for setting in shown:
            if setting[KEY] in HIDING and setting[KEY] not in changed:
                desk = Person(profile)
                desk.enter()
                change(desk, setting)
                assert desk.leave()
                assert desk.settings.get(setting[KEY]) != values[setting[KEY]], setting[KEY]
                changed.add(setting[KEY])
    assert changed == {setting[KEY] for setting in TABLE if setting[LCD]}


def test_a_menu_that_is_left_alone_stores_nothing():
    desk = Person(PROFILES[0])
    desk.enter()
    for label in ("MAX", "MIN", "SWITCH", "RCMON"):
        change(desk, next(setting for setting in TABLE if setting[LCD] == label))
    before = desk.settings.changes
    desk.run(TIMEOUT_MS)
    assert desk.read(LABEL) not in ("RCMON", "MODE", "EXIT")
    assert desk.settings.changes == before and desk.settings.get("max") == 13


# ---- two hours ----


class Child(Desk):
    """A small child at the buttons of a charger with a car that asks for nothing.

    ``play`` lets time pass: the panel sees each sample, the core runs in strides of ten of them.
    Settings that come in are held against what the display showed just before.
    """

    def __init__(self, settings, seed):
        self.seed = seed
        self.stored = 0
        self.said = {}
        super().__init__(settings)
        self.panel = self.core.panel = Panel(self.board, self.status, self.say)
        self.display = self.board.lcd
        forget(self)
        self.board.now = lambda: self.tick
        self.tick = self.now
        self.car = "B"
        canvas = Canvas()
        canvas.large("MENU", 4)
        self.exit = bytes(canvas.data[512:768])  # the value beside EXIT, whatever its label says
        self.asked = False
        self.core.cards = Cards("/tmp/microevse_mashing_test.csv")
        self.changes = self.settings.changes
        self.wrong = []
        self._left = 0

    def say(self, name, value, source):
        """What the panel tells the core."""
        self.said[name] = self.said.get(name, 0) + 1
        if source != "LCD":
            self.wrong.append((name, value, source))
        if name == "set":
            key, wanted = value
            if bytes(self.panel.screen()[512:768]) == self.exit:
                self.stored += 1
            else:
                self.wrong.append((name, value, "not by EXIT"))
        elif name not in ("access", "mode", "fault", "reader"):
            self.wrong.append((name, value))
        self.asked = True
        self.core.command(name, value, source)

    def random(self, below):
        self.seed = (self.seed * 1_103_515_245 + 12_345) & 0x3FFFFFFF
        return (self.seed >> 8) % below

    def play(self, ms, bits):
        """Hold ``bits`` down for so long."""
        self.board.bits = bits
        for _ in range(ms // SAMPLE_MS):
            self.tick = ticks.add(self.tick, SAMPLE_MS)
            self.panel.step(self.tick)
            self._serve()
            if self.settings.changes != self.changes:
                self.changes = self.settings.changes
                if not self.asked:
                    self.wrong.append("a setting changed by itself")
            self.asked = False
            self._left += SAMPLE_MS
        stride = self._left - self._left % 100
        if stride:
            Bench.run(self, stride)
            self._left -= stride
            if self.core.charger.c1 or self.core.charger.c2:
                self.wrong.append("a contactor closed")

    def mash(self):
        """One thing a child does."""
        what = self.random(100)
        key = 1 << self.random(3)
        if what < 80:
            self.play(20 + 10 * self.random(20), key)
        elif what < 88:
            self.play(2000 + 10 * self.random(200), key if what < 83 else MIDDLE)
        elif what < 92:
            self.play(20 + 10 * self.random(100), 1 + self.random(7))
        elif what < 94:
            self.panel.press(key, True)
            self.play(10 * self.random(60), 0)
            self.panel.press(key, self.random(4) == 0)
        elif what < 96:
            self.play(10, key)  # too short to count
        else:
            self.play(1000 * self.random(8), 0)
        self.play(10 * self.random(60), 0)


def quiet(child):
    """Leave the charger alone until the menu is closed, and see what memory there is."""
    child.play(TIMEOUT_MS + 5000, 0)
    gc.collect()
    return gc.mem_free()


def test_two_hours_of_mashing():
    child = Child({"mode": "Smart", "mains_met": "API", "ev_meter": "API"}, 6)
    child.house = 30
    defaults = {setting[KEY]: child.settings.get(setting[KEY]) for setting in TABLE}
    free = []
    passed = 0
    while passed < 2 * HOUR_MS:
        spent = child.tick
        child.mash()
        assert not child.problems and not child.wrong, (child.problems, child.wrong[:3])
        passed += ticks.diff(child.tick, spent)
        if passed >= (len(free) + 1) * HOUR_MS // 4:
            spent = child.tick
            free.append(quiet(child))
            passed += ticks.diff(child.tick, spent)
            child.settings.load({"settings": defaults})  # or it would be another charger by now
            child.core.configure()
    assert len(free) == 8 and min(free[2:]) > free[1] - 2000, free
    assert child.stored > 50 and child.said["access"] > 10, (child.stored, child.said)
