"""The examination of the phases: gives the car less and more current and looks who shows it.

It never asks for more than the car was granted: it limits the current by hand as a person may,
and puts back what was set before. Other loads come and go meanwhile, so each step is repeated
until the meters agree with themselves.
"""

from micropython import const

from evse import ticks
from evse.bus import doctor as codes
from evse.bus.doctor import Stopped

_MAINS, _CIRCUIT, _EV = const(0), const(1), const(2)  # as in evse.power.readings
_NAMES = ("mains", "circuit", "ev")
_STEP_DA = const(30)  # the least step worth comparing
_SHOWN_DA = const(20)
_STEPS_MIN, _STEPS_MAX = const(2), const(8)
_FOLLOW_MS = const(20_000)  # until the offered current is where it was asked to be
_SETTLE_MS = const(6000)  # a car may take 5 s
_SAMPLES = const(2)
_SAMPLES_MS = const(12_000)
_POLL_MS = const(100)
_SOURCE = "bus"
ROTATIONS = ("L1L2L3", "L2L3L1", "L3L1L2", "L1L3L2", "L2L1L3", "L3L2L1")


async def examine(doctor):
    """Examine the phases for ``doctor``; raises Stopped when they cannot be examined."""
    one = Steps(doctor)
    try:
        await one.run()
    finally:
        one.restore()
    judge(doctor, one.steps, doctor.core.settings.get("phase_rotation"))


