"""Runs on MicroPython: situations with the longest of everything; nothing of it is kept.

Two lists of values are put together in every way that a display may meet, and each picture is
looked at for texts that are cut or touch.
"""

from evse.charging import faults
from helpers_core import NOON_S, Bench

_STATES = (0, 1, 2, 9, 11, 14)
_LONGEST_S = 5999
_MAINS_DA = (-1999, 1999, -999, 0)
_LIMITS = range(40, 59)
_REASONS = tuple(range(1, 20)) + tuple(range(25, 37))


def _facts(da, state, solar):
    """What a status says at the ends of its ranges."""
    return {
        "state_id": state, "setting_mode_id": 2 if solar else 1, "access": 1,
        "mains_da": lambda _: da, "solar_da": lambda _: da, "ev_da": lambda _: 800,
        "mains_age_ms": 0, "ev_age_ms": 0, "mains_fresh": True,
        "ev_w": 55_200, "session_wh": 9_999_900, "offered_da": 800, "grant_da": 1999,
        "solar_left_s": _LONGEST_S if solar else 0, "capacity_left_s": _LONGEST_S,
        "capacity": lambda: (6000, 99999, 99999, 900, 99999), "delay_s": 600,
        "phases_used": 7, "limit": 44, "reason": 34 if solar else 5,
        "clock_s": NOON_S, "timer_stop": NOON_S + 6 * 86400,
    }


def flow(stage):
    """The energy flow at the ends of all ranges."""
    bench = Bench({"mode": "Solar", "mains_met": "API", "ev_meter": "API", "import": 48})
    for da in _MAINS_DA:
        for state in _STATES:
            for solar in (False, True):
                facts = _facts(da, state, solar)
                name = "flow %d dA, state %d" % (da, state)
                stage.watch(name, bench, 50, **facts)
                facts["faults"] = faults.LESS_6A
                stage.watch(name + ", waiting", bench, 10, **facts)
                facts["faults"] = 0
                facts["access"] = 2
                stage.watch(name + ", paused", bench, 10, **facts)
    for wh in (0, 99, 99_949, 99_950, 999_900, 9_999_900):
        for watts in (0, 49, 9_949, 9_950, 55_200):
            facts = _facts(-1999, 2, True)
            facts["session_wh"] = wh
            facts["ev_w"] = watts
            stage.watch("flow %d Wh %d W" % (wh, watts), bench, 26, **facts)


def plain(stage):
    """Normal mode at the ends of all ranges."""
    bench = Bench({"ev_meter": "API"})
    for state in _STATES:
        for access in (0, 1, 2):
            facts = _facts(-1999, state, False)
            facts["setting_mode_id"] = 0
            facts["access"] = access
            facts["timer_start"] = NOON_S + 6 * 86400
            stage.watch("plain, state %d, access %d" % (state, access), bench, 40, **facts)


def reasons(stage):
    """Every reason and every limit, in both kinds of screen and all roles."""
    for share in ("Disabled", "Master", "Node 7"):
        bench = Bench({"mode": "Smart", "mains_met": "API", "pwr_share": share})
        rows = [(n, "Smart", True, True, 1999, "", "", False) for n in range(8)]
        for mode in (0, 1, 2):
            for reason in _REASONS:
                stage.watch("reason %d, %s" % (reason, share), bench, 13, state_id=1,
                            setting_mode_id=mode, reason=reason, mains_fresh=True,
                            solar_da=lambda _: -1999, evse_rows=lambda rows=rows: rows)
            for limit in _LIMITS:
                stage.watch("limit %d, %s" % (limit, share), bench, 9, state_id=2,
                            setting_mode_id=mode, limit=limit, grant_da=800,
                            evse_rows=lambda rows=rows: rows)


def calendar(stage):
    """Every month and day of the week, today and another time."""
    bench = Bench({})
    for day in range(0, 366, 3):
        now_s = NOON_S + day * 86400
        for start_s in (60, 6 * 86400, 30 * 86400):
            stage.watch("start", bench, 1, access=0, clock_s=now_s, timer_start=now_s + start_s)


def networks(stage):
    """The longest names and addresses."""
    bench = Bench()
    for password in ("WWWWWWWW", "mmmmmmmm", "k7pw4mzq"):
        stage.watch("portal", bench, 5, portal=("SmartEVSE-WWWWWW", password, "255.255.255.255"),
                    clock_s=NOON_S)
    for percent in range(101):
        stage.watch("update", bench, 1, update=percent)
    stage.watch("confirm", bench, 1, confirm=("v4.10.1-rc1", "DDDD DDDD DDDD DDDD", 0))
    for cause in ("brownout", "watchdog", "panic", "crash"):
        stage.watch("restarted by " + cause, bench, 9, reset_cause=cause, uptime_s=0)


def errors(stage):
    """Many faults at once."""
    for share, meter in (("Disabled", "Sensorbox"), ("Disabled", "API"), ("Node 1", "Disabled")):
        bench = Bench({"pwr_share": share, "mains_met": meter})
        stage.watch("all faults", bench, 120, faults=(1 << 20) - 1)


PARTS = (flow, plain, reasons, calendar, networks, errors)
