"""Runs on MicroPython: one function per row of timing_table, each measures its row once.

Each takes a fresh rig and returns the value, or None when what must happen did not.
"""

from evse import reasons
from evse.charging.pilot import FULL, current_of
from evse.charging.states import STATE_C1
from timing_rig import (
    ASKING,
    CONNECTED,
    NEGATIVE,
    NONE,
    ODD,
    PAUSE,
    SHORT,
    VENTILATION,
)

_LIMIT_MS = 40_000
_OFFERS = (60, 80, 100, 130, 160, 200, 250, 320, 400, 510, 630, 800)


def _opens(rig, limit_ms=_LIMIT_MS):
    return rig.until(lambda: not rig.c1, limit_ms)


def _silent(rig, limit_ms=_LIMIT_MS):
    return rig.until(lambda: rig.duty == FULL, limit_ms)


def _offers(rig, limit_ms=_LIMIT_MS):
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
    return _offers(rig)


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
    return _silent(rig)


def unplug_load(rig):
    rig.charge(rig.rng.between(60, 800))
    rig.moment()
    rig.show(NONE)
    return _opens(rig)


def ready(rig):
    rig.ready(rig.rng.between(60, 800))
    rig.moment()
    rig.show(ASKING)
    return rig.until(lambda: rig.c1, _LIMIT_MS)


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
    return rig.until(lambda: rig.duty < offered, _LIMIT_MS)


def car_stops(rig):
    rig.charge(rig.rng.between(60, 800))
    rig.moment()
    rig.show(CONNECTED)
    return _opens(rig)


def car_stops_in_c1(rig):
    rig.charge()
    rig.charger.access = PAUSE
    rig.touch()
    rig.until(lambda: rig.charger.state == STATE_C1, 1000)
    rig.moment(100, 5000)
    rig.show(CONNECTED)
    return _opens(rig)


def pwm_off(rig):
    rig.charge()
    rig.moment()
    rig.charger.access = PAUSE
    return _silent(rig)


def car_obeys(rig):
    rig.charge()
    rig.charger.access = PAUSE
    rig.touch()
    _silent(rig)
    rig.moment(100, 3000)
    if not rig.c1:
        return -1
    rig.show(CONNECTED)
    return _opens(rig)


def car_ignores(rig):
    rig.charge()
    rig.moment()
    rig.charger.stop(reasons.COMMANDED)
    _silent(rig)
    rig.board.stress(rig.rng, rig.t + 6000)
    return _opens(rig)


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
    _silent(rig)
    silent = rig.t
    rig.run(rig.rng.between(100, 1500))
    rig.show(CONNECTED)
    rig.board.stress(rig.rng, silent + 3000)
    _offers(rig)
    return rig.t - max(silent, rig.t - 100_000) if rig.duty != FULL else None


def x1_replug(rig):
    rig.ready()
    rig.moment()
    rig.show(NONE)
    _silent(rig)
    silent = rig.t
    rig.run(rig.rng.between(0, 500))
    rig.show(CONNECTED)
    rig.board.stress(rig.rng, silent + 3000)
    _offers(rig)
    return rig.t - silent if rig.duty != FULL else None


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
    return _opens(rig)


def diode_lost_80(rig):
    rig.charge(800)
    rig.until(lambda: current_of(rig.duty) == 800, 8_000)
    rig.moment(150, 20_000)
    rig.diode = False
    return _opens(rig)


# ---- a pilot that says nothing sensible ----

def disturbed(rig):
    rig.charge(rig.rng.between(60, 640))
    start = rig.t
    levels = (NONE, CONNECTED, VENTILATION, SHORT, NEGATIVE, ODD)
    for _ in range(20):
        rig.moment(130, 300)
        rig.show(levels[rig.rng.below(len(levels))])
        rig.run(rig.rng.between(1, 30))
        rig.show(ASKING)
    rig.run(300)
    return len([entry for entry in rig.trace if entry[0] >= start and not entry[1]])


