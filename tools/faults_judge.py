"""Runs on MicroPython: what must hold at every moment of a run, whatever is broken."""

from helpers_flash import forbidden
from twin.car import offer_ma

_STEP_MS = 10
_NOT_ASKED_MS = 110  # 70 ms to decide, and the steps of this judge
_ODD_MS = 1150
_RCM_MS = 50
_EVERY = 100  # steps between two looks at the flash
_MORE_MA = 100


class Judge:
    """Looks at ``site`` each 10 ms. ``broken`` has what did not hold, each once.

    ``over_limit_ms``: how long the true mains may be above ``limit_ma``. ``circuit_ma``: what all
    cars together may draw of a phase, None for anything.
    """

    def __init__(self, site, limit_ma):
        self.broken = []
        self.over_limit_ms = 8000
        self.limit_ma = limit_ma
        self.circuit_ma = None
        self._crowd = 0
        self._site = site
        self._over = 0
        self._steps = 0
        self._closed = [0] * len(site.chargers)
        self._odd = [0] * len(site.chargers)
        self._leak = [0] * len(site.chargers)

    def _break(self, what):
        if what not in self.broken:
            self.broken.append(what)

    def look(self, now):
        """One look at ``now``."""
        site = self._site
        mains = max([site.ground.mains_ma(phase) for phase in range(3)])
        drawn = any(charger.world.car.draw_ma for charger in site.chargers)
        self._over = self._over + _STEP_MS if mains > self.limit_ma + _MORE_MA and drawn else 0
        if self._over > self.over_limit_ms:
            self._break("mains exceeded for more than %d s" % (self.over_limit_ms // 1000))
        if self.circuit_ma:
            total = sum([charger.world.car.draw_ma for charger in site.chargers])
            self._crowd = self._crowd + _STEP_MS if total > self.circuit_ma + _MORE_MA else 0
            if self._crowd > self.over_limit_ms:
                self._break("circuit exceeded for more than %d s" % (self.over_limit_ms // 1000))
        for number, charger in enumerate(site.chargers):
            self._plug(number, charger.world)
        self._steps += 1
        if self._steps % _EVERY == 0:
            self._flash()

    def _plug(self, number, world):
        closed = world.c1 or world.c2
        high = world.pilot_mv()[0]
        not_asked = closed and (high > 7500 or -1000 <= high <= 1000)
        odd = closed and not 4500 <= high <= 7500
        self._closed[number] = self._closed[number] + _STEP_MS if not_asked else 0
        self._odd[number] = self._odd[number] + _STEP_MS if odd else 0
        self._leak[number] = self._leak[number] + _STEP_MS if closed and world.rcm else 0
        if self._closed[number] > _NOT_ASKED_MS:
            self._break("closed without being asked")
        if self._odd[number] > _ODD_MS:
            self._break("closed on a bad pilot")
        if self._leak[number] > _RCM_MS:
            self._break("closed on a residual current")
        if world.connect and offer_ma(world.duty) > 16_100:
            self._break("more offered than MAX")
        contactors = world.contactors
        if contactors.c2_under_load or contactors.without_neutral:
            self._break("contactor 2 under load or alone")

    def _flash(self):
        for charger in self._site.chargers:
            if forbidden(charger.flash):
                self._break("flash written or erased under load")
            charger.flash.ops = []
        self._site.line.traffic = []
