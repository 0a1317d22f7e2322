"""A charger's core with a car, a cable and a house around it, in cycles of 8 ms.

What is true of the world is known here apart from what the code believes, and is checked against
what the outputs do in each cycle. ``broken`` names the first rule that did not hold.
"""

import os
import sys
from array import array

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "unit"))

from evse import reasons, ticks
from evse.charging import faults
from evse.charging.charger import STATE_A, STATE_B1, STATE_C, STATE_C1
from evse.charging.pilot import FULL, current_of
from evse.core import Core
from evse.journal import Journal
from evse.power import allocate
from evse.settings import Refused, Settings

CYCLE_MS = 8
_ZERO_MV, _LOW_MV = 1723, 164
# Pin mV: A, B, C, D, short, -12 V on the high part, none of the standard's.
MV = (3281, 2892, 2502, 2112, 1723, 164, 1000)
NONE, CONNECTED, ASKING, ODD = 0, 1, 2, 6
_BLIND = FULL * 9 // 10  # above, too little of each period is negative to see a diode by
_SECOND_MS = 500
_OPEN_MS = 70  # after a true edge of the car
_INVALID_MS = 1110
_NEAR_MS = 48
SERVICES = {"SHORT": 4}


class Car:
    """A car with its quirks; ``level(now)`` is what it shows, all times in ms of the world.

    ready_ms: from an offer to 6 V; stop_ms: from the end of the offer to 9 V, None for a car that
    goes on; bounce_ms: it shows the old and the new level in turn for so long; diode: False for
    none; asleep: "" or what wakes it: "open" (the pilot interrupted for 3 s), "f" (-12 V for 3 s).
    """

    def __init__(self, ready_ms=300, stop_ms=500, bounce_ms=0, diode=True, asleep="",
                 forced=None):
        self.ready_ms = ready_ms
        self.stop_ms = stop_ms
        self.bounce_ms = bounce_ms
        self.diode = diode
        self.asleep = asleep
        self.forced = forced  # a level it shows whatever it is offered
        self._closed = False
        self._changed = -10_000
        self._offer_since = None
        self._silent_since = 0
        self._odd_since = None
        self._bounced = False

    def see(self, duty, connected, now):
        """What comes down the pilot at ``now``."""
        offered = connected and current_of(duty) > 0
        odd = "open" if not connected else "f" if duty == 0 else ""
        if odd:
            if self._odd_since is None or self._odd_since[0] != odd:
                self._odd_since = (odd, now)
            if odd == self.asleep and now - self._odd_since[1] >= 3000:
                self.asleep = ""
        else:
            self._odd_since = None
        if offered and self._offer_since is None:
            self._offer_since = now
        if not offered:
            if self._offer_since is not None:
                self._silent_since = now
            self._offer_since = None
        wants = self._closed
        if self._offer_since is not None and not self.asleep:
            if now - self._offer_since >= self.ready_ms:
                wants = True
        elif self._offer_since is None and self.stop_ms is not None:
            if now - self._silent_since >= self.stop_ms:
                wants = False
        if wants != self._closed:
            self._closed = wants
            self._changed = now

    def level(self, now):
        """What it shows."""
        if self.forced is not None:
            return self.forced
        closed = self._closed
        if now - self._changed < self.bounce_ms and (now - self._changed) // 16 % 2:
            closed = not closed
        return ASKING if closed else CONNECTED

    def next_change(self, now):
        """Ms until the car may do something by itself."""
        if now - self._changed <= self.bounce_ms + CYCLE_MS:
            return 0
        left = 10_000
        if self._offer_since is not None and not self._closed and not self.asleep:
            left = min(left, self.ready_ms - (now - self._offer_since))
        if self._offer_since is None and self._closed and self.stop_ms is not None:
            left = min(left, self.stop_ms - (now - self._silent_since))
        if self._odd_since is not None:
            left = min(left, 3000 - (now - self._odd_since[1]) if self.asleep else left)
        return left


