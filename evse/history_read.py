"""History for people and pages: as JSON and as CSV. Imported while somebody asks.

Both are generators of lines; an empty string means that there is more to read first: give others
their turn. ``step`` is 60 or 900 s. Rows begin at ``begin`` or later and before ``end``, in Unix
seconds; at most MOST come, oldest first. They ascend: after a clock was set back, rows are left
out until it has caught up. A quarter that still runs is there with the minutes it has.
"""

import json

from micropython import const

from evse import reasons
from evse.minutes import (
    CAR,
    CLOSED,
    ESTIMATED,
    LOST,
    MINUTE,
    MINUTE_FILED,
    MINUTE_S,
    MINUTES,
    QUARTER_FILED,
    QUARTER_S,
    minute_row,
    pack_quarter,
    quarter_row,
    start_of,
    whole,
)

MOST = const(1440)
_COLUMNS = ("t", "import_w", "export_w", "car_w", "sun_w", "phase_da", "grant_da", "budget_w",
            "reason", "limit", "flags", "minutes")
_AT_ONCE = const(4)  # records between two turns of others
_LINES = const(2)  # of a table
_SPARE = const(32)  # records that are read although they are too old, for those that repeat


def history_json(history, _zone, step, begin, end):
    """Yield an object whose ``rows`` are those asked for; ``next`` is where to go on, or null."""
    yield '{"step":%d,"columns":%s,"rows":[\n' % (step, json.dumps(_COLUMNS))
    codes = set()
    line = []
    count = 0
    comma = ""
    after = None
    for row in _rows(history, step, begin, end):
        if row and count < MOST:
            count += 1
            line.append(json.dumps(row, separators=(",", ":")))
            codes.add(row[8])
            codes.add(row[9])
        elif row:
            after = row[0]
            break
        else:
            yield ""
        if len(line) == _AT_ONCE:
            yield comma + ",".join(line) + "\n"
            comma = ","
            line = []
    yield (comma if line else "") + ",".join(line) + '],"next":%s,"words":{\n' % json.dumps(after)
    comma = ""
    for code in codes:
        yield '%s"%d":%s\n' % (comma, code, json.dumps(reasons.text(code)))
        comma = ","
    yield "}}\n"


def history_csv(history, zone, step, begin, end):
    """Yield a header and one line a row; what is not known is empty."""
    yield ("unix_s,local_time,import_w,export_w,car_w,car_sun_w,fullest_phase_a,granted_a,"
           "budget_w,reason,limit,contactor_closed,car_there,car_estimated,mains_meter_lost,"
           "minutes\n")
    count = 0
    lines = text = ""
    last = -1
    for row in _rows(history, step, begin, end):
        if not row or count % _LINES == 0:
            yield lines
            lines = ""
        if not row:
            continue
        if count == MOST:
            break
        count += 1
        at, taken, fed, car, sun, da, grant, budget, reason, limit, flags, minutes = row
        # Clocks change at quarters of an hour only, and to know the date takes its time.
        if at // QUARTER_S != last:
            last = at // QUARTER_S
            text = zone.text(last * QUARTER_S)
        lines += "%d,%s%02d,%s,%s,%d,%s,%s,%.1f,%s,%s,%s,%d,%d,%d,%d,%d\n" % (
            at, text[:14], int(text[14:]) + at % QUARTER_S // MINUTE_S, _known(taken), _known(fed),
            car, _known(sun), "" if da is None else "%.1f" % (da / 10), grant / 10,
            _known(budget), reasons.text(reason), reasons.text(limit), flags & CLOSED > 0,
            flags & CAR > 0, flags & ESTIMATED > 0, flags & LOST > 0, minutes)
    yield lines


def _known(value):
    return "" if value is None else value


def _rows(history, step, begin, end):
    """Yield what ``minute_row`` returns for each row, and None where others may run."""
    minutely = step == MINUTE_S
    row_of = minute_row if minutely else quarter_row
    last = begin - 1
    for found in _records(history, minutely, begin):
        start = start_of(*found) if found else end
        if last < start < end:
            last = start
            yield row_of(*found)
        elif not found:
            yield None


def _records(history, minutely, begin):
    """Yield (buffer, where) of each record from about ``begin`` on, of some more than once."""
    seen = -1
    while seen != history.filed:  # what was filed meanwhile has been missed
        seen = history.filed
        yield from _filed(history, minutely, begin)
    rest = history.unfiled()
    yield from rest if minutely else _quarters(rest)


def _filed(history, minutely, begin):
    """Yield (buffer, where) of each record in the files from about ``begin`` on."""
    files = history.minutes if minutely else history.quarters
    size = MINUTE_FILED if minutely else QUARTER_FILED
    skip = 0
    for buf, at in files.records(True):
        if whole(buf, at, size):
            # Since then there cannot be more of them than steps, but for those that repeat.
            steps = max(0, start_of(buf, at) - begin) // (MINUTE_S if minutely else QUARTER_S)
            skip = max(0, files.count() - steps - _SPARE)
            break
    count = 0
    for buf, at in files.records(False, skip):
        if whole(buf, at, size):
            yield buf, at
        count += 1
        if not count % _AT_ONCE:
            yield None


def _quarters(minutes):
    """Yield the quarters made of ``minutes``, in the same way."""
    block = bytearray(MINUTES * MINUTE)
    count = 0
    for found in minutes:
        if not found:
            yield None
            continue
        buf, at = found
        if count and (count == MINUTES
                      or start_of(buf, at) // QUARTER_S != start_of(block, 0) // QUARTER_S):
            yield pack_quarter(block, count), 0
            count = 0
        block[count * MINUTE : (count + 1) * MINUTE] = buf[at : at + MINUTE]
        count += 1
    if count:
        yield pack_quarter(block, count), 0
