"""Runs on MicroPython: an hour in the life of a charger, and what was known when.

All that a charger writes comes up in it: settings, schedule, prices, order, intervals, a card
learnt and one removed, the owner's key, two sessions, minutes and quarters of history, a log worth
erasing, files whose next record begins a new generation, a restart asked for and an update tried
and kept.
"""

import evse.history
from cuts_flash import DATA, ROOT, fresh, start
from evse import cards_admin, slots
from evse.charging.session import Session
from evse.flashlog import SESSION, FlashLog
from evse.minutes import (
    minute_row,
    pack_minute,
    pack_quarter,
    sealed,
)
from evse.net import api_update
from evse.sessions import SIZE, pack
from evse.sessions import sealed as sealed_session
from evse.settings import TABLE
from helpers_core import NOON_S
from helpers_flash import Log

ANNA, BERT = "04A1B2C3D4E5F6", "04FFEEDDCCBBAA"
_KEY = "c" * 512
_WORN = 129  # slots of the log, which is worth erasing then
_MINUTES, _QUARTERS = 1440, 1680  # of a generation
_ROOM = 25  # records until the next generation of minutes, as two sessions and two quarters


class Request:
    """The installer's, with a key in its body."""

    source = "installer"
    content_type = "application/json"
    json = {"key": _KEY}


class Status:
    """Of a charger that does nothing."""

    directory = DATA

    @staticmethod
    def busy():
        """Nothing charges."""
        return False


class Watch:
    """A storage whose calls are noted."""

    def __init__(self, hour, storage):
        self._hour = hour
        self._storage = storage

    def __getattr__(self, name):
        return getattr(self._storage, name)

    def second(self, core):
        """What storage does, with what was known before it."""
        self._hour.note(core)
        self._storage.second(core)


