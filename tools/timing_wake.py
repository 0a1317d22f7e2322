"""Runs on MicroPython: the cases of timing_table about waking a car and contactor 2."""


from evse.charging.pilot import FULL, current_of
from evse.charging.states import (
    STATE_A,
    STATE_ACTSTART,
    STATE_B,
)
from timing_rig import ASKING, CONNECTED, NONE, PAUSE, SHORT

_MINUTE_MS = 60_000
_AUTO, _ALWAYS_ON = 4, 3
_SOLAR = 2
_METER_MS = 1000


def pulses(rig, since):
    """[kind, begin, ms] of each interruption ("open") and -12 V ("f") from ``since`` on."""
    found = []
    kind = "" if rig.trace and rig.trace[0][4] else "open"
    begin = 0
    for t, _, _, duty, connect, _ in rig.trace:
        now = "open" if not connect else "f" if duty == 0 else ""
        if now != kind:
            if kind and begin >= since:
                found.append((kind, begin, t - begin))
            kind, begin = now, t
    return found


# ---- waking a car ----

def _sleep(rig, ms):
    """A car that lets the offer lie for ``ms``."""
    rig.ready()
    start = rig.t
    rig.run(ms)
    return pulses(rig, start)


def _wakes(rig, number):
    rig.ready()
    start = rig.t
    for _ in range(number + 1):
        rig.until(lambda: rig.charger.state == STATE_ACTSTART, 90_000)
        rig.board.stress(rig.rng, rig.t + (15_000 if number == 1 else 4_000))
        rig.until(lambda: rig.charger.state == STATE_B, 30_000)
    found = pulses(rig, start)
    return found[number] if len(found) == number + 1 else None


def wake_wait(rig):
    rig.ready()
    offered = rig.trace[-1][0]
    rig.board.stress(rig.rng, offered + 30_000)
    rig.until(lambda: not rig.connect, 60_000)
    return rig.t - offered


def wake_first(rig):
    found = _wakes(rig, 0)
    return found[2] if found and found[0] == "open" else None


def wake_second(rig):
    found = _wakes(rig, 1)
    return found[2] if found and found[0] == "open" else None


def wake_third(rig):
    found = _wakes(rig, 2)
    return found[2] if found and found[0] == "f" else None


def wake_rest(rig):
    """The least time of steady +12 V between a pulse and the offer."""
    _wakes(rig, 2)
    least = None
    ended = None
    for t, _, _, duty, connect, _ in rig.trace:
        if not connect or duty == 0:
            ended = None
        elif duty == FULL:
            ended = t if ended is None else ended
        elif ended is not None and ended > 5000:
            least = t - ended if least is None else min(least, t - ended)
            ended = None
    return least


def wake_bounded(rig):
    return len(_sleep(rig, 5 * _MINUTE_MS))


def wake_not_after_stop(rig):
    rig.charge()
    rig.moment()
    rig.show(CONNECTED)
    start = rig.t
    rig.run(4 * _MINUTE_MS)
    return len(pulses(rig, start))


def _nudged(rig):
    rig.ready()
    rig.until(lambda: rig.charger.state == STATE_ACTSTART, 200_000)
    if rig.rng.one_in(2):  # the second nudge
        rig.until(lambda: rig.charger.state == STATE_B, 20_000)
        rig.until(lambda: rig.charger.state == STATE_ACTSTART, 200_000)
    rig.moment(100, 3000)


def wake_access(rig):
    _nudged(rig)
    rig.charger.access = PAUSE
    return rig.until(lambda: rig.connect and rig.duty == FULL, 30_000)


def wake_unplug(rig):
    _nudged(rig)
    rig.show(NONE)
    rig.until(lambda: rig.connect and rig.duty, 30_000)
    back = rig.t
    rig.until(lambda: rig.charger.state == STATE_A, 30_000)
    return rig.t - back


def wake_works(rig):
    """A car that wakes in the nudge, asks with the next offer: from there until it charges."""
    _nudged(rig)
    rig.until(lambda: rig.charger.state == STATE_B, 30_000)
    rig.moment()
    rig.show(ASKING)
    return rig.until(lambda: rig.c1, 30_000)


# ---- contactor 2 ----

def _three(rig):
    rig.charger.contactors.option = _AUTO
    rig.charge()
    return rig.until(lambda: rig.c2, 1000)


def c2_after_c1(rig):
    rig.charger.contactors.option = _ALWAYS_ON
    rig.ready()
    rig.moment()
    rig.show(ASKING)
    rig.until(lambda: rig.c1, 10_000)
    return rig.until(lambda: rig.c2, 10_000)


def _wish(rig, auto):
    contactors = rig.charger.contactors
    contactors.mode = _SOLAR
    contactors.auto = auto
    rig.touch()


def _switch(rig):
    """3 to 1 phase, or back, with a car that obeys; returns the ms of the wish."""
    _three(rig)
    if rig.rng.one_in(2):
        _wish(rig, 1)
        rig.until(lambda: rig.duty == FULL, 1000)
        rig.run(500)
        rig.show(CONNECTED)
        rig.until(lambda: current_of(rig.duty), 60_000)
        rig.run(500)
        rig.show(ASKING)
        rig.until(lambda: rig.c1, 10_000)
        rig.moment(500, 3000)
        _wish(rig, 3)
    else:
        rig.moment()
        _wish(rig, 1)
    start = rig.t
    rig.until(lambda: rig.duty == FULL, 1000)
    rig.moment(50, 2900)
    rig.show(CONNECTED)
    return start


def phases_open(rig):
    start = _switch(rig)
    rig.run(30_000)
    found = [pulse for pulse in pulses(rig, start) if pulse[0] == "open"]
    return found[0][2] if len(found) == 1 else None


def phases_back(rig):
    start = _switch(rig)
    rig.until(lambda: current_of(rig.duty), 60_000)
    rig.run(100)
    rig.show(ASKING)
    rig.until(lambda: rig.c1, 10_000)
    return rig.t - start


def phases_under_load(rig):
    """Changes of contactor 2 with contactor 1 closed for longer than it takes to follow it."""
    _switch(rig)
    rig.run(20_000)
    rig.show(ASKING)
    rig.run(2_000)
    wrong = 0
    closed_at = None
    c2 = False
    for t, c1, second, _, _, _ in rig.trace:
        if not c1:
            closed_at = None
        elif closed_at is None:
            closed_at = t
        if second and not c1:
            wrong += 1
        if second != c2 and c1 and t - closed_at > 200:
            wrong += 1
        c2 = second
    return wrong


def phases_ignored(rig):
    """A car that goes on drawing when phases are to be switched: until both are forced open."""
    _three(rig)
    rig.moment()
    _wish(rig, 1)
    rig.until(lambda: rig.duty == FULL, 1000)
    rig.until(lambda: not rig.c1 or not rig.c2, 10_000)
    return rig.t - rig.trace[-2][0] if not rig.c1 and not rig.c2 else None


def c2_with_c1(rig):
    _three(rig)
    rig.moment()
    what = rig.rng.below(4)
    if what == 3:
        rig.trip(True)
    else:
        rig.show((NONE, CONNECTED, SHORT)[what])
    rig.until(lambda: not rig.c1 or not rig.c2, 2000)
    first = rig.t
    rig.until(lambda: not rig.c1 and not rig.c2, 2000)
    return rig.t - first if not rig.c1 else None
