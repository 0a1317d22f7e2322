"""History of a running charger: what was there before, what a minute adds, and a kill."""

import csv
import io
import json
import os
import signal
import time
import urllib.request

from test_power_cut import Standing, standing  # noqa: F401

CHARGE_S = 180  # a busy host stops it now and then


def answer(one, query, name="history"):
    """The body of an answer about history."""
    with urllib.request.urlopen("%sapi/v1/%s?%s" % (one.url, name, query), timeout=10) as reply:
        return reply.read().decode()


def rows(one, query):
    """The rows of an answer as dicts."""
    found = json.loads(answer(one, query))
    return [dict(zip(found["columns"], row)) for row in found["rows"]]


def test_days_of_history_are_there_and_read_piece_by_piece(twin):
    one = twin("--history", "3")
    now = time.time()
    after = 0
    found = []
    while after is not None:
        part = json.loads(answer(one, "step=60&from=%d&to=4294967295" % after))
        assert len(part["rows"]) <= 1440
        found += part["rows"]
        after = part["next"]
    times = [row[0] for row in found]
    assert 2 * 1440 < len(times) <= 3 * 1440 + 2
    assert times[:1440] == list(range(times[0], times[0] + 86400, 60))
    assert now - 180 < times[-1] < now + 60
    assert times == sorted(set(times))
    quarters = rows(one, "step=900&from=0")
    assert 2 * 96 < len(quarters) <= 3 * 96 + 1
    whole = [row for row in quarters if row["minutes"] == 15][-1]
    its = rows(one, "from=%d&to=%d" % (whole["t"], whole["t"] + 900))
    assert len(its) == 15
    assert abs(whole["import_w"] - sum(row["import_w"] for row in its) / 15) < 2
    assert {row["reason"] for row in its} >= {whole["reason"]}
    table = list(csv.DictReader(io.StringIO(answer(one, "step=900", "history.csv"))))
    assert [int(row["unix_s"]) for row in table] == [row["t"] for row in quarters]


def test_a_minute_of_charging_is_kept_and_survives_a_kill(standing):  # noqa: F811
    one = standing("--history", "0")
    one.world("plug")
    one.wait(lambda: any(row["flags"] & 1 and row["car_w"] > 500 for row in rows(one, "")),
             CHARGE_S, "a minute of charging")
    before = rows(one, "")
    last = [row for row in before if row["flags"] & 1][-1]
    assert last["flags"] & 3 == 3
    assert last["grant_da"] > 0
    assert last["import_w"] is not None
    os.kill(one.pid, signal.SIGKILL)
    one.wait(lambda: not one.world()["firmware"], 5, "the end of the firmware")
    one.close()
    two = standing("--history", "0")
    assert rows(two, "")[: len(before)] == before
