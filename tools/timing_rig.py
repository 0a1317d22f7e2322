"""Runs on MicroPython: one plug at 1 ms resolution, as a board runs the shipped code.

The car's pilot changes at any ms. The timer's callback samples it and lets the guard look, the
control task steps; ``timing_board`` says when.
"""

from array import array

from evse import ticks
from evse.charging.charger import Charger
from evse.charging.guard import Guard
from evse.charging.pilot import FULL, Pilot
from evse.charging.states import STATE_B, STATE_C
from timing_board import LOST, NOISE, QUEUE, TICK_MS, Quiet, Rng, Stalls, mix

LATCH_MS = 3  # after a new duty no sample counts for two periods
FOREVER_MS = 400_000_000
ON, PAUSE = 1, 2  # access

# Pin millivolts: A, B, C, D, a short, -12 V, and a level that is none of the standard's.
MV = (3281, 2892, 2502, 2112, 1723, 164, 1000)
NONE, CONNECTED, ASKING, VENTILATION, SHORT, NEGATIVE, ODD = range(7)
_LOW_MV = 164
_ZERO_MV = 1723
_NEAR_MS = 40  # cycles are run one by one for so long before and after anything happens
_CALM_MS = 120
_MODEM_DUTY = FULL // 12


class Rig:
    """Pilot, guard and charger on a board, and what is plugged in.

    ``t`` is the ms since the start. ``c1``, ``c2``, ``duty`` and ``connect`` are the board's
    outputs as they are now, ``trace`` all their changes as (t, c1, c2, duty, connect, state) and
    ``log`` what the code recorded, as (t, code, a, b).
    """

    def __init__(self, seed, stalls=False, jump=True):
        self.rng = rng = Rng(seed)
        self.board = (Stalls if stalls else Quiet)(seed)
        self.t = 0
        # Every third repetition crosses the wrap of the ticks, at a place of its own.
        self._base = ticks.MASK - rng.below(20_000) if rng.one_in(3) else rng.below(ticks.MASK)
        self.jump = jump
        self.log = []
        self.trace = []
        self.c1 = self.c2 = False
        self.duty = FULL
        self.connect = False
        self.rcm = False
        self.diode = True
        self.blind = False  # the converter gives nothing
        self.hung = False  # the control task does not come any more
        self._level = NONE
        self._before = NONE
        self._changed = -1000  # ms of the last change of the car's level
        self._busy = 0  # cycles are run one by one until then
        self._duty_at = -1000
        self._offset = rng.between(-30, 30)  # the car's resistor and the board's reference
        self._short = rng.below(2) * 115
        self._floating = rng.between(100, 3200)
        self._burst = array("i", (0,) * 6)
        self._timer = rng.below(TICK_MS)
        self._callback_at = self._timer
        self._step_at = -1
        self._spent = -1  # ms of the last callback, which samples for up to one
        self.wait = 0
        self.pilot = None
        self.charger = None
        self.guard = None
        self._build()

    def _build(self):
        self.pilot = Pilot()
        self.charger = Charger(self.pilot, self.record)
        self.guard = Guard(self.pilot, self.charger, self.record)
        self.charger.access = ON
        self.charger.cable_da = 800
        self.charger.max_da = 800
        self.permit(160)

    # ---- what the outside does ----

    @property
    def level(self):
        """What the car shows."""
        return self._level

    def show(self, level):
        """Let the car show ``level`` from this ms on."""
        if self._changed != self.t:
            self._before = self._level
        self._changed = self.t
        self._level = level
        self.touch()

    def touch(self):
        """Something happened: leave no cycle out for a while."""
        self._busy = self.t + _CALM_MS

    def trip(self, on):
        """The line of the residual current monitor."""
        self.rcm = on
        self.touch()

    def permit(self, da, ms=FOREVER_MS, reason=0):
        """Grant ``da`` dA for ``ms``."""
        self.charger.grant(da, ticks.add(self.now(), ms), reason)
        self.touch()

    def record(self, code, a=0, b=0):
        """The journal."""
        self.log.append((self.t, code, a, b))

    def codes(self, since=0):
        """The codes recorded from ``since`` on."""
        return [entry[1] for entry in self.log if entry[0] >= since]

    def now(self):
        """The board's tick."""
        return (self._base + self.t) & ticks.MASK

    # ---- time ----

    def run(self, ms):
        """Run for ``ms``."""
        self.run_to(self.t + ms)
        return self

    def run_to(self, end):
        """Run everything that happens before ms ``end``."""
        while self._event(end):
            pass
        self.t = end

    def until(self, ask, limit_ms):
        """Run until ``ask()``, return the ms it took, or None when it took more than the limit."""
        start = self.t
        end = start + limit_ms
        while not ask():
            if not self._event(end):
                self.t = end
                return None
        return self.t - start

    def moment(self, low=150, high=400):
        """Run to a random ms in which something critical shall happen; returns it."""
        moment = self.t + self.rng.between(low, high)
        self.board.stress(self.rng, moment)
        self._busy = max(self._busy, moment)
        self.run_to(moment)
        self.touch()
        return moment

    def _event(self, end):
        """The next callback or step before ``end``; False when there is none."""
        at = self._callback_at
        step_at = self._step_at
        # What was held up together: the interpreter runs callbacks before any task goes on.
        if 0 <= step_at < at:
            if step_at >= end:
                return False
            self.t = step_at
            self._step_at = -1
            if not self.hung:
                self._step(end)
            return True
        if at >= end:
            return False
        self.t = at
        self._sample(at)
        if step_at < 0:
            self._step_at = self.board.step(at, self.c1)
        self._next_callback()
        return True

    def _next_callback(self):
        self._timer += TICK_MS
        late = self._spent - self._timer - QUEUE * TICK_MS
        if late > 0:  # the interpreter's queue was full, the rest is lost
            self._timer += -(-late // TICK_MS) * TICK_MS
        while self.board.dropped(self._timer):
            self._timer += TICK_MS
        self._callback_at = max(self.board.callback(self._timer, self.c1), self._spent + 1)

    def _sample(self, at):
        """The timer's callback, as evse.app has it."""
        self._spent = at
        self._fill(at)
        tick = self.now()
        self.look(tick)
        if self.guard.tripped:
            self._apply(False, False, self.duty, self.connect)

    def look(self, tick):
        """Hand the burst to the code."""
        self.pilot.feed(self._burst, self.charger.duty, tick)
        self.guard.check(tick, self.rcm)

    def decide(self, tick):
        """One step of the code; returns its ms until the next one."""
        return self.charger.step(tick)

    def _step(self, end):
        """The control task."""
        self.wait = wait = self.decide(self.now())
        charger = self.charger
        self._apply(charger.c1, charger.c2, charger.duty, charger.connect)
        if self.jump and wait > 3 * _NEAR_MS and self.t >= self._busy:
            target = min(self.t + wait, end) - _NEAR_MS
            if target > self._timer + TICK_MS and self._calm():
                self._timer += (target - self._timer) // TICK_MS * TICK_MS
                self._catch_up(self._timer)
                self._next_callback()

    def _calm(self):
        """True when the cycles until the next deadline would change nothing."""
        pilot = self.pilot
        if self.duty and self.duty < _MODEM_DUTY:
            # So short that one sample in five missing already makes the level unknown at times.
            return True
        return pilot.raw == pilot.level and not pilot.invalid_ms and not self.guard.tripped

    def _catch_up(self, at):
        """The bursts before ``at``, that the pilot may count its samples."""
        now = self.t
        part = 0 if self.duty else 3
        for ms in (2 * TICK_MS, TICK_MS, 0):
            self.t = at - ms
            self._fill(self.t)
            self._burst[part] = max(self._burst[part], 3 if self._burst[part] else 0)
            self.pilot.feed(self._burst, self.charger.duty, self.now())
        self.t = now

    def _apply(self, c1, c2, duty, connect):
        if (c1 == self.c1 and c2 == self.c2 and duty == self.duty and connect == self.connect):
            return
        if duty != self.duty:
            self._duty_at = self.t
        if connect and not self.connect:
            self._floating = self.rng.between(100, 3200)
        self.c1, self.c2, self.duty, self.connect = c1, c2, duty, connect
        self.trace.append((self.t, c1, c2, duty, connect, self.charger.state))
        self.touch()

    # ---- the pilot's line ----

    def _fill(self, at):
        """What the converter sees in the burst of this ms."""
        burst = self._burst
        for i in range(6):
            burst[i] = 0
        duty = self.duty
        if self.blind or at - self._duty_at < LATCH_MS:
            return
        level = self._level
        high, low = self._line(level)
        spread = 0
        if at == self._changed and level != self._before:
            part = mix(at, self._offset + 1000) % 3  # the edge lay after, within, before the burst
            old = self._line(self._before)
            if part == 0:
                high, low = old
            elif part == 1:
                spread = old[0] - high
        if duty:
            self._part(burst, 0, high, spread, duty, at)
        if duty < FULL:
            self._part(burst, 3, low, 0, FULL - duty, at)

    def _line(self, level):
        """(high, low) mV at the pin."""
        if not self.connect:
            return self._floating, self._floating
        high = MV[level]
        if level == SHORT:
            # Dead to earth, or by the 80 ohm of the standard's test: +-0.9 V.
            return _ZERO_MV + self._short, _ZERO_MV - self._short
        if level:
            high += self._offset
        if self.diode or level == NONE:
            return high, _LOW_MV
        return high, 2 * _ZERO_MV - high

    def _part(self, burst, at, mv, spread, width, t):
        """Samples of one part of the period, ``width`` of 65536 long."""
        room = width * 1000 // FULL - 42  # settling and conversion, as evse.boards.sampling
        if width == FULL:
            room = 1000
        if room < 0:
            return
        n = min(8, room // 12 + 1)
        draw = mix(t, at + 3)
        if self.board.rejects:
            n -= LOST[n][draw & 255]
            if not n:
                return
        one = mv + NOISE[draw >> 4 & 1023]
        other = mv + NOISE[draw >> 14] + spread
        burst[at] = n
        burst[at + 1] = min(one, other)
        burst[at + 2] = max(one, other)

    # ---- what most cases begin with ----

    def ready(self, da=160):
        """A car at rest in B, its diode proven, ``da`` dA granted."""
        self.permit(da)
        self.run(60)
        self.show(CONNECTED)
        self.until(lambda: self.charger.state == STATE_B and self.pilot.diode, 10_000)
        self.run(200)
        return self

    def charge(self, da=160):
        """A car in C."""
        self.ready(da)
        self.show(ASKING)
        self.until(lambda: self.charger.state == STATE_C and self.c1, 5_000)
        self.run(self.rng.between(300, 700))
        return self

    def clean(self, da=160):
        """A car in C whose pilot has been good for longer than anybody remembers."""
        self.charge(da)
        return self.run(3200)
