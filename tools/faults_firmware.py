"""Runs on MicroPython: faults of the firmware and its board: power, tasks, time, commands."""

import asyncio

from evse.settings import Refused
from faults_case import Fault, both, charging, closing, opens, silent
from helpers_core import NOON_S

_STALLED_MS = 260  # the guard waits for 200, and a callback may be late
_WATCHDOG_MS = 3100
_DAY_S = 86_400
_YEAR_S = 365 * _DAY_S


def _fail(*_arguments):
    raise RuntimeError("made by the campaign")


async def _never(*_arguments):
    while True:
        await asyncio.sleep(3600)


def _at(site):
    return site.charger.world


def _restarted(site):
    """Safe when it has opened and starts anew."""
    return site.charger.open() and site.charger.starts > 1


# ---- power and resets ----

def _off(site):
    site.charger.off()


def _back(site):
    site.charger.back()


def _reset(cause):
    return lambda site: site.charger.down(cause)


def _flickers(times, on_ms):
    """The power comes and goes."""
    def do(site):
        async def flicker():
            for _ in range(times):
                site.charger.back()
                await asyncio.sleep_ms(on_ms)
                site.charger.off()
                await asyncio.sleep_ms(1000)
            site.charger.back()
        site.charger.off()
        site.clock.owned(flicker(), None)
    return do


async def _a_minute_after_a_change(site):
    """Before the fault: a setting has been changed under load, as long ago as may be lost."""
    await charging(site)
    site.charger.core.command("set", ("backlight_max", 99), "LCD")
    await asyncio.sleep_ms(62_000)


async def _for_minutes(site):
    """Before the fault: a car has charged for longer than what may be lost."""
    await charging(site)
    await asyncio.sleep_ms(200_000)


_POWER = (
    Fault("Power cut while charging", "open; waits 10 s", _off, _back, opens, 20,
          before=_for_minutes),
    Fault("Power cut while it starts", "open", both(_off, _back), both(_off, _back), opens, 20,
          lasts_ms=500),
    Fault("Power cut a minute after a setting was changed", "open; waits 10 s", _off, _back,
          opens, 20, before=_a_minute_after_a_change),
    Fault("Four power cuts within 10 s", "open; waits a minute", _flickers(3, 2000), None,
          opens, 20, lasts_ms=15_000),
    Fault("Seven power cuts within 20 s", "open; safe mode", _flickers(6, 2000), None,
          lambda site: site.charger.safe_mode, 20_000, lasts_ms=600_000, stays=False),
    Fault("Brown-out as the contactor closes", "open; waits 10 s", _reset("brownout"), None,
          opens, 20, before=closing, lasts_ms=9000),
    Fault("Brown-out while the car is told to stop", "open; waits 10 s",
          both(lambda site: site.charger.core.command("access", "Pause", "REST"),
               _reset("brownout")),
          lambda site: site.charger.core.command("access", "On", "REST"), opens, 20,
          lasts_ms=9000),
    Fault("Watchdog bites while charging", "open; waits 10 s", _reset("watchdog"), None, opens,
          20, before=_for_minutes, lasts_ms=9000),
    Fault("A restart is asked for while charging", "goes on",
          lambda site: site.charger.core.command("restart", None, "LCD"), None),
)


# ---- tasks, and the loop as a whole ----

def _raises(name):
    """A part of the core raises whenever it is called."""
    return lambda site: setattr(site.charger.core, name, _fail)


def _pilot_fails(site):
    site.charger.board.fails.add("set_pilot")
    site.charger.core.charger.stop(1)  # the pilot is set when it changes


def _light_fails(site):
    site.charger.board.fails.add("set_led")


def _light_works(site):
    site.charger.board.fails.discard("set_led")


def _control_hangs(site):
    site.charger.board.tick.held = True


def _timer(runs):
    return lambda site: setattr(site.charger, "timer", runs)


def _bus_hangs(site):
    site.charger.app.bus.role.turn = _never


def _bus_raises(site):
    site.charger.app.bus.role.turn = _fail


def _bus_works(site):
    del site.charger.app.bus.role.turn


def _regulator_spins(site):
    """It never comes to an end; each turn takes a millisecond."""
    def spin(_now):
        site.clock.pass_ms(1)
        return 0
    site.charger.core.regulate = spin


def _regulator_works(site):
    site.charger.down("watchdog")


def _stall(ms, callbacks):
    return lambda site: site.stall(ms, callbacks)


def _restarted_task(name):
    """Safe when the supervisor has started that task again, and the car charges all the while."""
    def safe(site):
        return site.charger.draws() and any(
            row[0] == name and row[1] for row in site.charger.app.supervisor.rows())
    return safe


