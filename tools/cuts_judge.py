"""Runs on MicroPython: what a start finds after the power has failed, against what there was."""

import json

from cuts_flash import DATA, Board, start, torn
from cuts_hour import cards, values_of
from evse.charging import faults
from evse.sessions import Sessions
from evse.trust import key
from helpers_flash import put

OLDEST_S = 62  # what charges notes a minute of the clock's, and the seconds until it is seen
_CHARGE_MS = 3000
_FOREVER = 4294967295


class Lost(Exception):
    """More is lost than may be."""


class Found:
    """A start from a flash at a time of day; ``age_s`` is the oldest thing that it found.

    ``hour`` says what there was, and ``index`` before which op of it the power failed; ``again``,
    that it failed once more since then.
    """

    def __init__(self, hour, board, code, index, again=False):
        self._hour = hour
        self._index = index
        self._again = again
        clock_s = hour.board.names[min(index, len(hour.board.names) - 1)][1]
        self._now_s = clock_s
        self.age_s = 0
        self.bench = bench = start(board, code, clock_s)
        self._settings(values_of(bench.settings))
        self._sessions()
        self._history()
        self._acts({"start": bench.slot, "cards": cards(bench), "own key": _own_key()})
        charges(self.bench)

    def _old(self, what, since_s):
        """What was found had not been so since then."""
        age_s = self._now_s - since_s
        self.age_s = max(self.age_s, age_s)
        if age_s > OLDEST_S:
            raise Lost("%s of %d s before" % (what, age_s))

    def _settings(self, values):
        for name in values:
            known = self._hour.keys[name]
            until_s = -1
            for number in range(len(known)):
                begun_s, value = known[number]
                if begun_s <= self._now_s and value == values[name]:
                    last = number + 1 == len(known) or known[number + 1][0] > self._now_s
                    until_s = self._now_s if last else known[number + 1][0]
            if until_s < 0:
                raise Lost("%s is %r" % (name, values[name]))
            self._old(name, until_s)

    def _sessions(self):
        energy = self._hour.energy
        first = min(energy)
        found = {}
        numbers = []
        for session in Sessions(DATA + "/sessions.bin").records(True):
            numbers.append(session.number)
            found[session.number] = session.wh
            if session.number < first:
                break
        if numbers[0] - numbers[-1] != len(numbers) - 1 or numbers[-1] != first - 1:
            raise Lost("sessions %r" % numbers)
        if self.bench.core.session_number != numbers[0]:
            raise Lost("the next session is %d" % self.bench.core.session_number)
        for number in energy:
            known = [one for one in energy[number] if one[0] <= self._now_s]
            wh = found.get(number, -1)
            if known and wh < known[-1][1]:
                self._old("session %d" % number,
                          next(one[0] for one in known if one[1] > wh))
            elif wh > (known[-1][1] if known else -1):
                raise Lost("session %d has %d Wh" % (number, wh))

    def _history(self):
        """Minutes are found in their order, none twice, and quarters rest on just these."""
        minutes = [row for at_s, row in self._hour.minutes if at_s <= self._now_s]
        begin = self._hour.minutes[0][1][0]
        rows = self._rows(60, begin)
        if rows != minutes[: len(rows)]:
            raise Lost("history of other minutes")
        if len(rows) < len(minutes):
            self._old("history", minutes[len(rows)][0] + 60)
        quarters = {}
        for row in rows:
            start_s = row[0] // 900 * 900
            quarters[start_s] = quarters.get(start_s, 0) + 1
        if {row[0]: row[11] for row in self._rows(900, begin)} != quarters:
            raise Lost("quarters do not fit their minutes")

    def _rows(self, step, begin):
        text = "".join(self.bench.storage.history(
            self.bench.core, "history_json", step, begin, _FOREVER))
        return json.loads(text)["rows"]

    def _acts(self, found):
        """What is not to be half done is done or not, as it was when the power failed."""
        for name in found:
            allowed = []
            for what, first, end, before, after in self._hour.acts:
                if what != name:
                    continue
                if self._index < end:
                    allowed = allowed if self._index < first and allowed else [before]
                    if self._index >= first:
                        allowed = [before, after]
                    break
                allowed = [after]
            if name == "start" and self._again and "b" in allowed and self._tried():
                allowed = "ab"  # an update is tried once
            if found[name] not in allowed:
                raise Lost("%s: %r" % (name, found[name]))

    def _tried(self):
        """Whether the power failed before the update that is tried was kept."""
        return self._index < max(act[1] for act in self._hour.acts if act[0] == "start")


def charges(bench):
    """Whatever it waited for, it charges as soon as somebody wants that; an exception if not."""
    bench.obedient = True
    bench.command("access", "On", "LCD")
    bench.command("set", ("rfid", "Disabled"), "LCD")
    bench.charge()
    bench.run(_CHARGE_MS)
    bench.unplug()
    if bench.status.faults & faults.STORAGE:
        raise Lost("flash is said to fail")


def _own_key():
    return "%x" % key(DATA + "/update.key") if key(DATA + "/update.key") else ""


def cut(hour, code, index, half, now, again):
    """The power fails before or in op ``index`` of the hour; returns the ages that were found.

    ``now`` is the flash up to there. ``again``: and once more in each op of the start after it.
    """
    board = Board(now)
    if half:
        torn(board, hour.board.ops[index])
    done = Board(board.image())
    ages = [Found(hour, board, code, index).age_s]
    if again:
        second = Board(done.image())
        start(second, code, hour.board.names[index][1])
        for op in second.ops:
            third = Board(done.image())
            torn(third, op)
            ages.append(Found(hour, third, code, index, True).age_s)
            put(done, *op[:3])
    return ages


def cuts(hour, code, step=1, each=1, offset=0):
    """Yield (file of the op, cuts tried, oldest age in s, what went wrong).

    Every ``step``-th op is cut, both ways, and every ``each``-th of these a second time.
    """
    now = Board(hour.image)
    for index, op in enumerate(hour.board.ops):
        if index % step == offset % step:
            for half in (False, True):
                again = half and index // step % each == 0
                try:
                    ages = cut(hour, code, index, half, now.image(), again)
                    why = ""
                except Exception as problem:
                    ages = [0]
                    why = "%s: %s" % (type(problem).__name__, problem)
                yield hour.board.names[index][0], len(ages), max(ages), why
        put(now, *op[:3])