def short(rig):
    rig.clean(rig.rng.between(60, 800))
    rig.moment()
    rig.show(SHORT)
    return _opens(rig)


def ventilation(rig):
    rig.clean(rig.rng.between(60, 800))
    rig.moment()
    rig.show(VENTILATION)
    rig.board.stress(rig.rng, rig.t + 1000)
    return _opens(rig)


def odd(rig):
    rig.clean(rig.rng.between(60, 800))
    rig.moment()
    rig.show(ODD)
    rig.board.stress(rig.rng, rig.t + 1000)
    return _opens(rig)


def blind(rig):
    rig.clean(rig.rng.between(60, 800))
    rig.moment()
    rig.blind = True
    return _opens(rig)


def pieces(rig):
    rig.clean()
    rig.moment()
    spans = []
    while rig.c1 and len(spans) < 100:
        start = rig.t
        rig.show(VENTILATION)
        _opens(rig, rig.rng.between(150, 400))
        spans.append((start, rig.t))
        if rig.c1:
            rig.show(ASKING)
            rig.run(rig.rng.between(60, 250))
    since = rig.t - 3000
    return sum([max(0, end - max(start, since)) for start, end in spans]) if not rig.c1 else None


def pieces_borne(rig):
    rig.clean()
    rig.moment()
    number = rig.rng.between(1, 4)  # in any 3 s, and what sampling may add to each
    length = rig.rng.between(40, 900 // number - 25)
    for _ in range(3 * number):
        rig.show(VENTILATION)
        rig.run(length)
        rig.show(ASKING)
        rig.run(3040 // number - length)
    return 0 if rig.c1 else 1


def _faulty(rig):
    """Open by a random fault of the pilot under load."""
    rig.charge()
    rig.moment()
    rig.show((SHORT, VENTILATION, ODD)[rig.rng.below(3)])
    _opens(rig)


def state_f(rig):
    _faulty(rig)
    if rig.until(lambda: rig.duty == 0, 700) is None:
        return -1
    return rig.until(lambda: rig.duty, _LIMIT_MS)


def fault_pause(rig):
    _faulty(rig)
    opened = rig.t
    rig.run(rig.rng.between(0, 2000))
    rig.show(CONNECTED)
    rig.board.stress(rig.rng, opened + 15_000)
    _offers(rig)
    return rig.t - opened


# ---- faults and the guard ----

def rcm(rig):
    rig.charge()
    rig.moment()
    rig.trip(True)
    return _opens(rig)


def rcm_stays(rig):
    rig.charge()
    rig.moment()
    rig.trip(True)
    _opens(rig)
    start = rig.t
    rig.run(rig.rng.between(20, 3000))
    rig.trip(False)
    rig.run(rig.rng.between(0, 2000))
    rig.show(CONNECTED)
    rig.run(rig.rng.between(500, 5000))
    rig.show(ASKING)
    rig.run(50_000)
    return closings(rig, start)


def hang(rig):
    rig.charge()
    rig.moment()
    last = rig.t - ((rig.now() - rig.charger.stepped_at) & 0x3FFFFFFF)
    rig.hung = True
    rig.board.stress(rig.rng, last + 200)
    _opens(rig)
    return rig.t - last


def hang_level(rig):
    rig.charge()
    rig.moment()
    rig.hung = True
    rig.show(CONNECTED)
    return _opens(rig)


def grant_expires(rig):
    rig.charge()
    rest = rig.rng.between(200, 5000)
    rig.permit(160, rest)
    end = rig.t + rest
    rig.board.stress(rig.rng, end)
    _silent(rig)
    return rig.t - end


def access_off(rig):
    rig.charge()
    start = rig.moment()
    rig.charger.access = PAUSE
    _silent(rig)
    rig.moment(100, 3000 - (rig.t - start))
    rig.show(CONNECTED)
    _opens(rig)
    return rig.t - start


def access_off_b(rig):
    rig.ready()
    rig.moment()
    rig.charger.access = PAUSE
    return _silent(rig)