_TASKS = (
    Fault("Control raises an exception", "opens, restarts", _pilot_fails, None, _restarted, 500,
          stays=False, lasts_ms=9000),
    Fault("Control hangs", "opens", _control_hangs, None, opens, _STALLED_MS, lasts_ms=5000),
    Fault("Control hangs with the car at 9 V", "opens",
          both(_control_hangs, lambda site: setattr(_at(site), "resistor_mv", 9000)),
          lambda site: setattr(_at(site), "resistor_mv", None), opens, 100),
    Fault("The regulator raises an exception", "stops in order, restarts",
          _raises("regulate"), None, silent, 1000, stays=False, lasts_ms=9000),
    Fault("The regulator never ends", "ends the offer", _regulator_spins, _regulator_works, silent,
          5200, lasts_ms=8000),
    Fault("What is done each second raises an exception", "opens, restarts", _raises("second"),
          None, opens, 1000, stays=False, lasts_ms=9000),
    Fault("The front's light fails", "front restarted, goes on", _light_fails, _light_works,
          _restarted_task("front"), 5000, stays=False, lasts_ms=20_000),
    Fault("The bus service raises an exception", "bus restarted, goes on", _bus_raises,
          _bus_works, _restarted_task("bus"), 5000, lasts_ms=4000),
    Fault("The bus service hangs", "bus restarted, goes on", _bus_hangs,
          _bus_works, _restarted_task("bus"), 8000, lasts_ms=4000),
    Fault("The sampling timer stops", "opens, restarts", _timer(False), _timer(True), opens,
          _WATCHDOG_MS, lasts_ms=2000),
    Fault("The loop stalls for 100 ms", "goes on", _stall(100, True), None),
    Fault("The loop stalls for 400 ms, the timer does not", "opens", _stall(400, True), None,
          opens, _STALLED_MS, lasts_ms=9000),
    Fault("Everything stalls for 400 ms", "opens", _stall(400, False), None, opens, 450,
          lasts_ms=9000),
    Fault("Everything stalls for 5 s", "opens, restarts", _stall(5000, False), None, opens,
          _WATCHDOG_MS, lasts_ms=9000),
)


# ---- the time, and what people and programs say ----

def _clock(jump_s):
    return lambda site: site.charger.set_clock(site.charger.clock_s() + jump_s)


def _told_by_server(clock_s):
    return lambda site: site.charger.core.command("clock", clock_s, "NTP")


_RUBBISH = (
    ("set", ("max", 500)), ("set", ("max", "x")), ("set", ("nothing", 1)), ("set", 7),
    ("set", ("mains", -1)), ("set", ("tz", "\0\0")), ("mode", 99), ("mode", None), ("mode", "x"),
    ("override", 20_000), ("override", 1.5), ("access", 1), ("phases", 3),
    ("reading", ("mains", 1, 2, 3)), ("reading", ("mains", None, {}, "x")), ("reading", 5),
    ("battery", 1e9), ("battery", "x"), ("intervals", [[1, 2], [1, 2]]), ("intervals", 7),
    ("intervals", [[0, -5]]), ("prices", (1, 60, [])), ("prices", "x"),
    ("prices", (NOON_S, 60, [float("inf")])), ("prices", (NOON_S, 7, [1] * 500)),
    ("timer", (1, 2, 3)), ("timer", ("Smart", "x", None, 0)), ("timer", ("Smart", [], {}, 0)),
    ("order", [0, 0]), ("order", "0123"), ("colour", ("Off", 1, 2, 300)), ("clock", 5),
    ("swipe", "xyz"), ("swipe", 5), ("cards", ("add", "", 5)), ("cards", 5), ("doctor", 5),
    ("button", 5), ("password", 5), ("ev_state", 5), ("pwm", 5), ("backlight", "x"),
    ("nothing", 1), (None, None), ("__init__", 1),
)


def _talk_rubbish(site):
    """All of it, from anybody; what is not refused, and refused in words, is a fault."""
    for name, value in _RUBBISH:
        for source in ("REST", "MQTT", "installer"):
            try:
                site.charger.core.command(name, value, source)
            except Refused:
                continue
            except Exception as problem:
                site.judge.broken.append("%s %s: %r" % (name, value, problem))
                return
            site.judge.broken.append("taken: %s %s" % (name, value))
            return


def _flap(site):
    """Somebody switches charging off and on, five times a second, for 20 s."""
    async def flap():
        for number in range(100):
            site.charger.core.command("access", ("Pause", "On")[number & 1], "MQTT")
            await asyncio.sleep_ms(200)
        site.disturbed = False
    site.disturbed = True
    site.memo = _at(site).contactors.closings
    site.clock.owned(flap(), None)


def _seldom_closed(site):
    """Safe when it has closed at most once in 3 s."""
    return not site.disturbed and _at(site).contactors.closings - site.memo <= 6


async def _wander(site):
    for number in range(1000):
        site.charger.set_clock(NOON_S + (number * 7919 - 3000) * 60)
        await asyncio.sleep_ms(60)


_TALK = (
    Fault("The clock jumps a year ahead", "goes on", _clock(_YEAR_S), None, lasts_ms=70_000),
    Fault("The clock jumps a year back", "goes on", _clock(-_YEAR_S), None, lasts_ms=70_000),
    Fault("The clock jumps 1000 times", "goes on",
          lambda site: site.clock.owned(_wander(site), None), None, lasts_ms=70_000),
    Fault("A time server says the year 2090", "goes on", _told_by_server(3_786_912_000), None),
    Fault("A time server says 2026 began today", "goes on", _told_by_server(1_767_225_600), None),
    Fault("Rubbish in 45 commands from three sides", "refused, goes on", _talk_rubbish, None),
    Fault("Off and on, five times a second", "closes once in 3 s at most", _flap, None,
          _seldom_closed, 21_000, stays=False, lasts_ms=0),
)


FAULTS = (("Power and resets", _POWER), ("The program", _TASKS), ("Time and commands", _TALK))
