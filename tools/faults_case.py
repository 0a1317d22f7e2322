"""Runs on MicroPython: one fault, or a pair, from a charger that is well until it is so again.

A fault is made at a moment, the safe reaction is waited for, the fault stays for a while, is
mended, and the charger has to charge again; then all that must not be lost is read from its flash.
"""

import asyncio

from evse.journal import Journal
from evse.sessions import Sessions
from evse.settings import TABLE, Settings
from faults_site import Site
from twin.car import offer_ma

_SETTLED_MS = 12_000
_MINUTE_WH = 190  # 16 A of three phases for a minute, which is what a power cut may cost
_FILED_MS = 68_000  # until what a session leaves is in its file
_BACK_MS = 120_000
_HAND_MS = 20_000  # somebody comes so long after the fault is mended
_BETWEEN_MS = 1200  # the faults of a pair: what is kept once a second is kept


def nothing(_site):
    """Nothing is to be done."""


async def charging(site):
    """Before the fault: a car charges."""
    if not await site.charge():
        raise Unwell("it did not charge")
    await asyncio.sleep_ms(_SETTLED_MS + site.moment_ms)


async def empty(site):
    """Before the fault: no car is there."""
    await asyncio.sleep_ms(2000 + site.moment_ms)


async def connected(site):
    """Before the fault: a car is there, and charging is paused."""
    site.charger.core.command("access", "Pause", "REST")
    site.charger.world.plug()
    await asyncio.sleep_ms(5000 + site.moment_ms)


async def closing(site):
    """Before the fault: the contactor has just been told to close."""
    await connected(site)
    site.charger.core.command("access", "On", "REST")
    await site.until(lambda: site.charger.world.c1, 10_000)


def opens(site):
    """Safe when both contactors are commanded open."""
    return site.charger.open()


def silent(site):
    """Safe when nothing is offered: the car has its 6 s."""
    return site.charger.silent()


def offers(amps):
    """Safe when nothing above ``amps`` is offered."""
    def safe(site):
        world = site.charger.world
        return silent(site) or offer_ma(world.duty) <= 1000 * amps + 50
    return safe


def both(*actions):
    """One action out of several."""
    def do(site):
        for action in actions:
            action(site)
    return do


def told(bit):
    """Safe when the fault ``bit`` is told."""
    return lambda site: site.charger.faults() & bit


class Unwell(Exception):
    """The charger was not well before the fault."""


_WHEN = {empty: "no car", connected: "paused", closing: "closing"}


class Fault:
    """``what`` happens and what is ``expected``, in words; within ``limit_ms`` ``safe(site)``.

    ``make(site)`` and ``mend(site)`` do it. Without ``safe`` the charge must go on as if nothing
    were; with ``never_ms`` no contactor may close for so long. ``before`` brings the site to where
    it is made, ``when`` in words. ``hand(site)`` is what a person must do besides. ``lasts_ms`` is
    how long it stays once safe; it is safe until it is mended if it ``stays``. ``back`` tells that
    all is well again. ``over_ms``: how long the mains may be exceeded. ``wh``: what the sessions'
    energy may be wrong by, None for anything. ``settings`` False: they may change.
    """

    def __init__(self, what, expected, make, mend=None, safe=None, limit_ms=0, before=charging,
                 hand=None, lasts_ms=15_000, back=None, setup=None, nodes=0, over_ms=8000, wh=6,
                 settings=True, stays=True, never_ms=0, when=None):
        self.what = what
        self.expected = expected
        self.make = make
        self.mend = mend or nothing
        self.safe = safe
        self.limit_ms = limit_ms
        self.before = before
        self.when = when or _WHEN.get(before, "charging")
        self.hand = hand
        self.lasts_ms = lasts_ms
        self.back = back or (lambda site: site.charger.draws())
        self.setup = setup or {}
        self.nodes = nodes
        self.over_ms = over_ms
        self.wh = wh
        self.settings = settings
        self.stays = stays
        self.never_ms = never_ms


class Made:
    """A ``fault`` that has just been made at ``site``, and what has become of the charge since."""

    def __init__(self, site, fault):
        charger = site.charger
        self.fault = fault
        self.site = site
        self.ms = site.clock.ms
        self._from = len(charger.changes)
        self._starts = charger.starts
        self.took = None
        fault.make(site)

    def _first(self, condition):
        """Ms until the outputs first became as ``condition(c1, duty)``, None: they did not."""
        for ms, c1, duty in self.site.charger.changes[self._from:]:
            if condition(c1, duty):
                return ms - self.ms
        return None

    def _went_on(self):
        """True when neither contactor nor offer has been off, and nothing was restarted."""
        charger = self.site.charger
        return charger.starts == self._starts and self._first(
            lambda c1, duty: not c1 or duty in (0, 65536)) is None

    def look(self):
        """See whether the safe reaction is there; ``took`` is its ms then."""
        fault, site = self.fault, self.site
        if self.took is None and fault.safe and fault.safe(site):
            self.took = site.clock.ms - self.ms
            if fault.safe is opens:
                self.took = self._first(lambda c1, _: not c1) or 0  # it may have been so before
            elif fault.safe is silent:
                self.took = self._first(lambda _, duty: duty in (0, 65536)) or 0

    async def bear(self):
        """One without a reaction: wait, and see that there was none."""
        fault = self.fault
        await asyncio.sleep_ms(fault.never_ms or fault.lasts_ms)
        held = self._first(lambda c1, _: c1) is None if fault.never_ms else self._went_on()
        if held:
            self.took = 0