class World:
    """One charger from the tick ``now`` on; ``settings`` as a stored file would hold them."""

    def __init__(self, now, settings=None, delay_s=0):
        self.t = 0
        self._base = now
        self.journal = Journal()
        self.settings = Settings(self.journal.record)
        self.settings.load({"settings": settings or {}})
        self.core = Core(self.settings, self.journal, allocate, now, delay_s)
        self.delay_ms = delay_s * 1000
        self.car = None
        self.cable_mv = 595
        self.rcm = False
        self.temperature_dc = 250
        self.house_da = None
        self.c1 = self.c2 = False
        self.duty, self.connect = FULL, False
        self.broken = None
        self.trace = []
        self.closings = 0
        self._shown = None
        self._burst = array("i", (0,) * 6)
        self._second = 0
        self._house = 0
        self._truth = []  # (since, level) of the car, newest last
        self._duty_at = -100
        self._rested = False  # the car truly showed 9 V since the contactor was last closed
        self._c1_at = 0
        self._busy = 0
        self._state = self.core.charger.state
        self._bad = []

    @property
    def tick(self):
        """The board's tick."""
        return ticks.add(self._base, self.t)

    def level(self):
        """What is truly on the pilot; ODD for 9 or 6 V whose negative part is seen to be wrong."""
        if self.car is None:
            return NONE
        level = self.car.level(self.t)
        if level and not self.car.diode and 0 < self.duty <= _BLIND:
            return ODD
        return level

    # ---- what may happen ----

    def touch(self):
        """Leave no cycle out for a while."""
        self._busy = self.t + 200

    def plug(self, car):
        """Put in the plug of ``car``, None to pull it."""
        if car is not None:
            car._changed = self.t
            car._silent_since = self.t
        self.car = car
        self.touch()

    def command(self, name, value, source="REST"):
        """A command; returns the sentence of a refusal, "" when it was carried out."""
        charger = self.core.charger
        before = (charger.c1, charger.c2, charger.state, charger.duty)
        self.core.now = self.tick
        try:
            self.core.command(name, value, source)
            answer = ""
        except Refused as refusal:
            answer = refusal.reason
        after = (charger.c1, charger.c2, charger.state, charger.duty)
        self.rule(after[0] <= before[0] and after[1] <= before[1], "a command closes nothing")
        self.rule(after[2:] == before[2:], "a command sets no state and no duty")
        self.touch()
        return answer

    # ---- time ----

    def run(self, ms, ask=None):
        """Run for ``ms`` or until ``ask()``; idle cycles are left out, as scenarios do."""
        end = self.t + ms
        while self.t < end:
            self._cycle()
            if ask is not None and ask():
                break
            jump = self._idle(end)
            self.t += max(CYCLE_MS, jump // CYCLE_MS * CYCLE_MS)
        return self

    def until(self, ask, limit_ms):
        """Run until ``ask()``; returns the ms it took, None when it took more than the limit."""
        start = self.t
        if not ask():
            self.run(limit_ms, ask)
        return self.t - start if ask() else None

    def _idle(self, end):
        core = self.core
        pilot = core.pilot
        if (self.t < self._busy or pilot.raw != pilot.level or pilot.invalid_ms
                or core.guard.tripped or self.wait < 100):
            return 0
        left = min(self.wait, end - self.t, self._second - self.t,
                   ticks.diff(core.regulate_due, self.tick))
        if self.house_da is not None:
            left = min(left, self._house - self.t)
        if self.car is not None:
            left = min(left, self.car.next_change(self.t))
        return left - _NEAR_MS

    def _cycle(self):
        core = self.core
        now = self.tick
        core.now = now
        if self.car is not None:
            self.car.see(self.duty, self.connect, self.t)
        shown = NONE if self.car is None else self.car.level(self.t)
        level = self.level()
        if not self._truth or self._truth[-1][1] != level:
            self._truth.append((self.t, level))
            del self._truth[:-40]
            self.touch()
        self._fill(shown)
        if core.sample(self._burst, self.rcm and core.rcm_enabled, now):
            self._outputs(False, False, self.duty, self.connect)
        if self.house_da is not None and self.t >= self._house:
            self._house = self.t + 1000
            self._reading()
        if self.t >= self._second:
            self._second = self.t + _SECOND_MS
            cable = 3300 if self.car is None else self.cable_mv
            core.second(now, cable, self.temperature_dc, self.rcm and core.rcm_enabled)
        if ticks.due(now, core.regulate_due):
            while not core.regulate(now):
                pass
        charger = core.charger
        self.wait = core.step(now)
        self._outputs(charger.c1, charger.c2, charger.duty, charger.connect)
        self._check(level)
        self._note()

    def _reading(self):
        drawn = self.draw_da()
        try:
            self.core.command("reading", ["mains"] + [self.house_da + drawn] * 3, "bus")
        except Refused:
            pass

    def draw_da(self):
        """What the car draws, for as long as it asks."""
        return current_of(self.duty) if self.c1 and self.level() == ASKING else 0

    def _fill(self, level):
        burst = self._burst
        for i in range(6):
            burst[i] = 0
        if self.t - self._duty_at < 3:
            return
        high = MV[level]
        low = _LOW_MV
        if not self.connect:
            high = low = 2000 + (self.t * 7) % 900
        elif level == SERVICES["SHORT"]:
            low = _ZERO_MV
        elif self.car is not None and not self.car.diode:
            low = 2 * _ZERO_MV - high
        if self.duty:
            burst[0] = 8
            burst[1] = burst[2] = high
        if self.duty < FULL and (FULL - self.duty) * 1000 // FULL >= 42 or not self.duty:
            burst[3] = 8
            burst[4] = burst[5] = low

    def _outputs(self, c1, c2, duty, connect):
        if duty != self.duty:
            self._duty_at = self.t
        if c1 != self.c1:
            self._c1_edge(c1)
        if c2 != self.c2:
            self._c2_edge(c1, c2)
        if (c1, c2, duty, connect) != (self.c1, self.c2, self.duty, self.connect):
            self.touch()
        self.c1, self.c2, self.duty, self.connect = c1, c2, duty, connect

    # ---- what must hold ----

    def rule(self, holds, name):
        """Note the first rule that did not hold."""
        if not holds and self.broken is None:
            charger = self.core.charger
            self.broken = (name, self.t, charger.state, reasons.text(charger.reason),
                           self._truth[-6:], self.trace[-8:],
                           [event[2:] for event in self.journal.events()][-8:])

    def _shown_within(self, level, ms):
        """True when the car truly showed ``level`` at some time of the last ``ms``."""
        end = self.t
        for since, was in reversed(self._truth):
            if was == level:
                return True
            end = since
            if self.t - end > ms:
                break
        return False

    def _c1_edge(self, c1):
        charger = self.core.charger
        self._c1_at = self.t
        if not c1:
            return
        self.closings += 1
        self.rule(charger.state == STATE_C, "closes in C only")
        self.rule(self.car is not None and self.level() == ASKING, "closes for a car that asks")
        self.rule(self._rested, "closes only after the car was seen at rest")
        self.rule(self.car is not None and self.car.diode, "closes only with a diode")
        self.rule(not charger.faults & faults.BLOCKING, "closes without a fault")
        self.rule(self.core.access.state == 1, "closes with access")
        self.rule(charger.locked, "closes with the plug locked")
        self.rule(charger.grant_da >= max(charger.min_da, 60), "closes with a grant")
        self.rule(self.core.regulator.grant_da[0] >= self.settings.get("min") * 10,
                  "closes when the regulator grants")
        self.rule(not (self.rcm and self.core.rcm_enabled), "closes without residual current")
        self.rule(self.t >= self.delay_ms, "closes after the start delay")
        self._rested = False

    def _c2_edge(self, c1, c2):
        if c2:
            self.rule(c1 and self.t - self._c1_at <= 200,
                      "contactor 2 closes straight after contactor 1")
            self.rule(self.c1, "contactor 2 closes after contactor 1")
        else:
            self.rule(not c1, "contactor 2 opens only with contactor 1")

    def _check(self, level):
        charger = self.core.charger
        if level == CONNECTED:
            self._rested = True
        elif level == NONE and self.t - self._truth[-1][0] > _OPEN_MS:
            self._rested = False
        self.rule(self.c1 or not self.c2, "contactor 2 never alone")
        if self.c1:
            self._check_closed(level, charger)
        else:
            self._bad = []
        if self.core.guard.tripped:
            self.rule(not self.c1, "open while the guard says so")
        if charger.state != self._state:
            if self._state in (STATE_C, STATE_C1):
                self.rule(charger.reason not in (0, reasons.CHARGING), "every stop has a reason")
            self._state = charger.state
        if charger.state != STATE_C:
            self.rule(charger.reason not in (0, reasons.CHARGING), "who does not charge says why")
        else:
            self.rule(charger.c1, "C is charging")
        offered = current_of(self.duty) if self.connect else 0
        if offered and self.settings.get("modem") == "Not present":
            self.rule(offered <= max(charger.cable_da, 60), "no more than the cable")
            self.rule(offered <= self.settings.get("max") * 10, "no more than MAX")
        if charger.state in (STATE_A, STATE_B1):
            self.rule(not self.c1 and not self.c2, "open in A and B1")
            self.rule(not offered, "nothing is offered in A and B1")

    def _check_closed(self, level, charger):
        self.rule(charger.state in (STATE_C, STATE_C1), "closed in C and C1 only")
        since = self._truth[-1][0]
        if level in (NONE, CONNECTED):
            self.rule(self.t - since <= _OPEN_MS, "opens soon after the car left 6 V")
        self._bad.append((self.t, level > ASKING))
        while self._bad[0][0] < self.t - 3000:
            self._bad.pop(0)
        total = 0
        for (start, was), (end, _) in zip(self._bad, self._bad[1:]):
            total += end - start if was else 0
        self.rule(total <= _INVALID_MS, "an invalid pilot is borne for a second")
        if self.rcm and self.core.rcm_enabled:
            self.rule(False, "open at once on residual current")

    def _note(self):
        charger = self.core.charger
        shown = (charger.state, charger.reason, self.c1, self.c2, self.duty, self.connect,
                 charger.faults, charger.offered_da, self.core.regulator.grant_da[0])
        if shown != self._shown:
            self._shown = shown
            self.trace.append((self.t,) + shown)
