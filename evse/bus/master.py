"""Bus master: who is asked when, and how well each slave answers.

One task asks one slave at a time. A turn that comes late is dropped, never queued, and nothing
begins that might not be over when the most important slave has its turn: so the bus cannot fall
behind. Of the slaves that have gone silent one is tried in a cycle, whatever their number.
"""

import asyncio

from micropython import const

from evse import ticks
from evse.bus import rtu

_COUNT_MASK = 0x3FFFFFFF
_NAP_MS = 25  # how long something urgent may have to wait for an idle bus
_OLD_MS = 86_400_000  # ages above a day are not told apart; keeps stamps comparable
_LOST = const(5)  # misses in a row after which a slave counts as gone
_PROBE_MS = 2000
_LAST_READ = 4  # functions up to this one change nothing


class BadSample(Exception):
    """A sound reply whose content cannot be true."""


class Device:
    """What can be asked on the bus: ``name``, ``address``, ``parity`` (None, "E" or "O").

    A turn begins with ``begin()`` -> request PDU, or None when there is nothing to ask. For each
    reply ``take(data, clean)`` -> the turn's next PDU or None; ``clean`` says that it came at the
    first try. ``take`` raises BadSample for content that cannot be true. ``missed()`` is told
    when the first request stayed without a usable reply. Nobody answers a ``silent`` one: all
    hear it. ``urgent()`` asks for a turn at once, ``soon_ms`` for the next one so soon, if not 0.
    """

    parity = None
    silent = False
    soon_ms = 0

    def urgent(self):
        """Return True when this device cannot wait for its turn."""
        return False

    def missed(self):
        """Nothing came of this turn."""


class Slave:
    """One device on the bus with its turn and its counters.

    Counters count from start: ``requests``, ``replies`` (good ones), ``timeouts``, ``crc``,
    ``wrong`` (address, function, length or port), ``exceptions``, ``refused`` (values that cannot
    be true). ``misses`` counts failures since the last good reply. Latencies in ms.
    """

    def __init__(self, device, period_ms, now):
        self.device = device
        self.name = device.name
        self.period_ms = period_ms
        self.due = now
        self.requests = self.replies = self.misses = 0
        self.timeouts = self.crc = self.wrong = self.exceptions = self.refused = 0
        self.latency_ms = self.worst_ms = 0
        self.longest_ms = _PROBE_MS // 4  # of its first request, as far as one knows yet
        self._good_at = None

    @property
    def lost(self):
        """True for one that has gone silent, or was never there."""
        return self.misses >= (_LOST if self.replies else 1)

    def good(self, now, latency_ms):
        """Note a reply that could be used."""
        self.replies = self.replies + 1 & _COUNT_MASK
        self.misses = 0
        self.latency_ms = latency_ms
        self.worst_ms = max(self.worst_ms, latency_ms)
        self._good_at = now

    def age_ms(self, now):
        """Age of the last good reply, at most a day; -1 when there never was one."""
        if self._good_at is None:
            return -1
        age = ticks.diff(now, self._good_at)
        if not 0 <= age <= _OLD_MS:
            age = _OLD_MS
            self._good_at = ticks.add(now, -_OLD_MS)
        return age

    def fail(self, error, now, missed=True):
        """Count a failed request, and a turn that came to nothing."""
        if missed:
            self.misses = self.misses + 1 & _COUNT_MASK
        if isinstance(error, rtu.Timeout):
            self.timeouts = self.timeouts + 1 & _COUNT_MASK
        elif isinstance(error, rtu.Crc):
            self.crc = self.crc + 1 & _COUNT_MASK
        elif isinstance(error, rtu.ExceptionReply):
            self.exceptions = self.exceptions + 1 & _COUNT_MASK
        elif isinstance(error, BadSample):
            self.refused = self.refused + 1 & _COUNT_MASK
        else:
            self.wrong = self.wrong + 1 & _COUNT_MASK
        self.age_ms(now)

    def report(self, now):
        """Return name, address, ``ok``, ``age_ms`` and all counters as a dict of plain values."""
        return {
            "name": self.name, "address": self.device.address,
            "ok": self.misses == 0 < self.replies, "age_ms": self.age_ms(now),
            "latency_ms": self.latency_ms, "worst_ms": self.worst_ms,
            "requests": self.requests, "replies": self.replies, "timeouts": self.timeouts,
            "crc": self.crc, "wrong": self.wrong, "exceptions": self.exceptions,
            "refused": self.refused, "misses": self.misses,
        }


