"""Runs on MicroPython: the cases of timing_table about a bad pilot, faults and the guard."""

from timing_cases import LIMIT_MS, closings, offers, opens, silent
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
    return opens(rig)


def ventilation(rig):
    rig.clean(rig.rng.between(60, 800))
    rig.moment()
    rig.show(VENTILATION)
    rig.board.stress(rig.rng, rig.t + 1000)
    return opens(rig)


def odd(rig):
    rig.clean(rig.rng.between(60, 800))
    rig.moment()
    rig.show(ODD)
    rig.board.stress(rig.rng, rig.t + 1000)
    return opens(rig)


def blind(rig):
    rig.clean(rig.rng.between(60, 800))
    rig.moment()
    rig.blind = True
    return opens(rig)


def pieces(rig):
    rig.clean()
    rig.moment()
    spans = []
    while rig.c1 and len(spans) < 100:
        start = rig.t
        rig.show(VENTILATION)
        opens(rig, rig.rng.between(150, 400))
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
    opens(rig)


def state_f(rig):
    _faulty(rig)
    if rig.until(lambda: rig.duty == 0, 700) is None:
        return -1
    return rig.until(lambda: rig.duty, LIMIT_MS)


def fault_pause(rig):
    _faulty(rig)
    opened = rig.t
    rig.run(rig.rng.between(0, 2000))
    rig.show(CONNECTED)
    rig.board.stress(rig.rng, opened + 15_000)
    offers(rig)
    return rig.t - opened


# ---- faults and the guard ----

def rcm(rig):
    rig.charge()
    rig.moment()
    rig.trip(True)
    return opens(rig)


def rcm_stays(rig):
    rig.charge()
    rig.moment()
    rig.trip(True)
    opens(rig)
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
    opens(rig)
    return rig.t - last


def hang_level(rig):
    rig.charge()
    rig.moment()
    rig.hung = True
    rig.show(CONNECTED)
    return opens(rig)


def grant_expires(rig):
    rig.charge()
    rest = rig.rng.between(200, 5000)
    rig.permit(160, rest)
    end = rig.t + rest
    rig.board.stress(rig.rng, end)
    silent(rig)
    return rig.t - end


def access_off(rig):
    rig.charge()
    start = rig.moment()
    rig.charger.access = PAUSE
    silent(rig)
    rig.moment(100, 3000 - (rig.t - start))
    rig.show(CONNECTED)
    opens(rig)
    return rig.t - start


def access_off_b(rig):
    rig.ready()
    rig.moment()
    rig.charger.access = PAUSE
    return silent(rig)
