"""One charger on simulated time: core, front and storage with a car, meters and flash to match."""

import json
from array import array

from evse import ticks
from evse.charging import faults
from evse.charging.states import STATE_C
from evse.core import Core
from evse.front import Front
from evse.journal import Journal
from evse.power import allocate
from evse.settings import TABLE, Refused, Settings
from evse.status import Status

FULL = 65536
MV = {"A": 3281, "B": 2892, "C": 2502, "short": 1723}
WRAP_SOON = 2 ** 30 - 7000
NOON_S = 1_790_078_400  # 22 September 2026, 12:00 UTC
SOURCES = ("LCD", "REST", "MQTT", "bus", "installer", "switch", "card")
REMOTE = ("REST", "MQTT", "bus")


class Board:
    """Switch, card reader, lock and light. ``pulses`` are the drives the lock got."""

    def __init__(self):
        self.pressed = False
        self.rom = None
        self.kind = 0  # of the lock, as in the settings
        self.bolt = False
        self.jammed = False
        self.drive = 0
        self.pulses = []
        self.rgb = []
        self.bench = None
        self._driven = 0

    def switch_pressed(self):
        return self.pressed

    def read_card(self):
        return None if self.pressed else self.rom

    def lock_sense(self):
        return self.bolt == (self.kind == 2)

    def set_lock(self, drive):
        if drive and drive != self.drive:
            self.pulses.append(drive)
            self._driven = self.bench.now
        if self.drive and not drive and not self.jammed:
            if ticks.diff(self.bench.now, self._driven) >= 300:
                self.bolt = self.drive > 0
        self.drive = drive

    def set_led(self, red, green, blue):
        self.rgb.append((red, green, blue))


class Bench:
    """A core with a car whose pilot level the test sets, on simulated time.

    ``car`` is "A", "B" or "C"; one that is ``obedient`` asks for energy only while it is offered.
    ``house`` is the house's load in dA. ``meter`` is a function of the bench that returns what the
    EV meter shows (L1, L2, L3, W, Wh), or None. ``saved`` are the states of a core before.
    """

    def __init__(self, settings=None, delay_s=0, now=WRAP_SOON, saved=None, path=None, board=None,
                 storage=None, clock_s=0):
        self.journal = Journal()
        self.settings = Settings(self.journal.record, path)
        self.storage = storage and storage(self.settings, self.journal.record)
        if saved:
            self.settings.load(json.loads(saved))
        self.settings.load({"settings": settings or {}})
        self.now = now
        self.core = Core(self.settings, self.journal, allocate, now, delay_s)
        if self.storage:
            self.core.session_number = self.storage.number
        self._status = Status(self.core, "v4.0.0", "test", 1)
        self._status.storage = self.storage
        self.board = board
        self.front = None
        if board:
            board.bench = self
            self.front = Front(board, self.core)
            self._status.lock = self.front.lock
        self.car = "A"
        self.low_mv = 164  # what the pilot's negative part shows; 554 without a diode
        self.obedient = False
        self.house = None
        self.meter = None
        self.rcm = False
        self.proximity = 595
        self.temperature = 250
        self.clock_s = clock_s
        self.opened = False
        self._burst = array("i", (0,) * 6)
        self._ms = 0

    @property
    def status(self):
        """The charger's status as of now."""
        self._status.refresh()
        return self._status

    def command(self, name, value, source="REST"):
        """Have the core carry out a command."""
        self.core.command(name, value, source)

    def saved(self):
        """The document a new bench starts from, as the file would hold it."""
        values = {}
        for setting in TABLE:
            values[setting[0]] = self.settings.get(setting[0])
        document = {"settings": values}
        document.update(self.settings.states)
        return json.dumps(document)

    def run(self, ms):
        """Let ``ms`` pass at the firmware's own pace."""
        core = self.core
        for _ in range(ms // 10):
            mv = MV[self.car]
            if self.car == "C" and self.obedient and core.charger.duty == FULL:
                mv = MV["B"]
            burst = self._burst
            burst[0] = 40
            burst[1] = burst[2] = mv
            burst[3] = 0 if core.charger.duty == FULL else 20
            burst[4] = burst[5] = self.low_mv
            rcm = self.rcm and core.rcm_enabled
            self.opened = core.sample(burst, rcm, self.now)
            core.step(self.now)
            if self.front and self._ms % 20 == 0:
                self.front.step(self.now)
            if self._ms % 500 == 0:
                self._slow(rcm)
            if ticks.due(self.now, core.regulate_due):
                while not core.regulate(self.now):
                    pass
            self.now = ticks.add(self.now, 10)
            self._ms += 10

    def _slow(self, rcm):
        core = self.core
        core.second(self.now, self.proximity, self.temperature, rcm, self.clock_s)
        if core.new_clock_s:
            self.clock_s = core.new_clock_s
            core.new_clock_s = 0
        if self.storage:
            self.storage.second(core)
            core.fault(faults.STORAGE, self.storage.failed)
        if self._ms % 1000:
            return
        if self.clock_s:
            self.clock_s += 1
        if self.house is not None:
            drawn = core.charger.offered_da if core.charger.c1 else 0
            core.command("reading", ["mains"] + [self.house + drawn] * 3, "bus")
        if self.meter:
            core.command("reading", ("ev",) + tuple(self.meter(self)), "bus")

    def until(self, condition, limit_ms=60000):
        """Let time pass until ``condition()``; AssertionError when it takes too long."""
        passed = 0
        while not condition():
            assert passed < limit_ms, self.status.reason_text()
            self.run(100)
            passed += 100
        return passed

    def charge(self):
        """Plug a car that asks for energy and let it start."""
        self.car = "B"
        self.run(6000)
        self.car = "C"
        self.run(2000)
        assert self.core.charger.state == STATE_C, self.status.reason_text()
        assert self.core.charger.c1

    def unplug(self):
        """Pull the plug and leave the charger alone for a while."""
        self.car = "A"
        self.run(2000)

    def codes(self):
        """The codes in the journal, oldest first."""
        return [code for _, _, code, _, _ in self.journal.events()]


def refused(bench, name, value, source="REST"):
    """The refusal of a command; AssertionError when it was carried out."""
    try:
        bench.core.command(name, value, source)
    except Refused as refusal:
        return refusal
    raise AssertionError("not refused: %s %r from %s" % (name, value, source))


def drawing(bench):
    """An EV meter behind a car that takes what it is offered on three phases."""
    da = bench.core.charger.offered_da if bench.core.charger.c1 else 0
    return da, da, da, da * 69, None


def still(bench):
    """An EV meter that shows nothing flowing."""
    return 0, 0, 0, 0, None