class Steps:
    """Takes the steps. ``steps`` are lists: step of the offered current in dA, then for each
    meter None or the steps of its three phases.
    """

    def __init__(self, doctor):
        self._doctor = doctor
        self._core = doctor.core
        self._before_da = self._mine_da = self._core.override_da
        self.steps = []

    def restore(self):
        """Put back what was set by hand, unless somebody has set something since."""
        core = self._core
        if self._mine_da != self._before_da and core.override_da == self._within(self._mine_da):
            core.command("override", self._within(self._before_da), _SOURCE)
        self._mine_da = self._before_da

    def _within(self, da):
        """Return what becomes of a limit when MIN or MAX is changed."""
        get = self._core.settings.get
        return da and max(get("min") * 10, min(get("max") * 10, da))

    def _limit(self, da):
        self._core.command("override", da, _SOURCE)
        self._mine_da = da

    async def run(self):
        """Step down and up until enough is known."""
        doctor = self._doctor
        core = self._core
        low = max(core.regulator.params.min_da, core.settings.get("min") * 10)
        high = core.charger.offered_da
        if high < low + _STEP_DA:
            doctor.find(codes.TOO_LITTLE, "car")
            raise Stopped
        before = await self._level(high, 0)
        down = True
        while len(self.steps) < _STEPS_MAX:
            if down:
                self._limit(low)
            else:
                self.restore()
            level = await self._level(low if down else high, _SETTLE_MS)
            step = [level[0] - before[0]]
            for meter in range(1, 4):
                a, b = before[meter], level[meter]
                step.append([b[i] - a[i] for i in range(3)] if a and b else None)
            before = level
            down = not down
            self.steps.append(step)
            doctor.percent = min(40 * len(self.steps), 75 + 2 * len(self.steps))
            if len(self.steps) >= _STEPS_MIN and down and sure(self.steps):
                break

    async def _level(self, da, settle_ms):
        """Wait until the car has followed; return offered dA and each meter's means, or None."""
        doctor = self._doctor
        begin = doctor.now()
        while abs(self._core.charger.offered_da - da) > 10 and \
                ticks.diff(doctor.now(), begin) < _FOLLOW_MS:
            await self._wait()
        begin = doctor.now()
        while ticks.diff(doctor.now(), begin) < settle_ms:
            await self._wait()
        readings = self._core.readings
        count = [0, 0, 0]
        sums = [[0, 0, 0], [0, 0, 0], [0, 0, 0]]
        seen = list(readings.count)
        begin = doctor.now()
        while ticks.diff(doctor.now(), begin) < _SAMPLES_MS:
            waits = False
            for meter in range(3):
                if not readings.fresh(meter, doctor.now()):
                    continue
                if readings.count[meter] != seen[meter]:
                    seen[meter] = readings.count[meter]
                    count[meter] += 1
                    for phase in range(3):
                        sums[meter][phase] += readings.amps[meter][phase]
                waits = waits or count[meter] < _SAMPLES
            if not waits:
                break
            await self._wait()
        return [self._core.charger.offered_da] + [
            [part // count[meter] for part in sums[meter]] if count[meter] else None
            for meter in range(3)]

    async def _wait(self):
        """Let a little time pass; the examination is over when the charging is."""
        core = self._core
        if not core.charger.c1 or core.override_da != self._mine_da:
            raise Stopped
        await self._doctor.sleep_ms(_POLL_MS)


def _reference(step):
    """How far the car has followed a step, by the meter closest to it; 0 when it has not."""
    if abs(step[0]) >= _STEP_DA:
        for meter in (_EV, _CIRCUIT, _MAINS):
            most = max(abs(da) for da in step[1 + meter] or (0,))
            if most >= _SHOWN_DA:
                return most if step[0] > 0 else -most
    return 0


def shows(steps, meter, phase):
    """Say how a meter's phase goes with the car: 1, -1 against it, 0 not at all, None unsure."""
    votes = {1: 0, -1: 0, 0: 0, None: 0}
    count = 0
    for step in steps:
        reference = _reference(step)
        if not reference or not step[1 + meter]:
            continue
        count += 1
        share = 100 * step[1 + meter][phase] // reference
        size = abs(share)
        votes[0 if size < 25 else None if not 60 <= size <= 160 else 1 if share > 0 else -1] += 1
    for vote in (1, -1, 0):
        if count >= _STEPS_MIN and votes[vote] * 3 >= count * 2:
            return vote
    return None


def sure(steps):
    """True when every phase of every meter that gave readings has been made out."""
    used = [meter for meter in range(3) if steps[-1][1 + meter]]
    return used and all(shows(steps, meter, phase) is not None
                        for meter in used for phase in range(3))


def judge(doctor, steps, rotation):
    """Find what the steps say. ``rotation`` is the setting phase_rotation."""
    used = [meter for meter in range(3) if steps and steps[-1][1 + meter]]
    if not used:
        doctor.find(codes.NO_METER, "car")
        return
    shown = [[shows(steps, meter, phase) for phase in range(3)] if meter in used else None
             for meter in range(3)]
    if sum(_reference(step) != 0 for step in steps) < _STEPS_MIN:
        if _MAINS in used and _EV not in used:
            doctor.find(codes.UNSEEN, _NAMES[_MAINS])
        doctor.find(codes.UNFOLLOWED, "car")
        return
    car = None
    signs = shown[_EV]
    if signs:
        _judge_signs(doctor, _EV, signs)
        car = [phase for phase in range(3) if signs[phase]]
    order = [int(rotation[2 * phase + 1]) - 1 for phase in range(3)]
    for meter in (_MAINS, _CIRCUIT):
        signs = shown[meter]
        if signs:
            _judge_signs(doctor, meter, signs)
            if None not in signs:
                _judge_order(doctor, meter, signs, car, order)


def _judge_signs(doctor, meter, signs):
    name = _NAMES[meter]
    if None in signs:
        doctor.find(codes.RESTLESS, name)
    wrong = [phase for phase in range(3) if signs[phase] == -1]
    if len(wrong) == 3:
        doctor.find(codes.ALL_REVERSED, name)
        return
    for phase in wrong:
        doctor.find(codes.REVERSED, name, "L%d" % (phase + 1))
    if signs == [0, 0, 0]:
        doctor.find(codes.UNSEEN, name)


def _judge_order(doctor, meter, signs, car, order):
    """Compare the phases that show the car with those that should.

    ``car`` are the phases of the EV meter that show it, None without one, ``order`` the mains
    phase of each. A car on one phase is on L1 of the socket.
    """
    name = _NAMES[meter]
    seen = [phase for phase in range(3) if signs[phase]]
    if not seen:
        return
    if not car:
        car = list(range(len(seen)))
    wanted = [order[phase] for phase in car]
    if len(seen) == len(wanted):
        if sorted(seen) != sorted(wanted):
            doctor.find(codes.SWAPPED, name, _fitting(car, seen))
    elif len(seen) < len(wanted):
        for phase in wanted:
            if phase not in seen:
                doctor.find(codes.NO_PHASE, name, "L%d" % (phase + 1))


def _fitting(car, seen):
    """Return the first phase_rotation, turning ones first, that puts ``car`` where it is seen."""
    for rotation in ROTATIONS:
        if sorted(int(rotation[2 * phase + 1]) - 1 for phase in car) == seen:
            return rotation
    return ROTATIONS[0]
