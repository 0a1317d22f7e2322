"""What house and charger did: a record for each minute and one for each quarter of an hour.

A minute that is over goes into the flash log, since no file may be written while a contactor is
closed, and from there into the file of minutes once none is. The quarters are made out of their
minutes on the way. They are those of the clock, as the capacity tariff's: no zone is off by less
than a quarter. While the time of day is not known nothing is kept.
"""

from array import array

from micropython import const

from evse.flashlog import HISTORY, SESSION
from evse.generations import Generations
from evse.minutes import (
    CAR,
    CLOSED,
    ESTIMATED,
    LOST,
    MINUTE,
    MINUTE_FILED,
    MINUTE_S,
    MINUTES,
    MOST_DA,
    QUARTER_FILED,
    QUARTER_S,
    pack_minute,
    pack_quarter,
    sealed,
    sealed_minutes,
    start_of,
    whole,
)
from evse.power import readings as sources
from evse.sessions import BODY

# Of three generations two are kept at least: 2 days of minutes, 35 of quarters.
_GENERATIONS = const(3)
_DAY = const(1440)
_QUARTERS = const(1680)

# Slots of the log left: with fewer than _PLENTY only a closed contactor is reason to use them up,
# below SPARE it takes seven minutes at a time, and the last are for sessions and settings alone.
_PLENTY = const(640)
SPARE = const(160)
_LAST = const(80)
_SEVEN = const(7)
_BESIDE = const(5)
_AT_ONCE = const(8)  # slots; to write files takes its time beside

# Places in the sums of a minute.
_SECONDS = const(0)
_KNOWN_S = const(1)  # with a reading of the mains
_IMPORT = const(2)
_CAR = const(3)
_SOLAR = const(4)
_DA = const(5)
_FLAGS = const(6)


