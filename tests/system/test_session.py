"""A session on the running firmware, from the card to the table of sessions."""

import csv
import io
import json
import urllib.request

CHARGE_S = 45
ANNA = "04A1B2C3D4E5F6"
SETTINGS = {"ev_meter": "Eastron3P", "rfid": "EnableAll", "trust_lan": "Enabled", "tz": "UTC0",
            "contact_2": "Always On"}
NOON_S = 1_790_078_400  # 22 September 2026, 12:00 UTC


def rows(one, name="sessions"):
    """The rows of a table of the charger as dicts."""
    with urllib.request.urlopen("%sapi/v1/%s.csv" % (one.url, name), timeout=10) as answer:
        return list(csv.DictReader(io.StringIO(answer.read().decode())))


def written(folder):
    """What is in flash, save the log: when each file was written, and what."""
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes())
            for path in folder.iterdir() if path.name not in ("log.bin", "kept.bin")}


def command(one, name, value):
    one.post("api/v1/command", {"name": name, "value": value})


def test_a_card_starts_a_session_and_the_tables_tell_of_it(twin, tmp_path, monkeypatch):
    monkeypatch.setenv("MICROEVSE_DATA", str(tmp_path))
    one = twin("--clock", str(NOON_S), settings=SETTINGS)
    command(one, "cards", ["add", ANNA, "Anna"])
    command(one, "access", "Off")
    one.world("plug")
    one.stays(lambda: not one.world()["contactors"]["c1"], 4, "no charging without a card")
    assert one.post("rfid?rfid=" + ANNA)["rfid_status"] == "Present"
    one.wait(lambda: one.world()["car"]["draw_a"] > 5, CHARGE_S, "charging")
    assert one.world()["contactors"]["closed_2"]
    files = written(tmp_path)
    one.wait(lambda: one.world()["car"]["taken_wh"] > 40, 180, "40 Wh")
    shown = one.get("api/v1/status")["session"]
    assert shown["card"] == ANNA
    assert rows(one) == []
    if one.world()["contactors"]["closings"] == 1:  # a busy host may have stopped it meanwhile
        assert written(tmp_path) == files, "written while it charged"
    command(one, "access", "Off")
    one.wait(lambda: not one.world()["contactors"]["c1"], 10, "the end")
    one.wait(lambda: rows(one), 5, "the session's row")
    taken = one.world()["car"]["taken_wh"]
    (row,) = rows(one)
    # At 3 Wh a second; the meter is read once a second, and no more after the end.
    assert taken - 8 <= float(row["kwh"]) * 1000 <= taken + 2, json.dumps(row)
    assert (row["card"], row["name"], row["started"]) == (ANNA, "Anna", "by card")
    assert (row["stopped"], row["estimated"], row["interrupted"]) == ("switched off", "0", "0")
    assert (row["phases"], row["start"][:13]) == ("3", "2026-09-22T12")
    assert 15.0 <= float(row["peak_a"]) <= 17.0
    (month,) = rows(one, "months")
    assert (month["month"], month["name"], month["kwh"]) == ("2026-09", "Anna", row["kwh"])
    # The next is another one, at once and without unplugging.
    one.post("rfid?rfid=" + ANNA)
    one.wait(lambda: one.world()["car"]["draw_a"] > 5, CHARGE_S, "charging again")
    one.wait(lambda: one.get("api/v1/status")["session"]["number"] == 2, 5, "session 2")
    assert one.get("api/v1/status")["session"]["wh"] < taken
    one.world("unplug")
    one.wait(lambda: len(rows(one)) == 2, 10, "the second row")
    assert rows(one)[1]["stopped"] == "the car was unplugged"


def test_a_session_without_a_meter_is_an_estimate(twin):
    one = twin("--auto", settings={"mains_met": "Disabled", "mode": "Normal", "tz": "UTC0"})
    one.wait(lambda: one.world()["car"]["taken_wh"] > 40, CHARGE_S + 25, "40 Wh")
    one.world("unplug")
    one.wait(lambda: rows(one), 10, "the session's row")
    (row,) = rows(one)
    taken = one.world()["car"]["taken_wh"]
    assert row["estimated"] == "1"
    assert abs(float(row["kwh"]) * 1000 - taken) <= 0.35 * taken