def _values(settings):
    return {entry[0]: settings.get(entry[0]) for entry in TABLE}


async def run(clock, faults, limits, moment_ms=0):
    """Run ``faults`` together, each a little after the one before; returns what came of it.

    ``limits`` are the ms each may take. {"ms": until the safe reaction of each, None: never;
    "limits"; "lost"; "back_ms"; "broken": [...]}
    """
    setup = {}
    for fault in faults:
        setup.update(fault.setup)
    site = Site(clock, setup, max([fault.nodes for fault in faults]))
    site.judge.over_limit_ms = max([fault.over_ms for fault in faults])
    site.moment_ms = moment_ms
    result = {"ms": [], "limits": limits, "lost": "", "back_ms": None,
              "broken": site.judge.broken}
    await site.start()
    await faults[0].before(site)
    values = _values(site.charger.core.settings)
    starts = site.charger.starts
    made = []
    for fault in faults:
        if made:
            await site.until(lambda: _reacted(made, False), _BETWEEN_MS)
        made.append(Made(site, fault))
    await site.until(lambda: _reacted(made, True), max(limits))
    reacting = [one for one in made if one.fault.safe]
    for one in made:
        if not reacting:
            await one.bear()
        elif one not in reacting:
            one.took = 0  # the other one may have stopped what would have gone on
    result["ms"] = [one.took for one in made]
    late = any(ms is None or ms > limit for ms, limit in zip(result["ms"], limits))
    if late or not await _stay(site, faults):
        return result
    for fault in reversed(faults):
        fault.mend(site)
    await _hands(site, [fault.hand for fault in faults if fault.hand])
    result["back_ms"] = await site.until(
        lambda: all(fault.back(site) for fault in faults), _BACK_MS)
    if result["back_ms"] is not None:
        known = [fault.wh for fault in faults if fault.wh is not None]
        resets = site.charger.starts - starts
        result["lost"] = await lost(
            site, max(known) + resets * _MINUTE_WH if len(known) == len(faults) else None,
            values if all(fault.settings for fault in faults) else {})
    return result


def _reacted(made, enough):
    """Look at all; True when each has been reacted to, if that is ``enough`` to be told."""
    for one in made:
        one.look()
    return enough and all(one.took is not None or not one.fault.safe for one in made)


async def _stay(site, faults):
    """Leave the faults there for a while; False when it was not safe all the time."""
    staying = [fault for fault in faults if fault.safe and fault.stays]
    end = site.clock.ms + min([fault.lasts_ms for fault in faults if fault.safe] or [0])
    while site.clock.ms < end:
        await asyncio.sleep_ms(20)
        for fault in staying:
            if not fault.safe(site):
                site.judge.broken.append("not safe any more: " + fault.what)
                return False
    return True


async def _hands(site, hands):
    """Some time later somebody comes and does what is to be done."""
    if hands:
        await asyncio.sleep_ms(_HAND_MS)
        if site.charger.world.c1:
            site.judge.broken.append("charged before somebody looked")
        for do in hands:
            do(site)


async def lost(site, wh, values):
    """Read the flash in a quiet moment; returns what is missing from it, in words, or "".

    ``wh`` is what the energy of the sessions may be wrong by, None for anything; ``values`` are
    what settings must have, by key.
    """
    for charger in site.chargers:
        charger.world.unplug(at_car=True)
    await asyncio.sleep_ms(_FILED_MS)
    charger = site.charger
    folder = charger.folder
    counted = sum([session.wh for session in Sessions(folder + "/sessions.bin").records()])
    drawn = charger.world.ev_meter()[1]
    if wh is not None and abs(counted - drawn) > wh:
        return "sessions of %d Wh, %d were drawn" % (counted, drawn)
    kept = _values(Settings(Journal().record, folder + "/settings.json"))
    now = _values(charger.core.settings)
    for key in kept:
        if kept[key] != now[key]:
            return "%s was %s, and %s in the file" % (key, now[key], kept[key])
        if now[key] != values.get(key, now[key]):
            return "%s was %s, and has become %s" % (key, values[key], now[key])
    return ""