class History:
    """The minutes and quarters on flash, below ``directory``, and what is on its way there.

    ``log`` is the flash log or None. ``failed`` is True since a file did not take something;
    ``filed`` counts the times one did. ``fresh`` are minutes that are neither in the log nor in
    the block, which keeps the running quarter's ``count`` minutes.
    """

    def __init__(self, directory):
        self.minutes = Generations(directory + "/minutes.bin", MINUTE_FILED, _DAY, _GENERATIONS)
        self.quarters = Generations(directory + "/quarters.bin", QUARTER_FILED, _QUARTERS,
                                    _GENERATIONS)
        self.log = None
        self.failed = False
        self.filed = 0
        self.fresh = b""
        self.block = bytearray(MINUTES * MINUTE)
        self.count = 0
        self._written = 0  # of the block's minutes are in the file
        self._sums = array("i", (0,) * (_FLAGS + 1))
        self._minute = 0  # since 1970, the one that is being counted; 0 for none
        self._at_s = 0

    # ---- minutes ----

    def second(self, core):
        """Count what has passed since the last call; True when that ended a minute."""
        now_s = core.journal.uptime_s
        seconds = now_s - self._at_s
        if not seconds:
            return False
        self._at_s = now_s
        minute = core.clock_s // MINUTE_S
        counted = self._minute
        self._minute = minute
        if counted:
            self._add(core, min(seconds, MINUTE_S))
            if minute != counted:
                self._end(core, counted)
                return True
        return False

    def _add(self, core, seconds):
        """Add the last ``seconds`` to the minute."""
        sums = self._sums
        charger = core.charger
        session = core.session
        flags = (CLOSED if charger.c1 else 0) | (CAR if charger.plugged else 0)
        sums[_SECONDS] += seconds
        if session.active:
            sums[_CAR] += session.watts * seconds
            if charger.c1 and not core.readings.fresh(sources.EV, core.now):
                flags |= ESTIMATED
        if core.readings.fresh(sources.MAINS, core.now):
            da = max(core.readings.amps[sources.MAINS])
            if not sums[_KNOWN_S] or da > sums[_DA]:
                sums[_DA] = max(-MOST_DA, min(da, MOST_DA))
            sums[_KNOWN_S] += seconds
            sums[_IMPORT] += core.mains_w * seconds
            if session.active:
                sums[_SOLAR] += session.solar_w * seconds
        elif core.mains_meter:
            flags |= LOST
        sums[_FLAGS] |= flags

    def _end(self, core, minute):
        """The minute is over: make its record."""
        sums = self._sums
        known = sums[_KNOWN_S]
        capacity = core.capacity
        tariff = capacity and core.settings.get("cap_mode") == "Flanders"
        regulator = core.regulator
        record = pack_minute(
            minute * MINUTE_S, sums[_IMPORT] // known if known else None,
            sums[_CAR] // sums[_SECONDS], sums[_SOLAR] // known if known else 0, sums[_DA],
            regulator.grant_da[0], capacity.peak_w if tariff else 0, core.charger.reason,
            regulator.grant_limit[0], sums[_FLAGS])
        for place in range(_FLAGS + 1):
            sums[place] = 0
        # Of more than seven that found no place the oldest has lost it.
        self.fresh = self.fresh[-(_SEVEN - 1) * MINUTE:] + record

    def beside(self):
        """Return the minutes to put into the log beside a session; ``noted`` when they are."""
        log = self.log
        return self.fresh[: _BESIDE * MINUTE] if log.room - log.used > _LAST else b""

    def noted(self, minutes):
        """The log has these ``beside``."""
        self.fresh = self.fresh[len(minutes):]

    def note(self, closed):
        """Put the minutes that are over into the log while it has room for more than sessions.

        ``closed``: a contactor is, so there is nowhere else to put them.
        """
        log = self.log
        left = log.room - log.used if log and self.fresh else 0
        if left > _PLENTY or (closed and left > _LAST and len(self.fresh) == _SEVEN * MINUTE):
            if log.append(HISTORY, self.fresh):
                self.fresh = b""

    # ---- into the files; all of this writes some: never with a contactor closed ----

    def step(self):
        """Take over some of what is over; True while there is more."""
        log = self.log
        if log:
            for kind, payload in log.take(_AT_ONCE):
                self.take(_minutes(kind, payload))
            if not log.taken:
                return True
        fresh = self.fresh
        self.fresh = b""
        self.take(fresh)
        return False

    def flush(self):
        """Write all minutes that are over, so that the log may forget them. Blocks."""
        while self.step():
            pass
        self._write()

    def fold(self):
        """Take over at the start what was on its way when the power failed. Blocks."""
        last = self._resume()
        if self.log:
            new = last not in _each(self.log.waiting())
            for minute in _each(self.log.take(self.log.used)):
                if new:
                    self.take(minute)
                new = new or minute == last
        self.flush()

    def _resume(self):
        """Take the latest quarter into the block if it is not over; return the latest minute."""
        last = b""
        made = -1
        for buf, at in self.quarters.records(True):
            if whole(buf, at, QUARTER_FILED):
                made = start_of(buf, at)
                break
        for buf, at in self.minutes.records(True):
            if whole(buf, at, MINUTE_FILED):
                last = last or bytes(buf[at : at + MINUTE])
                begin = start_of(buf, at) // QUARTER_S * QUARTER_S
                if begin == made or begin != start_of(last, 0) // QUARTER_S * QUARTER_S \
                        or self.count == MINUTES:
                    break
                self.block[MINUTE:] = self.block[:-MINUTE]
                self.block[:MINUTE] = buf[at : at + MINUTE]
                self.count += 1
        self._written = self.count
        return last

    def take(self, minutes):
        """Add minutes to the block, which makes way for each new quarter."""
        for at in range(0, len(minutes), MINUTE):
            start = start_of(minutes, at)
            if self.count and (self.count == MINUTES
                               or start // QUARTER_S != start_of(self.block, 0) // QUARTER_S):
                self._close()
            place = self.count * MINUTE
            self.block[place : place + MINUTE] = minutes[at : at + MINUTE]
            self.count += 1
            if start % QUARTER_S == QUARTER_S - MINUTE_S:
                self._close()

    def _close(self):
        """The quarter in the block is over."""
        self._write()
        record = sealed(pack_quarter(self.block, self.count))
        self.count = self._written = 0
        self._append(self.quarters, record)

    def _write(self):
        """Write the minutes of the block that are in no file."""
        first = self._written
        if first < self.count:
            records = sealed_minutes(self.block, first, self.count)
            self._written = self.count
            self._append(self.minutes, records)

    def _append(self, files, records):
        """Append records. What flash does not take is lost, and nothing else for its sake."""
        try:
            files.append(records)
            self.filed += 1
            self.failed = False
        except OSError:
            self.failed = True

    # ---- for whoever reads ----

    def unfiled(self):
        """Yield (buffer, where) of the running quarter's minutes and those after it, then None.

        Some of the first may stand in the file. None comes in between as well: others may run.
        """
        block = bytes(self.block[: self.count * MINUTE])
        fresh = self.fresh
        waiting = self.log.waiting() if self.log else ()
        for at in range(0, len(block), MINUTE):
            yield block, at
        yield None
        for kind, payload in waiting:
            minutes = _minutes(kind, payload)
            for at in range(0, len(minutes), MINUTE):
                yield minutes, at
            yield None
        for at in range(0, len(fresh), MINUTE):
            yield fresh, at
        yield None


def _minutes(kind, payload):
    """Return the minutes in a record of the flash log."""
    if kind == SESSION:
        payload = payload[BODY:]
    elif kind != HISTORY:
        return b""
    whole = payload and len(payload) % MINUTE == 0
    return payload if whole and start_of(payload, 0) else b""


def _each(records):
    """Yield each minute in (kind, bytes) of the flash log's records."""
    for kind, payload in records:
        minutes = _minutes(kind, payload)
        for at in range(0, len(minutes), MINUTE):
            yield minutes[at : at + MINUTE]