class Hour:
    """The hour on a flash of its own, as it was. ``code`` is the text of boot.py.

    ``image`` is the flash before it, ``board`` has what was done to it. ``keys`` are of each
    setting and state [(time, value)], ``energy`` of each session [(time, Wh)], ``minutes`` are
    (time, row) of the history, ``acts`` (what, first op, op after the last, before, after) of what
    is not to be half done. Times are Unix seconds.
    """

    def __init__(self, code, minutes=60):
        self._code = code
        self.keys = {}
        self.energy = {}
        self.minutes = []
        self.acts = []
        self.board = board = fresh(past())
        log = FlashLog(Log(board))
        for _ in range(_WORN):
            log.append(SESSION, b"old")
        log.reset()
        board.reset()
        board.clock = lambda: NOON_S
        self.image = board.image()
        evse.history.pack_minute = self._minute
        try:
            self._live(minutes)
        finally:
            evse.history.pack_minute = pack_minute

    def _minute(self, *facts):
        record = pack_minute(*facts)
        self.minutes.append((self.bench.clock_s, list(minute_row(record, 0))))
        return record

    def note(self, core):
        """Note what is known now."""
        now_s = self.bench.clock_s
        values = values_of(core.settings) if core.settings.fresh or not self.keys else {}
        for key in values:
            known = self.keys.setdefault(key, [])
            if not known or known[-1][1] != values[key]:
                known.append((now_s, values[key]))
        session = core.finished or core.session
        if session.number:
            known = self.energy.setdefault(session.number, [])
            if not known or known[-1][1] != session.wh:
                known.append((now_s, session.wh))

    def _act(self, name, before, after, work, *arguments):
        first = len(self.board.ops)
        result = work(*arguments)
        self.acts.append((name, first, len(self.board.ops), before, after))
        return result

    def _start(self, before, after):
        """Start; the slot that would be started before and after that."""
        clock_s = self.bench.clock_s if self.acts else NOON_S
        self.bench = bench = self._act("start", before, after, start, self.board, self._code,
                                       clock_s)
        bench.obedient = True
        bench.storage = Watch(self, bench.storage)
        self.note(bench.core)
        bench.house = 30

    def _set(self, *changes):
        for change in changes:
            self.bench.command("set", change, "LCD")

    def _restart(self, before, after):
        self.bench.storage.save(self.bench.core)
        slots.count(ROOT, 0)
        self._start(before, after)

    def _charge(self, minutes):
        """A session of so many minutes, with all that people do to a charger meanwhile."""
        bench = self.bench
        bench.command("swipe", ANNA, "card")
        bench.charge()
        bench.run(minutes * 20_000)
        self._set(("mains", 30 + minutes), ("min", 8), ("max", 32), ("min", 16))
        bench.command("timer", ("Normal", bench.clock_s, bench.clock_s + 7200, 0), "LCD")
        bench.run(minutes * 20_000)
        self._set(("max", 20), ("min", 6))
        bench.command("mode", "Normal")
        bench.command("access", "Pause")
        bench.run(20_000)
        bench.command("access", "On")
        bench.until(lambda: bench.core.charger.c1)
        bench.run(minutes * 20_000)
        bench.unplug()

    def _live(self, minutes):
        self._start("a", "a")
        bench = self.bench
        begun_s = bench.clock_s
        bench.run(3000)
        self._set(("ev_meter", "Eastron3P"), ("contact_2", "Always On"), ("max", 16),
                  ("rfid", "EnableAll"), ("wifi_ssid", 'Hütte "5"'))
        bench.run(3000)
        bench.command("reader", "Learn", "LCD")
        before = cards(bench)
        for card in (ANNA, BERT):
            after = before + [card]
            self._act("cards", before, after, bench.command, "swipe", card, "card")
            before = after
        bench.command("reader", None, "LCD")
        self._act("own key", "", _KEY, api_update.put_key, Request, Status, None)
        bench.command("access", "Off")
        bench.command("intervals", ((0, 2500), (420, 4000)), "LCD")
        bench.command("order", (0, 3, 1), "LCD")
        bench.command("prices", (NOON_S, 60, tuple(range(24))), "LCD")
        bench.run(55_000)
        slots.count(ROOT, 0)  # the start has lasted
        self._charge(minutes // 4)
        bench.run(30_000)
        self._act("cards", before, before[:-1], cards_admin.remove, bench.core.cards, BERT)
        self._restart("a", "a")
        bench = self.bench
        bench.run(minutes * 2000)
        slots.stay(ROOT, bench.slot)
        self._act("start", "a", "b", slots.try_next, ROOT, "b")
        self._restart("b", "a")
        bench = self.bench
        bench.run(60_000)
        self._act("start", "a", "b", slots.keep, ROOT, bench.slot)
        self._charge(minutes // 6)
        bench.run(max(0, (begun_s + minutes * 60 - bench.clock_s) * 1000))


def values_of(settings):
    """All settings and states."""
    values = dict(settings.states)
    for setting in TABLE:
        values[setting[0]] = settings.get(setting[0])
    return values


def cards(bench):
    """The stored cards."""
    return list(cards_admin.export(bench.core.cards))


def past(part=1):
    """What weeks have left in the files, a ``part``-th of it: pairs of a path and bytes."""
    minute = pack_minute(NOON_S - 86_400, 300, 0, 0, 5, 0, 0, 1, 40, 0)
    quarter = sealed(pack_quarter(minute, 1))
    minute = sealed(minute)
    yield "/slot", b"a"
    for name, record, most, room in (("minutes.bin", minute, _MINUTES, _ROOM),
                                     ("quarters.bin", quarter, _QUARTERS, 2)):
        yield "/data/" + name, record * ((most - room) // part)
        for ending in (".old", ".older"):
            yield "/data/" + name + ending, record * (most // part)
    session = Session()
    size = SIZE // part
    for ending, first, count in ((".old", 1, size), ("", size + 1, size - 1)):
        yield "/data/sessions.bin" + ending, b"".join(
            sealed_session(stored(session, first + number)) for number in range(count))


def stored(session, number):
    """The record of a session of long ago."""
    session.number = number
    session.reason = 1
    return pack(session)
