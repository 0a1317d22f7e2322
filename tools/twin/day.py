"""A recorded day in the replay format: reading it, and looking up a moment."""

import csv
from pathlib import Path

COLUMNS = ["t_s", "load_l1_w", "load_l2_w", "load_l3_w", "pv_l1_w", "pv_l2_w", "pv_l3_w"]
DAY_S = 86400
RECORDED = Path(__file__).parent / "data" / "day.csv"


class BadDay(Exception):
    """The CSV is not a day; the message says where and why."""


def read(path):
    """Rows [t_s, three loads, three PV powers in W], t_s strictly rising from any start."""
    with open(path, newline="", encoding="utf-8") as file:
        lines = csv.reader(file)
        head = next(lines, None)
        if head != COLUMNS:
            raise BadDay("%s: the first line must be %s" % (path, ",".join(COLUMNS)))
        rows = []
        for number, line in enumerate(lines, 2):
            try:
                row = [float(cell) for cell in line]
            except ValueError:
                raise BadDay("%s, line %d: not a number" % (path, number)) from None
            if len(row) != len(COLUMNS):
                raise BadDay("%s, line %d: %d columns instead of %d"
                             % (path, number, len(row), len(COLUMNS)))
            if row[0] < 0 or (rows and row[0] <= rows[-1][0]):
                raise BadDay("%s, line %d: t_s must rise" % (path, number))
            rows.append(row)
    if not rows:
        raise BadDay("%s holds no rows" % path)
    return rows


def at(rows, second):
    """The row in force at ``second`` of the day; a day repeats."""
    second %= DAY_S
    low, high = 0, len(rows)
    while high - low > 1:
        middle = (low + high) // 2
        if rows[middle][0] <= second:
            low = middle
        else:
            high = middle
    return rows[low]
