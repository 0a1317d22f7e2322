"""What input from outside is thrown at: a whole charger on simulated time, and what holds for it.

The car is connected and does not ask for energy, so no contactor may ever close. Runs on
MicroPython and on CPython.
"""

import asyncio
import os

from evse.cards import Cards
from evse.crumb import Crumb
from evse.cycle import Cycle, Recent
from evse.settings import KEY, LEVEL, TABLE, Settings, check
from evse.storage import Storage
from helpers_core import NOON_S, Bench

START = 0xFFFF  # ticks
_SETTLE_MS = 100
_TURNS_MOST = 2000


class Broken(Exception):
    """A promise that did not hold; the text says which."""


def must(holds, promise):
    """Raise Broken with ``promise`` unless it holds."""
    if not holds:
        raise Broken(promise)


class Reset:
    """A board that ``cause`` has reset and that has kept ``memory``."""

    def __init__(self, cause, memory=b""):
        self._cause = cause
        self.memory = memory

    def reset_cause(self):
        """What has started it."""
        return self._cause

    def kept(self):
        """What was kept before."""
        return self.memory

    def keep(self, view):
        """Keep this."""
        self.memory = bytes(view)


class World(Bench):
    """A charger whose files are in ``folder``, emptied; ``trusting`` lets everybody install.

    ``before()`` puts files there before it starts, ``storage`` is of a charger that has a log.
    """

    def __init__(self, folder, trusting=False, before=None, storage=None, **settings):
        empty(folder)
        if before:
            before()
        settings.setdefault("config", "Fixed")
        settings["trust_lan"] = "Enabled" if trusting else "Disabled"
        self._path = folder + "/settings.json"
        super().__init__(settings, now=START, clock_s=NOON_S, path=self._path,
                         storage=storage or (
                             lambda own, record: Storage(own, record, folder, None)))
        self._trusting = trusting
        self.core.cards = Cards(folder + "/cards.csv")
        status = self._status
        status.directory = status.root = folder
        status.slot = "a"
        status.crumb = Crumb(Reset("power"))
        status.cycle = Cycle(START)
        status.recent = Recent()
        self.car = "B"
        self.run(_SETTLE_MS)
        self._install = self._installed()

    def _installed(self):
        values = self.settings
        return [values.get(row[KEY]) for row in TABLE if row[LEVEL] == "install"]

    def facts(self):
        """All that input could change and that is not only counted."""
        core = self.core
        settings = self.settings
        return ([settings.get(row[KEY]) for row in TABLE], dict(settings.states),
                core.access.state, core.override_da, core.restart, core.new_clock_s, core.custom,
                list(core.palette), core.cards.count, core.reader, core.rfid_last)

    def judge(self):
        """Raise Broken unless all is as it must be, whatever was said to the charger."""
        self.run(_SETTLE_MS)
        must(not self.core.charger.c1, "a contactor closed")
        settings = self.settings
        for row in TABLE:
            value = settings.get(row[KEY])
            must(check(row, value) == value, "the value of %s is none it may have" % row[KEY])
        must(settings.get("min") <= settings.get("max"), "min is above max")
        must(self._trusting or self._install == self._installed(), "the installer's were changed")
        settings.changed = True
        settings.save()
        again = Settings(_ignore, self._path)
        for row in TABLE:
            must(again.get(row[KEY]) == settings.get(row[KEY]), "%s is not stored" % row[KEY])
        for key in settings.states:
            must(again.states[key] == settings.states[key], "the state %s is not stored" % key)


def _ignore(*_):
    pass


_rest = asyncio.sleep_ms


def _next_turn(_ms):
    return _rest(0)


# Nothing here waits for time to pass.
asyncio.sleep_ms = _next_turn


def finish(coroutine, end):
    """Run ``coroutine`` to its end; what goes on for long is ended by ``end()``."""
    async def run():
        task = asyncio.create_task(coroutine)
        for _ in range(_TURNS_MOST):
            await _rest(0)
            if task.done():
                break
        else:
            end()
        return await task

    return asyncio.run(run())


def empty(folder):
    """Remove all that is in ``folder``."""
    for name in os.listdir(folder):
        path = folder + "/" + name
        try:
            os.remove(path)
        except OSError:  # a folder
            empty(path)
            os.rmdir(path)
