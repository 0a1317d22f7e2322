"""Numbers, times of day and the reasons of the moment, as the panel writes them."""

from micropython import const

from evse import reasons
from evse.panel.texts import (
    T_CAPACITY,
    T_CAUSES,
    T_DAYS,
    T_IMPORT,
    T_LATER,
    T_LIMIT,
    T_MASTER,
    T_MONTHS,
    T_NODE,
    T_STOPS_AT,
    T_STOPS_IN,
    T_SUN,
)

_STATE_C = const(2)
_LONGEST_S = const(5999)  # 99:59
_DAY_S = const(86400)
_TOLD_S = const(600)  # so long it is told that it had to start again
_CAUSES = ("brownout", "watchdog", "panic", "crash")
# Days by which the first of each month is further in the week than that of January, in a year that
# begins in March; the sum counts from Sunday.
_SHIFTS = b"\x00\x03\x02\x05\x00\x03\x05\x01\x04\x06\x02\x04"


def rounded(value, unit, decimals=0):
    """Return ``value`` in ``unit`` with so many decimals, half away from zero, as text."""
    scale = 10 ** decimals
    shown = (2 * abs(value) * scale + unit) // (2 * unit)
    sign = "-" if value < 0 and shown else ""
    if not decimals:
        return "%s%d" % (sign, shown)
    return "%s%d.%0*d" % (sign, shown // scale, decimals, shown % scale)


def filled(text, values):
    """Return ``text`` with ``values`` put in; as it is where it has no place for them."""
    try:
        return text % values
    except (TypeError, ValueError):
        return text  # the file of texts is not what it should be


def span(seconds):
    """Return a time to come as "m:ss", at most 99:59."""
    seconds = min(seconds, _LONGEST_S)
    return "%d:%02d" % (seconds // 60, seconds % 60)


def moment(status, texts, at, now=0):
    """Return Unix seconds ``at`` as local "Tue 22 Sep '26 14:00"; a generator like ``why``.

    With the time it is ``now``, only what tells it from other times: "14:00" within a day, "Tue
    14:00" within a week, "Tue 22 Sep" later, and in words what has no such name.
    """
    text = status.local(at)
    clock = text[11:]
    if now and at - now < _DAY_S:
        return clock
    if len(text) != 16:
        return texts.get(T_LATER)
    yield
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    year -= month < 3
    week = (year + year // 4 - year // 100 + year // 400 + _SHIFTS[month - 1] + day + 6) % 7
    yield
    names = texts.get(T_DAYS).split(" ")
    name = names[min(week, len(names) - 1)]
    if now and at - now < 7 * _DAY_S:
        return name + " " + clock
    yield
    names = texts.get(T_MONTHS).split(" ")
    yield
    name = "%s %d %s" % (name, day, names[min(month, len(names)) - 1])
    return name if now else "%s '%s %s" % (name, text[2:4], clock)


def why(status, texts, phase):
    """Say in one small line why it charges as it does, or not; what there is takes turns.

    A generator that returns the text; it yields where that takes long.
    """
    get = texts.get
    setting = status.setting
    lines = []
    solar = status.solar_da(0) + status.solar_da(1) + status.solar_da(2)
    if status.state_id == _STATE_C:
        for left_s in (status.solar_left_s, status.capacity_left_s):
            if left_s:
                lines.append(filled(get(T_STOPS_IN), span(left_s)))
                yield
        if status.solar_left_s:
            most = setting("import")
            if solar > 10 * most:
                lines.append(filled(get(T_IMPORT), (rounded(solar, 10, 1), most)))
        yield
        if status.capacity_left_s:
            most = status.capacity()[0]
            drawn = status.mains_da(0) + status.mains_da(1) + status.mains_da(2)
            if most and drawn > most:
                most = rounded(most, 10, 1)
                lines.append(filled(get(T_CAPACITY), (rounded(drawn, 10, 1), most)))
        if not lines and status.limit:
            lines.append(filled(get(T_LIMIT), texts.reason(status.limit)))
        yield
        at = status.timer_stop
        if at and status.clock_s:
            at = yield from moment(status, texts, at, status.clock_s)
            lines.append(filled(get(T_STOPS_AT), at))
    elif status.reason and status.reason != reasons.PAUSED:
        if status.reason != reasons.LIMIT_SHORTAGE:
            lines.append(texts.reason(status.reason))
        elif status.limit:  # the large words say that current is short, this one where
            lines.append(filled(get(T_LIMIT), texts.reason(status.limit)))
        yield
        yield
        if status.reason == reasons.NO_SUN and status.mains_fresh:
            lines.append(filled(get(T_SUN), rounded(max(0, -solar), 10, 1)))
    yield
    if status.uptime_s < _TOLD_S and status.reset_cause in _CAUSES:
        lines.append(get(T_CAUSES, _CAUSES.index(status.reset_cause)))
    share = setting("pwr_share")
    if share == "Master":
        if phase % (len(lines) + 1) == len(lines):
            present = charging = granted = 0
            for row in status.evse_rows():
                present += not row[7]
                charging += bool(row[3])
                granted += row[4]
                yield
            return filled(get(T_MASTER), (charging, present, rounded(granted, 10, 1)))
        lines.append("")
    elif share != "Disabled":
        lines.append(filled(get(T_NODE), (share[5:], rounded(status.grant_da, 10, 1))))
    return lines[phase % len(lines)] if lines else ""
