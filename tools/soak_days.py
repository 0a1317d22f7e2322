"""A charger's month in minutes: ``make soak ARGS=--days``.

The shipped decisions, storage, history and flash log live through 30 days of simulated time (see
``soak_days_run``): a car each evening, a house whose load jumps, faults now and then, a clock that
others set. The calendar is torn into four pieces, so that a month has a leap day, both changes of
summer time, ends of months and of a year; the ticks wrap three times.
"""

import datetime
import json
import random
import tempfile
from pathlib import Path

import scenario as scenarios
from bench import Table
from twin import firmware

DAYS, SEED = 30, 1
MAINS_A = 25
WANTED_WH = 20_000  # of the car each evening
HEAP = "96M"
TIME_LIMIT_S = 7200
_MIN = 60_000
_HOUR = 60 * _MIN
_ZONE = datetime.timezone(datetime.timedelta(hours=1))
LAST_MS = 23 * _HOUR + 30 * _MIN  # of the last day, when the last car leaves
_BEGIN = datetime.datetime(2028, 2, 19, tzinfo=_ZONE)
# On which day the clock jumps to which date; the first piece has a leap day.
_PIECES = {13: datetime.datetime(2028, 3, 25, tzinfo=_ZONE),
           18: datetime.datetime(2028, 10, 28, tzinfo=_ZONE),
           24: datetime.datetime(2028, 12, 30, tzinfo=_ZONE)}
# Jumps that are put right an hour later, in s.
_WRONG = {5: 400, 8: -400, 9: -3600, 10: 86400, 11: -86400, 20: 40}
# A meter's sample, its way, the car's dead time, its ramp, the regulator's margin.
REACTION_S = 12
# A session that is cut off has lost a minute at most, and history rests on whole minutes.
ENERGY_PERCENT = 2
GROWTH = 2048
FILES_KB = 160

SCENARIO = {
    "seed": 3, "duration_s": 1, "clock": int(_BEGIN.timestamp()),
    "settings": {"mode": "Smart", "mains": MAINS_A, "max": 16, "power_return_s": 5},
    "evses": [{"car": {"plugged": []}}],
    "mains_meter": {"period_s": 5},
}
# What is done, what undoes it, and how long it lasts, in minutes.
FAULTS = (
    (("meter", "off"), ("meter", "on"), 10),
    (("kill", 0), ("restore", 0), 0.1),
    (("kill", 0), ("restore", 0), 90),
    (("world", "short", True), ("world", "short", False), 1),
    (("world", "temp_c", 90), ("world", "temp_c", 25), 20),
    (("car", "diode", False), ("car", "diode", True), 2),
    (("world", "pilot_mv", 3000), ("world", "pilot_mv", None), 1),
    (("flash", "file"), ("flash",), 30),
    (("flash", "log"), ("flash",), 30),
    (("flash", "file", "log"), ("flash",), 30),
    (("car", "over_da", 60), ("car", "over_da", 0), 5),
)

_AT_ONCE = ("world short True", "car diode False", "world pilot_mv 3000")  # they open under load
_DAY_S = 86_400
_WRAP_MS = 1 << 30  # of the ticks; the first one comes within the first hour


def plan(days=DAYS, seed=SEED):
    """For each day its events, [ms of the day, what, ...], and the names of the faults made."""
    rng = random.Random(seed)
    rows = []
    faults = []
    told = _BEGIN
    for day in range(days):
        events = [[half * 30 * _MIN, "load", *(rng.randrange(20, 120) for _ in range(3))]
                  for half in range(48)]
        if day:
            events.append([rng.randrange(390, 480) * _MIN, "unplug"])
        plugged = rng.randrange(1020, 1140) * _MIN
        events.append([plugged, "plug", WANTED_WH])
        events.append([213 * _MIN, "clock", rng.choice((-2, -1, 1, 2))])
        now = told + datetime.timedelta(days=1) * day
        if day in _PIECES:
            events.append([30 * _MIN, "clock", int((_PIECES[day] - now).total_seconds())])
            told += _PIECES[day] - now
        if day in _WRONG:
            events.append([20 * _HOUR, "clock", _WRONG[day]])
            events.append([21 * _HOUR, "clock", -_WRONG[day]])
        if day % 3 != 2 and day < days - 1:
            fault = FAULTS[len(faults) % len(FAULTS)]
            faults.append(" ".join(map(str, fault[0])))
            at = plugged + rng.randrange(15 * _MIN, 75 * _MIN)  # it charges for two hours
            end = at + int(fault[2] * _MIN)
            events += [[at, *fault[0]], [end, *fault[1]]]
            if fault[0][0] == "kill":
                events.append([end + 2 * _MIN, "clock", 0])
        if day == days - 1:
            events.append([LAST_MS, "unplug"])
        rows.append(sorted(events, key=lambda event: event[0]))
    return rows, faults


