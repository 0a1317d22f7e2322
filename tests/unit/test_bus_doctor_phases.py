"""The doctor's look at the phases: a car that is given less and more, and meters wired wrong."""


from evse import ticks
from evse.bus import doctor as codes
from evse.bus import doctor_phases
from evse.bus.doctor import Doctor
from evse.power import readings as sources
from evse.power.readings import Readings
from helpers_bus import run
from helpers_doctor import core

ALL = (0, 1, 2)


class House:
    """A core whose car follows the offered current, and meters that show it as they are wired.

    ``meters`` maps a source to (signs, order): the phase ``order[i]`` of the car stands in place
    i with ``signs[i]``. ``loads`` yields the house's current per phase in dA, once a second.
    """

    def __init__(self, meters, car=ALL, grant_da=160, loads=None, most_da=160, follows=True,
                 **settings):
        self.clock = ticks.MASK - 100
        self.core = it = core(**settings)
        it.readings = Readings()
        it.override_da = 0
        it.charger.c1 = True
        it.command = self._command
        it.charger.offered_da = grant_da
        self.meters = meters
        self.car = car
        self.grant_da = grant_da
        self.most_da = most_da
        self.follows = follows
        self.loads = loads or (lambda second: (12, 3, 7))
        self.overrides = []
        self.end_ms = None
        self._draw_da = min(grant_da, most_da)
        self._targets = []
        self._begin = self._measured = self.clock
        self._measure()

    def _command(self, name, value, source):
        assert name == "override" and source == "bus"
        self.overrides.append(value)
        self.core.override_da = value

    def now(self):
        return self.clock & ticks.MASK

    async def sleep_ms(self, ms):
        self.clock += ms
        it = self.core
        it.charger.offered_da = min(self.grant_da, it.override_da or self.grant_da)
        if self.follows:
            self._targets.append((self.clock + 3000, min(it.charger.offered_da, self.most_da)))
        while self._targets and self._targets[0][0] <= self.clock:
            self._draw_da = self._targets.pop(0)[1]
        if self.clock - self._measured >= 1000:
            self._measured = self.clock
            self._measure()
        if self.end_ms and self.clock - self._begin > self.end_ms:
            it.charger.c1 = False

    def _measure(self):
        loads = self.loads((self.clock - self._begin) // 1000)
        rotation = self.core.settings.get("phase_rotation")
        for source, (signs, order) in self.meters.items():
            amps = []
            for place in range(3):
                car = order[place]
                if source != sources.EV:  # the car's phase that is on this one of the mains
                    car = [int(part) - 1 for part in rotation.split("L")[1:]].index(order[place])
                da = self._draw_da if car in self.car else 0
                if source != sources.EV:
                    da += loads[order[place]]
                amps.append(signs[place] * da)
            self.core.readings.put(source, amps[0], amps[1], amps[2], self.now(), 11_000)


STRAIGHT = ((1, 1, 1), ALL)


def examine(house):
    """Examine; returns the Doctor. What was set by hand is as before, and was never more."""
    before = house.core.override_da
    doctor = Doctor(None, None, house.core, house.now, house.sleep_ms, "phases")
    run(doctor.run())
    assert house.core.override_da == before
    for da in house.overrides:
        assert da == before or 60 <= da <= house.grant_da
    return doctor


def test_a_healthy_house():
    for car in (ALL, (0,), (0, 1)):
        for meters in ({sources.MAINS: STRAIGHT}, {sources.EV: STRAIGHT},
                       {sources.MAINS: STRAIGHT, sources.EV: STRAIGHT},
                       {sources.MAINS: STRAIGHT, sources.EV: STRAIGHT, sources.CIRCUIT: STRAIGHT}):
            house = House(meters, car)
            doctor = examine(house)
            assert doctor.findings == [] and doctor.state == "done", (car, doctor.findings)
            assert house.overrides == [60, 0]


def test_a_limit_set_by_hand_is_put_back():
    house = House({sources.MAINS: STRAIGHT}, grant_da=130)
    house.core.override_da = 130
    assert examine(house).findings == []
    assert house.overrides == [60, 130]


def test_a_reversed_transformer():
    doctor = examine(House({sources.MAINS: ((1, -1, 1), ALL), sources.EV: STRAIGHT}))
    assert doctor.findings == [(codes.REVERSED, "mains", "L2")]
    doctor = examine(House({sources.MAINS: ((1, 1, -1), ALL)}))
    assert doctor.findings == [(codes.REVERSED, "mains", "L3")]
    doctor = examine(House({sources.CIRCUIT: ((-1, 1, 1), ALL), sources.EV: STRAIGHT}, (0,)))
    assert doctor.findings == [(codes.REVERSED, "circuit", "L1")]


def test_a_meter_fed_from_the_other_side():
    doctor = examine(House({sources.MAINS: STRAIGHT, sources.EV: ((-1, -1, -1), ALL)}))
    assert doctor.findings == [(codes.ALL_REVERSED, "ev", "")]


def test_swapped_phases():
    for car, order, rotation in (((0,), (1, 0, 2), "L2L3L1"), ((0,), (2, 1, 0), "L3L1L2"),
                                 ((0, 1), (0, 2, 1), "L3L1L2"), ((0, 1), (2, 0, 1), "L2L3L1")):
        for meters in ({sources.MAINS: ((1, 1, 1), order), sources.EV: STRAIGHT},
                       {sources.MAINS: ((1, 1, 1), order)}):
            doctor = examine(House(meters, car))
            assert doctor.findings == [(codes.SWAPPED, "mains", rotation)], (
                car, order, doctor.findings)


def test_a_rotation_that_is_set_is_right():
    for rotation in doctor_phases.ROTATIONS:
        house = House({sources.MAINS: STRAIGHT, sources.EV: STRAIGHT}, (0,),
                      phase_rotation=rotation)
        assert examine(house).findings == [], rotation


def test_a_meter_that_does_not_see_the_car():
    blind = ((0, 0, 0), ALL)
    doctor = examine(House({sources.MAINS: blind, sources.EV: STRAIGHT}))
    assert doctor.findings == [(codes.UNSEEN, "mains", "")]
    doctor = examine(House({sources.MAINS: blind}))
    assert doctor.findings == [(codes.UNSEEN, "mains", ""), (codes.UNFOLLOWED, "car", "")]
    doctor = examine(House({sources.MAINS: ((1, 0, 1), ALL), sources.EV: STRAIGHT}))
    assert doctor.findings == [(codes.NO_PHASE, "mains", "L2")]


def test_other_loads_in_between():
    # A kettle: more steps are taken, and most of them tell.
    def kettle(second):
        return (100 if 15 < second < 50 else 0, 10, 10)

    for signs, findings in (((1, 1, 1), []), ((-1, 1, 1), [(codes.REVERSED, "mains", "L1")])):
        house = House({sources.MAINS: (signs, ALL), sources.EV: STRAIGHT}, loads=kettle)
        assert examine(house).findings == findings
        assert len(house.overrides) > 2


def test_too_restless_to_be_sure():
    state = [7]

    def wild(second):
        state[0] = state[0] * 1103515245 + 12345 & 0x3FFFFFFF
        return ((state[0] >> 16) % 400, (state[0] >> 8) % 400, 0)

    doctor = examine(House({sources.MAINS: STRAIGHT, sources.EV: STRAIGHT}, loads=wild))
    assert doctor.findings == [(codes.RESTLESS, "mains", "")], doctor.findings


def test_a_small_car_is_enough():
    house = House({sources.MAINS: ((1, -1, 1), ALL)}, most_da=100)
    assert examine(house).findings == [(codes.REVERSED, "mains", "L2")]


def test_a_car_that_does_not_follow():
    house = House({sources.MAINS: STRAIGHT, sources.EV: STRAIGHT}, follows=False)
    assert examine(house).findings == [(codes.UNFOLLOWED, "car", "")]


def test_too_little_current():
    house = House({sources.MAINS: STRAIGHT}, grant_da=80)
    doctor = examine(house)
    assert doctor.findings == [(codes.TOO_LITTLE, "car", "")]
    assert doctor.state == "failed" and house.overrides == []


def test_no_meter():
    assert examine(House({})).findings == [(codes.NO_METER, "car", "")]


def test_the_end_of_charging_ends_it():
    house = House({sources.MAINS: STRAIGHT})
    house.end_ms = 8000
    doctor = examine(house)
    assert doctor.state == "failed" and doctor.findings == []
    assert house.overrides == [60, 0]


def test_a_new_min_or_max_does_not_leave_the_limit_behind():
    for key, value, clamped, before, after in (("min", 8, 80, 0, 0), ("min", 8, 80, 130, 130),
                                               ("max", 11, 60, 130, 110)):
        house = House({sources.MAINS: STRAIGHT})
        it = house.core
        it.override_da = before
        values = it.settings.values
        sleep_ms = house.sleep_ms

        async def meddling(ms):
            await sleep_ms(ms)
            if house.overrides and values[key] != value:
                values[key] = value
                it.override_da = clamped  # as core.configure does
                it.charger.c1 = False

        doctor = Doctor(None, None, it, house.now, meddling, "phases")
        run(doctor.run())
        assert doctor.state == "failed" and it.override_da == after, (key, it.override_da)


def test_what_somebody_sets_meanwhile_stays():
    house = House({sources.MAINS: STRAIGHT})
    sleep_ms = house.sleep_ms

    async def meddling(ms):
        await sleep_ms(ms)
        if house.overrides and house.core.override_da == 60:
            house.core.override_da = 100

    doctor = Doctor(None, None, house.core, house.now, meddling, "phases")
    run(doctor.run())
    assert doctor.state == "failed" and house.core.override_da == 100


def test_the_numbers_of_the_meters_are_those_of_the_readings():
    assert (sources.MAINS, sources.CIRCUIT, sources.EV) == ALL
    assert doctor_phases.shows([[50, [50, 0, 0], None, None]] * 2, sources.MAINS, 0) == 1
