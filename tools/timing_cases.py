"""Runs on MicroPython: one function per row of timing_table, each measures its row once.

Each takes a fresh rig and returns the value, or None when what must happen did not.
"""

from evse import reasons
from evse.charging.pilot import FULL, current_of
from evse.charging.states import STATE_C1
from timing_rig import (
    ASKING,
    CONNECTED,
    NONE,
    PAUSE,
)

LIMIT_MS = 40_000
_OFFERS = (60, 80, 100, 130, 160, 200, 250, 320, 400, 510, 630, 800)


def opens(rig, limit_ms=LIMIT_MS):
    """Ms until contactor 1 is open, None when it stays closed."""
    return rig.until(lambda: not rig.c1, limit_ms)


def silent(rig, limit_ms=LIMIT_MS):
    """Ms until there is no PWM any more."""
    return rig.until(lambda: rig.duty == FULL, limit_ms)


def offers(rig, limit_ms=LIMIT_MS):
    """Ms until there is PWM."""
    return rig.until(lambda: 0 < rig.duty < FULL, limit_ms)


def closings(rig, since):
    """Closings of contactor 1 from ms ``since`` on."""
    count = 0
    closed = False
    for entry in rig.trace:
        if entry[1] and not closed and entry[0] >= since:
            count += 1
        closed = entry[1]
    return count


# ---- sequences of the control pilot ----

def plug_in(rig):
    rig.run(500)
    rig.moment()
    rig.show(CONNECTED)
    return offers(rig)


def always_asking(rig):
    rig.run(500)
    rig.moment()
    rig.show(ASKING)
    rig.run(10_000)
    return closings(rig, 0)


def unplug_idle(rig):
    rig.ready()
    rig.moment()
    rig.show(NONE)
    return silent(rig)


def unplug_load(rig):
    rig.charge(rig.rng.between(60, 800))
    rig.moment()
    rig.show(NONE)
    return opens(rig)


def ready(rig):
    rig.ready(rig.rng.between(60, 800))
    rig.moment()
    rig.show(ASKING)
    return rig.until(lambda: rig.c1, LIMIT_MS)


def signals(rig):
    rig.ready()
    for _ in range(10):
        rig.moment()
        rig.show(ASKING)
        rig.run(rig.rng.between(150, 450))
        rig.show(CONNECTED)
        rig.run(rig.rng.between(150, 450))
    return closings(rig, 0)


def raise_spacing(rig):
    rig.charge()
    start = rig.t
    while rig.t - start < 15_000:
        rig.permit(_OFFERS[rig.rng.below(len(_OFFERS))])
        rig.run(rig.rng.between(200, 4000))
    least = last = None
    offered = rig.trace[0][3]
    for entry in rig.trace:
        duty = entry[3]
        if current_of(duty) and duty > offered and entry[0] > start and last is not None:
            least = entry[0] - last if least is None else min(least, entry[0] - last)
        if duty != offered:
            last = entry[0]
            offered = duty
    return 15_000 if least is None else least


def lower_at_once(rig):
    rig.charge(rig.rng.between(320, 640))
    rig.run(rig.rng.between(0, 6000))
    rig.moment()
    offered = rig.duty
    rig.permit(rig.rng.between(60, 300))
    return rig.until(lambda: rig.duty < offered, LIMIT_MS)


def car_stops(rig):
    rig.charge(rig.rng.between(60, 800))
    rig.moment()
    rig.show(CONNECTED)
    return opens(rig)


def car_stops_in_c1(rig):
    rig.charge()
    rig.charger.access = PAUSE
    rig.touch()
    rig.until(lambda: rig.charger.state == STATE_C1, 1000)
    rig.moment(100, 5000)
    rig.show(CONNECTED)
    return opens(rig)


def pwm_off(rig):
    rig.charge()
    rig.moment()
    rig.charger.access = PAUSE
    return silent(rig)


def car_obeys(rig):
    rig.charge()
    rig.charger.access = PAUSE
    rig.touch()
    silent(rig)
    rig.moment(100, 3000)
    if not rig.c1:
        return -1
    rig.show(CONNECTED)
    return opens(rig)


def car_ignores(rig):
    rig.charge()
    rig.moment()
    rig.charger.stop(reasons.COMMANDED)
    silent(rig)
    rig.board.stress(rig.rng, rig.t + 6000)
    return opens(rig)


def car_ignores_reason(rig):
    start = rig.t
    car_ignores(rig)
    rig.run(100)
    return len([entry for entry in rig.log
                if entry[1] == reasons.STATE and entry[3] == reasons.CAR_IGNORES_STOP
                and entry[0] >= start])


def x1_after_stop(rig):
    rig.charge()
    rig.moment()
    rig.charger.stop(reasons.COMMANDED)
    silent(rig)
    since = rig.t
    rig.run(rig.rng.between(100, 1500))
    rig.show(CONNECTED)
    rig.board.stress(rig.rng, since + 3000)
    offers(rig)
    return rig.t - since if rig.duty != FULL else None


def x1_replug(rig):
    rig.ready()
    rig.moment()
    rig.show(NONE)
    silent(rig)
    since = rig.t
    rig.run(rig.rng.between(0, 500))
    rig.show(CONNECTED)
    rig.board.stress(rig.rng, since + 3000)
    offers(rig)
    return rig.t - since if rig.duty != FULL else None


# ---- the diode ----

def no_diode(rig):
    rig.diode = False
    rig.run(500)
    rig.moment()
    rig.show(CONNECTED)
    rig.run(rig.rng.between(100, 2000))
    rig.show(ASKING)
    rig.run(20_000)
    return closings(rig, 0)


def unproven_duty(rig):
    rig.diode = False
    rig.permit(800)
    rig.run(500)
    rig.moment()
    rig.show(CONNECTED)
    rig.run(8_000)
    return max([current_of(entry[3]) for entry in rig.trace])


def diode_lost(rig):
    rig.clean(rig.rng.between(60, 600))
    rig.moment()
    rig.diode = False
    return opens(rig)


def diode_lost_80(rig):
    rig.charge(800)
    rig.until(lambda: current_of(rig.duty) == 800, 8_000)
    rig.moment(150, 20_000)
    rig.diode = False
    return opens(rig)