def run(slot, rows):
    """What the charger says of each of the days ``rows``, and of all of them."""
    with tempfile.TemporaryDirectory(prefix="microevse-") as place:
        source, result = Path(place) / "plan.json", Path(place) / "days.json"
        source.write_text(json.dumps({"scenario": scenarios.normalise(SCENARIO), "days": rows}),
                          encoding="utf-8")
        firmware.run(slot, "import soak_days_run; soak_days_run.main(%r, %r)"
                     % (str(source), str(result)), HEAP, TIME_LIMIT_S)
        lines = [json.loads(line) for line in result.read_text(encoding="utf-8").splitlines()]
    return lines[:-1], lines[-1]


def judge(days, kept, rows, faults):
    """The rows of the table."""
    table = Table()
    last = days[-1]
    plugs = sum(event[1] == "plug" for events in rows for event in events)
    cuts = last["starts"] - 1
    wanted = plugs * WANTED_WH / 1000
    sessions = sum(session[1] for session in kept["sessions"]) / 1000
    jumps = [event[2] for events in rows for event in events if event[1] == "clock"]
    wraps = 1 + (len(days) * _DAY_S * 1000 - _HOUR) // _WRAP_MS
    table.add("days of simulated time", "", len(days), "%s to %s, in %d pieces" % (
        _BEGIN.date(), last["local"][:10], 1 + sum(day < len(days) for day in _PIECES)))
    table.add("faults made", "", len(faults), "; ".join(sorted(set(faults))))
    table.add("clock set", "times", len(jumps), "by up to %d days, and back by up to %d" % (
        max(jumps, default=0) // _DAY_S, -min(jumps, default=0) // _DAY_S))
    table.add("missing wraps of the ticks", "", abs(wraps - last["wraps"]), "of %d" % wraps, 0)
    table.add("energy the cars did not get", "kWh", wanted - last["kwh"],
              "of %d times %d kWh" % (plugs, WANTED_WH / 1000), 0.1)
    table.add("longest time above a limit of the mains", "s", last["over_ms"] / 1000,
              "a meter's sample each 5 s, the car's own time", REACTION_S)
    table.add("opened under load", "times", last["violations"].get("opened_under_load", 0),
              "limit: the faults that demand it at once", sum(name in _AT_ONCE for name in faults))
    table.add("faults that stayed till midnight", "",
              sum(bool(day["faults"]) for day in days), "", 0)
    table.add("files written or flash erased with a contactor closed", "", last["forbidden"], "",
              0)
    table.add("sessions not in their file", "", abs(plugs + cuts - len(kept["sessions"])),
              "of %d: a power cut while charging ends one" % (plugs + cuts), 0)
    table.add("energy wrong in the sessions", "%",
              100 * abs(last["kwh"] - sessions) / last["kwh"], "a minute at each power cut",
              ENERGY_PERCENT)
    table.add("energy wrong in the history", "%",
              100 * abs(last["kwh"] - kept["history_wh"] / 1000) / last["kwh"],
              "%d quarters in the file; it keeps no minute without a time of day, and loses those "
              "that flash refuses" % kept["quarters"], ENERGY_PERCENT)
    grown = [day["live"] - first["live"] for first, day in _lives(days)]
    table.add("growth of live memory", "bytes", max(grown),
              "from the first midnight after a start to the last one, %d starts; 64 bit"
              % last["starts"], GROWTH)
    table.add("files", "KB", max(day["files"] for day in days) / 1024,
              "%d KB after 5 days" % (days[min(4, len(days) - 1)]["files"] // 1024), FILES_KB)
    table.add("erased blocks a day", "", sum(last["erases"].values()) / len(days),
              "files %(file)d, log %(log)d in all" % last["erases"])
    return table


def _lives(days):
    """(first midnight, last one) of each start that saw two."""
    for start in {day["starts"] for day in days}:
        life = [day for day in days if day["starts"] == start]
        yield life[0], life[-1]


def table(slot, days=DAYS, seed=SEED):
    """Run it and judge it."""
    rows, faults = plan(days, seed)
    return judge(*run(slot, rows), rows, faults)
