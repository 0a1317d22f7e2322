"""The list of time zones: all of it can be understood, and says what the zones do."""

import datetime
import sys
from pathlib import Path

import pytest
import zoneinfo

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "shims"), str(ROOT / "tools")]

import zones  # noqa: E402
from evse.clock import Zone  # noqa: E402

TEXT = zones.FILE.read_text()
FOUND = zones.unpacked(TEXT)
RULE_MAX = 63  # of the setting tz


def test_every_rule_is_one_the_charger_takes():
    assert len(FOUND) > 480
    for name, rule in FOUND.items():
        assert len(rule) <= RULE_MAX
        Zone(rule)
        assert "/" in name and not name.startswith("/")
    assert FOUND["Europe/Amsterdam"] == "CET-1CEST,M3.5.0,M10.5.0/3"
    assert FOUND["America/Argentina/Buenos_Aires"] == "<-03>3" and FOUND[zones.UTC] == "UTC0"
    assert zones.packed(FOUND) == TEXT


@pytest.mark.parametrize("name", ("Europe/Amsterdam", "Europe/London", "America/New_York",
                                  "Australia/Sydney", "Asia/Calcutta"))
def test_it_is_the_same_time_there(name):
    try:
        zone, local = Zone(FOUND[name]), zoneinfo.ZoneInfo(name)
    except zoneinfo.ZoneInfoNotFoundError:
        pytest.skip("this machine has no time zones")
    for day in range(800):
        moment = 1_780_000_000 + day * 86400
        offset = datetime.datetime.fromtimestamp(moment, local).utcoffset()
        assert zone.offset(moment) == offset.total_seconds(), (name, moment)


def test_the_machines_zones_are_read(tmp_path):
    for path, rule in (("Etc/UTC", "UTC0"), ("Europe/Paris", "CET-1CEST,M3.5.0,M10.5.0/3"),
                       ("posix/Europe/Paris", "XXX0"), ("UTC", "UTC0")):
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"TZif2" + bytes(50) + b"\n" + rule.encode() + b"\n")
    (tmp_path / "Europe" / "note").write_text("no zone\n")
    assert zones.zones(tmp_path) == {"Etc/UTC": "UTC0",
                                     "Europe/Paris": "CET-1CEST,M3.5.0,M10.5.0/3"}
