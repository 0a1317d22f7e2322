"""Bus master: who is asked when, and how well each slave answers.

One task asks one slave at a time. A turn that comes late is dropped, never queued, so the bus
cannot fall behind; a slave that does not answer costs the others its time limit and no more.
"""

import asyncio

from evse import ticks
from evse.bus import rtu

_COUNT_MASK = 0x3FFFFFFF
_IDLE_MS = 100  # longest nap, so that a device added while running gets its turn
_OLD_MS = 86_400_000  # ages above a day are not told apart; keeps stamps comparable


class BadSample(Exception):
    """A sound reply whose content cannot be true."""


class Slave:
    """One device on the bus with its turn and its counters.

    Counters count from start: ``requests``, ``replies`` (good ones), ``timeouts``, ``crc``,
    ``wrong`` (address, function, length or port), ``exceptions``, ``refused`` (values that cannot
    be true). ``misses`` counts failures since the last good reply. Latencies in ms.
    """

    def __init__(self, device, period_ms, now):
        self.device = device
        self.name = device.name
        self.address = device.address
        self.period_ms = period_ms
        self.due = now
        self.requests = self.replies = self.misses = 0
        self.timeouts = self.crc = self.wrong = self.exceptions = self.refused = 0
        self.latency_ms = self.worst_ms = 0
        self._good_at = None

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

    def fail(self, error, now):
        """Count a failed request."""
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
            "name": self.name, "address": self.address, "ok": self.misses == 0 < self.replies,
            "age_ms": self.age_ms(now), "latency_ms": self.latency_ms, "worst_ms": self.worst_ms,
            "requests": self.requests, "replies": self.replies, "timeouts": self.timeouts,
            "crc": self.crc, "wrong": self.wrong, "exceptions": self.exceptions,
            "refused": self.refused, "misses": self.misses,
        }


class Master:
    """Polls the devices added to it over ``link``, for ever.

    A device has ``name``, ``address``, ``begin()`` -> first request PDU of a turn, and
    ``take(data, clean)`` -> next PDU of the turn or None; ``take`` raises BadSample for content
    that cannot be true.
    """

    def __init__(self, link, now, sleep_ms=asyncio.sleep_ms):
        self._link = link
        self._now = now
        self._sleep_ms = sleep_ms
        self.slaves = []
        self.alive_at = now()  # for the supervisor: never older than one turn while run() lives

    def add(self, device, period_ms):
        """Give ``device`` a turn each ``period_ms``; returns its Slave."""
        slave = Slave(device, period_ms, self._now())
        self.slaves.append(slave)
        return slave

    def quality(self):
        """Return one dict per slave, see ``Slave.report``."""
        now = self._now()
        return [slave.report(now) for slave in self.slaves]

    async def run(self):
        """Poll until cancelled."""
        while True:
            now = self.alive_at = self._now()
            slave = self._next(now)
            wait = _IDLE_MS if slave is None else ticks.diff(slave.due, now)
            if wait > 0:
                await self._sleep_ms(min(wait, _IDLE_MS))
                continue
            slave.due = ticks.add(slave.due, slave.period_ms)
            if ticks.due(now, slave.due):
                slave.due = ticks.add(now, slave.period_ms)
            await self._turn(slave)

    def _next(self, now):
        """Return the slave whose turn is the most overdue, or comes first."""
        chosen = None
        soonest = 0
        for slave in self.slaves:
            wait = ticks.diff(slave.due, now)
            if chosen is None or wait < soonest:
                chosen = slave
                soonest = wait
        return chosen

    async def _turn(self, slave):
        """Ask one slave what it has to say this time.

        Only the first request is repeated, once, and only if the slave was well before: one that
        is lost or refuses takes no more of the bus than it must.
        """
        pdu = slave.device.begin()
        retry = slave.misses == 0
        clean = True
        while pdu is not None:
            try:
                pdu = await self._ask(slave, pdu, clean)
                retry = False
            except (rtu.BusError, BadSample) as error:
                slave.fail(error, self._now())
                if not retry or isinstance(error, (rtu.ExceptionReply, BadSample)):
                    return
                retry = clean = False

    async def _ask(self, slave, pdu, clean):
        slave.requests = slave.requests + 1 & _COUNT_MASK
        data = await self._link.transact(slave.address, pdu)
        latency_ms = self._link.latency_ms
        pdu = slave.device.take(data, clean)
        slave.good(self._now(), latency_ms)
        return pdu
