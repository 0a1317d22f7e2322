"""A house, a meter and a car around the regulator, for closed-loop tests of ``evse.power``."""

from evse import ticks
from evse.power import allocate
from evse.power.readings import EV, MAINS, Readings
from evse.power.regulator import Regulator
from evse.power.views import SMART

VALID_MS = 11_000
STEP_MS = 100


class Car:
    """Follows its offer after ``dead_ms`` with ``ramp`` dA/s, up to its own ``limit`` dA."""

    def __init__(self, dead_ms=1000, ramp=50, limit=800, phases=(0, 1, 2)):
        self.limit = limit
        self.phases = phases
        self.draw = 0  # in thousandths of dA
        self._ramp = ramp
        self._offers = [0] * (dead_ms // STEP_MS)

    def step(self, offer):
        self._offers.append(offer)
        wanted = min(self._offers.pop(0), self.limit) * 1000
        most = self._ramp * STEP_MS
        self.draw += max(-most, min(most, wanted - self.draw))

    def amps(self, phase):
        return self.draw // 1000 if phase in self.phases else 0


class Loop:
    """Steps of 100 ms; the sample a meter shows is ``latency_ms`` old when it arrives."""

    def __init__(self, car, mode=SMART, period_ms=2000, latency_ms=200, offset_ms=0, now=0,
                 ev_period_ms=0, native=None):
        self.car = car
        self.now = now
        self.load = [0, 0, 0]
        self.meter = True
        self.events = []
        self.readings = Readings()
        self.regulator = Regulator(self.readings, native or allocate, self._record)
        self.params = self.regulator.params
        self.params.mains_meter = True
        self.view = self.regulator.evses[0]
        self.view.mode = mode
        self.view.wants = True
        self.view.phases = sum(1 << phase for phase in car.phases)
        self.view.max_da = 320
        self.over_ms = 0
        self.peak = 0
        self.stops = 0
        self.raised_over = 0
        self._period = period_ms
        self._ev_period = ev_period_ms
        self._latency = latency_ms // STEP_MS
        self._history = []
        self._wait = offset_ms
        self._ev_wait = offset_ms // 2
        self._due = now
        self._off = 0

    @property
    def grant(self):
        return self.regulator.grant_da[0]

    @property
    def reason(self):
        return self.regulator.grant_reason[0]

    def mains(self, phase):
        return self.load[phase] + self.car.amps(phase)

    def run(self, seconds, until=None):
        """Run on; ends early, returning the seconds it took, when ``until()`` is true."""
        for step in range(int(seconds * 1000) // STEP_MS):
            if until and until():
                return step * STEP_MS / 1000
            self.step()
        return None if until else seconds

    def step(self):
        self.now = ticks.add(self.now, STEP_MS)
        due = ticks.due(self.now, self._due)
        self._history.append(tuple(self.mains(phase) for phase in range(3)))
        if len(self._history) > self._latency + 1:
            self._history.pop(0)
        seen = self._history[0]
        self._wait -= STEP_MS
        self._ev_wait -= STEP_MS
        if self._ev_period and self._ev_wait <= 0:
            self._ev_wait = self._ev_period
            self.readings.put(EV, self.car.amps(0), self.car.amps(1), self.car.amps(2), self.now,
                              VALID_MS)
            due = True
        if self._wait <= 0:
            self._wait = self._period
            if self.meter:
                self.readings.put(MAINS, seen[0], seen[1], seen[2], self.now, VALID_MS)
                due = True
        if due:
            self._update()
        self._charger()
        self.car.step(self.grant if self.view.charging else 0)
        worst = max(self.mains(phase) for phase in range(3)) - self.params.mains_da
        self.peak = max(self.peak, worst)
        if worst > 1:
            self.over_ms += STEP_MS

    def _update(self):
        before = self.grant
        wait = self.regulator.update(self.now)
        while not wait:
            wait = self.regulator.update(self.now)
        assert 1 <= wait <= 1000
        self._due = ticks.add(self.now, wait)
        assert self.grant == 0 or self.params.min_da <= self.grant <= self.view.max_da
        assert not self.grant or ticks.diff(self.regulator.grant_until[0], self.now) > 0
        if before and not self.grant and self.view.charging:
            self.stops += 1

    def _charger(self):
        """Close when granted, open once the car has stopped, as the real state machine does."""
        if self.grant:
            self._off = 0
            self.view.charging = True
        elif self.view.charging:
            self._off += STEP_MS
            if self._off >= 3000 and self.car.draw == 0 or self._off >= 6000:
                self.view.charging = False

    def _record(self, code, a=0, b=0):
        self.events.append((code, a, b))
