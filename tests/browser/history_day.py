"""A day as the charger would tell it, for tests of the page: from 10:00 on a car is there.

All times are UTC. From 10:05 to 13:00 it charges with 16 A but for 11:30 to
11:45, when the mains leave 8 A, and 12:00 to 12:10, when nothing was recorded.
"""

from urllib.parse import parse_qs, urlparse

DAY_S = 1_790_035_200  # 22 September 2026, 00:00 UTC
NOON_S = DAY_S + 13 * 3600
COLUMNS = ["t", "import_w", "export_w", "car_w", "sun_w", "phase_da", "grant_da", "budget_w",
           "reason", "limit", "flags", "minutes"]
WORDS = {"1": "no car connected", "16": "charging", "33": "waits for a card", "40": "MAX",
         "42": "mains"}


def at(hour, minute=0):
    """Unix seconds of a time of the day."""
    return DAY_S + hour * 3600 + minute * 60


def row(t, step):
    """The charger's row for the step that begins at ``t``; None where it was off."""
    if at(12) <= t < at(12, 10):
        return None
    minutes = step // 60
    if t < at(10):
        return [t, 400, 0, 0, 0, 20, 0, 2500, 1, 0, 0, minutes]
    if t < at(10, 5):
        return [t, 0, 1200, 0, 0, -10, 0, 2500, 33, 0, 2, minutes]
    grant, limit = (80, 42) if at(11, 30) <= t < at(11, 45) else (160, 40)
    return [t, grant * 69 - 3000, 0, grant * 69, 3000, 200, grant, 2500, 16, limit, 3, minutes]


def serve(page, until=NOON_S, asked=None):
    """Let ``page`` get this day; the addresses asked for are appended to ``asked``."""
    def answer(route):
        query = {key: int(values[0])
                 for key, values in parse_qs(urlparse(route.request.url).query).items()}
        if asked is not None:
            asked.append(query)
        step = query["step"]
        times = range(query["from"] + -query["from"] % step, min(query["to"], until), step)
        rows = [one for one in (row(t, step) for t in times if t >= DAY_S) if one]
        route.fulfill(json={"step": step, "columns": COLUMNS, "rows": rows, "next": None,
                            "words": WORDS})

    page.route("**/api/v1/history?*", answer)
