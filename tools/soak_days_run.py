"""Runs on MicroPython: a charger with its flash for days of simulated time, a line of JSON a day.

The decisions, storage, history and flash log are the shipped ones; the flash is littlefs and a raw
log in RAM. The world and its faults come from the plan that ``soak_days`` makes.
"""

import gc
import json
import os

import vfs

from evse import reasons
from evse.charging import faults
from evse.history import History
from evse.minutes import QUARTER_FILED, quarter_row, whole
from evse.sessions import Sessions
from evse.settings import Settings
from evse.storage import Storage
from helpers_flash import ROOT, Flash, Log, put
from twin.car import UJ_PER_WH
from twin.closed_loop import Loop
from twin.metrics import OVER_MA, Limit
from twin.station import Station

DAY_MS = 86_400_000
_BLOCKS = 384  # of the board's file system
_SECTORS = 16
# Of simulated time. While flash is at work nothing may be collected: a file that goes then would
# be closed, which is more work for it. A board's flash makes no memory of its own.
_COLLECT_MS = 600_000


class Worn(Flash):
    """A Flash that counts what is done to it instead of noting it.

    ``erases`` of files, log; ``forbidden`` is what was done that stalls while a contactor was
    closed.
    """

    def __init__(self):
        self.erases = {"file": 0, "log": 0}
        self.forbidden = 0
        super().__init__(None, _SECTORS, _BLOCKS)

    def _done(self, kind, at, data):
        if kind in self.failing:
            raise OSError(5)
        if data is None:
            self.erases[kind] += 1
        if self.closed() and (data is None or kind == "file"):
            self.forbidden += 1
        put(self, kind, at, data)


class Kept(Station):
    """A charger with a flash and a clock that can be set."""

    second_ms = 1000  # the least the core asks for, to get through a month

    def __init__(self, scenario, *arguments):
        self.flash = Worn()
        self.storage = None
        self.starts = 0
        self.told = scenario["clock"]
        self.wraps = self._tick_before = 0
        super().__init__(scenario, *arguments)

    def _stored(self, journal, before):
        if self.starts:
            vfs.umount(ROOT)
        self.starts += 1
        vfs.mount(vfs.VfsLfs2(self.flash), ROOT)
        settings = Settings(journal.record, ROOT + "/settings.json")
        self.storage = Storage(settings, journal.record, ROOT, Log(self.flash))
        self.flash.closed = lambda: self.core and self.core.charger.c1
        return settings

    def restore(self, now):
        """Give the power back: it knows what its flash knows."""
        super().restore(now)
        self._clock = None  # until it is told again
        self.core.session_number = self.storage.number

    def land(self, now):
        """One control cycle at ``now``, and what the app does twice a second."""
        before = self._second
        super().land(now)
        if not self.core:
            return
        self.wraps += self.core.now < self._tick_before
        self._tick_before = self.core.now
        if self._second != before:
            if not self._second % _COLLECT_MS:
                gc.collect()
            self.storage.second(self.core)
            self.core.fault(faults.STORAGE, self.storage.failed)

    def set_clock(self, seconds):
        """Somebody says what time it is: ``seconds`` later than it was."""
        self.told += seconds
        self._clock = self.told
        self.core.record(reasons.CLOCK_SET)


class Longest(Limit):
    """A limit with the longest time, in ms, that it was exceeded at a stretch."""

    def __init__(self):
        self.longest = self._stretch = 0
        super().__init__()

    def note(self, current, elapsed):
        """``current`` mA flowed for ``elapsed`` ms."""
        self._stretch = self._stretch + elapsed if current > self.limit + OVER_MA else 0
        self.longest = max(self.longest, self._stretch)
        super().note(current, elapsed)


class Days(Loop):
    """The loop, a day at a time."""

    station = Kept

    def __init__(self, scenario):
        super().__init__(scenario)
        self.over = self.metrics._mains = Longest()
        self._land()

    def day(self, number, plan):
        """Run day ``number``: ``plan`` are its events, [ms of the day, what, ...]."""
        begin = number * DAY_MS
        for event in plan:
            self._run_to(begin + event[0])
            self._act(event[1], *event[2:])
            self._land()
        self._run_to(begin + DAY_MS)

    def _run_to(self, end):
        self._end = end
        while self.now < end:
            self._world_to(min(self._target(), end))
            self._land()

    def _act(self, what, *arguments):
        """Let an event happen now, one of a scenario or of ours."""
        master = self.master
        self.script._now = self.now
        if what == "clock":
            master.wake(self.now)
            master.set_clock(*arguments)
        elif what == "flash":
            master.flash.failing = arguments
        elif what == "plug":
            master.world.car.left_uj = arguments[0] * UJ_PER_WH
            self.script._plug(master)
        elif what == "unplug":
            self.script._unplug(master)
        elif what == "load":
            self.metrics.advance(self.now)
            self.site.load_ma = [amps * 100 for amps in arguments]
        else:
            event = [0, what] + list(arguments)
            self.script._event((0, event))


def _files():
    """Bytes of all files."""
    return sum([os.stat(ROOT + "/" + name[0])[6] for name in os.ilistdir(ROOT)])


def _look(loop):
    """What there is to know at midnight."""
    station = loop.master
    core = station.core
    loop.metrics.advance_all(loop.now)
    gc.collect()
    live = gc.mem_alloc()
    result = loop.metrics.result()
    return {
        "live": live, "starts": station.starts, "files": _files(),
        "forbidden": station.flash.forbidden, "erases": station.flash.erases,
        "kwh": result[1][0]["kwh"], "violations": result[1][0].get("violations", {}),
        "over_ms": loop.over.longest, "faults": core.charger.faults, "wraps": station.wraps,
        "local": core.load_zone().text(core.clock_s)}


def main(source, destination):
    """Run what the file ``source`` says; ``destination`` gets a line a day and one of it all."""
    with open(source) as file:
        work = json.load(file)
    gc.disable()
    loop = Days(work["scenario"])
    with open(destination, "w") as out:
        for number in range(len(work["days"])):
            loop.day(number, work["days"][number])
            out.write(json.dumps(_look(loop)) + "\n")
            out.flush()
        out.write(json.dumps(_kept(loop)) + "\n")


def _kept(loop):
    """What the files have of all that was."""
    station = loop.master
    station.storage.save(station.core)
    history = History(ROOT)
    quarters = [quarter_row(buf, at) for buf, at in history.quarters.records()
                if whole(buf, at, QUARTER_FILED)]
    # A quarter says the mean power of so many minutes as it has.
    return {"quarters": len(quarters),
            "history_wh": sum([row[3] * row[11] for row in quarters]) // 60,
            "sessions": [(it.number, it.wh, bool(it.interrupted), it.start)
                         for it in Sessions(ROOT + "/sessions.bin").records()]}
