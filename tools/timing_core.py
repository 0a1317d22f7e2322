"""Runs on MicroPython: the cases of timing_table that need the whole core of a charger."""

from evse import ticks
from evse.charging.pilot import FULL
from evse.core import Core
from evse.journal import Journal
from evse.settings import Settings
from timing_rig import ASKING, CONNECTED, Rig

try:
    from evse.power import allocate_native as allocate
except (ImportError, ValueError):  # a host whose processor has no native emitter
    from evse.power import allocate

_DELAY_S = 10
_SECOND_MS = 500  # how often the firmware looks at its slow inputs
_CABLE_MV = 595
_LIMIT_DC = 650


class CoreRig(Rig):
    """The rig around a whole core in Normal mode, asked for its slow inputs as evse.app does."""

    def __init__(self, rig, delay_s=0):
        self.temperature_dc = 250
        self.regulating = True
        self._delay_s = delay_s
        self._second_at = 0
        super().__init__(rig.rng.below(1 << 24), False, rig.jump)
        self.board = rig.board

    def _build(self):
        journal = Journal()
        self.core = Core(Settings(journal.record), journal, allocate, self.now(), self._delay_s)
        self.pilot = self.core.pilot
        self.charger = self.core.charger
        self.guard = self.core.guard

    def look(self, tick):
        self.core.sample(self._burst, self.rcm, tick)

    def decide(self, tick):
        core = self.core
        if self.t >= self._second_at:
            self._second_at = self.t + _SECOND_MS
            core.second(tick, _CABLE_MV, self.temperature_dc, False)
        if self.regulating and ticks.due(tick, core.regulate_due):
            while not core.regulate(tick):
                pass
        wait = min(core.step(tick), self._second_at - self.t)
        return min(wait, ticks.diff(core.regulate_due, tick)) if self.regulating else wait

    def permit(self, da, ms=0, reason=0):
        """The regulator permits here."""


def power_return(rig):
    core = CoreRig(rig, _DELAY_S)
    core.run(60)
    core.show(CONNECTED)
    core.until(lambda: 0 < core.duty < FULL, 60_000)
    core.run(300)
    core.show(ASKING)
    core.until(lambda: core.c1, 60_000)
    return core.t


def silent_regulator(rig):
    core = CoreRig(rig).charge()
    core.moment()
    core.regulating = False
    return core.until(lambda: core.duty == FULL, 30_000)


def too_hot(rig):
    core = CoreRig(rig).charge()
    core.moment()
    core.temperature_dc = _LIMIT_DC
    return core.until(lambda: core.duty == FULL, 30_000)


def still_hot(rig):
    core = CoreRig(rig).charge()
    core.temperature_dc = _LIMIT_DC
    core.until(lambda: core.duty == FULL, 5_000)
    core.moment(100, 2000)
    core.show(CONNECTED)
    core.temperature_dc = _LIMIT_DC - 99
    start = core.t
    core.run(15_000)
    return len([entry for entry in core.trace if entry[0] > start and entry[3] != FULL])


def derated(rig):
    """The offer 5 degrees below the limit, of the 13 A that MAX is."""
    core = CoreRig(rig).charge()
    core.moment()
    core.temperature_dc = _LIMIT_DC - 50
    core.run(3000)
    return core.charger.offered_da