class Master:
    """Polls the devices added to it over ``link``."""

    def __init__(self, link, now, sleep_ms=asyncio.sleep_ms):
        self._link = link
        self._now = now
        self._sleep_ms = sleep_ms
        self._probe_at = now()
        self.slaves = []
        self.first = None  # the slave whose turn is never late

    def add(self, device, period_ms, first=False):
        """Give ``device`` a turn each ``period_ms``; returns its Slave."""
        slave = Slave(device, period_ms, self._now())
        self.slaves.append(slave)
        if first:
            self.first = slave
        return slave

    def rows(self):
        """Return one dict per slave, see ``Slave.report``."""
        now = self._now()
        return [slave.report(now) for slave in self.slaves]

    async def turn(self):
        """Ask whoever is due, or rest for a moment."""
        now = self._now()
        slave, wait = self._next(now)
        if slave is None or wait > 0:
            await self._sleep_ms(max(1, min(wait, _NAP_MS)))
            return
        due = ticks.add(slave.due, slave.period_ms)
        if ticks.due(now, due) or not ticks.due(now, slave.due):
            due = ticks.add(now, slave.period_ms)  # its turn was dropped, or came early
        slave.due = due
        await self._ask_all(slave)
        if slave.lost:
            self._probe_at = ticks.add(now, _PROBE_MS)
        if slave.device.soon_ms:
            slave.due = ticks.add(self._now(), slave.device.soon_ms)

    def _next(self, now):
        """Return the slave to be asked and how many ms until then, 0 for at once."""
        first = self.first
        left = _NAP_MS
        if first:
            left = ticks.diff(first.due, now)
            if left <= 0:
                return first, 0
        chosen = None
        latest = -1
        wait = left
        probing = ticks.due(now, self._probe_at)
        for slave in self.slaves:
            if slave is first or slave.lost and not probing:
                continue
            late = ticks.diff(now, slave.due)
            if slave.device.urgent():
                late = _OLD_MS
            if late > latest:
                latest = late
                chosen = slave
            elif late < 0:
                wait = min(wait, -late)
        if chosen and first and chosen.longest_ms > left:
            return None, left
        return chosen, 0 if chosen else wait

    async def _ask_all(self, slave):
        """Ask one slave what it has to say this time.

        Only a first request is repeated, once, if it reads and the slave was well before: one that
        is lost or refuses takes no more of the bus than it must, and nothing is written twice.
        """
        device = slave.device
        pdu = device.begin()
        if pdu is None:
            return
        slave.longest_ms = rtu.worst_ms(pdu)
        retry = slave.misses == 0 and pdu[0] <= _LAST_READ
        begun = False
        clean = True
        while pdu is not None and (not begun or self._fits(pdu)):
            try:
                pdu = await self._ask(slave, pdu, clean)
                begun = True
                retry = False
            except (rtu.BusError, BadSample) as error:
                retry = (retry and not isinstance(error, (rtu.ExceptionReply, BadSample))
                         and self._fits(pdu))
                missed = not begun and not retry  # in a turn that has begun it is there
                slave.fail(error, self._now(), missed)
                if missed:
                    device.missed()
                if not retry:
                    return
                retry = clean = False

    def _fits(self, pdu):
        """True when this request will be over before the first slave's turn, come what may."""
        return (not self.first
                or ticks.diff(self.first.due, self._now()) >= rtu.worst_ms(pdu))

    async def _ask(self, slave, pdu, clean):
        slave.requests = slave.requests + 1 & _COUNT_MASK
        if slave.device.silent:
            await self._link.send(slave.device.address, pdu)
            slave.good(self._now(), 0)
            return None
        data = await self._link.transact(slave.device.address, pdu, slave.device.parity)
        latency_ms = self._link.latency_ms
        pdu = slave.device.take(data, clean)
        slave.good(self._now(), latency_ms)
        return pdu
