"""Starts that do not last, and restarts, on the running twin: the safe mode and what survives."""

import shutil
import urllib.error
import urllib.request

import pytest

import build
import release
from test_update import HEAP, NEW, as_version, restarted, send

BROKEN = ("app", "core", "status", "history", "storage", "cards", "front", "commands", "current",
          "net/api_status", "panel/panel", "bus/service", "supervisor", "power/regulator")
RUBBISH = bytes(number * 167 & 0xFF for number in range(500))


@pytest.fixture
def data(tmp_path, monkeypatch):
    """The directory of the twin's board."""
    monkeypatch.setenv("MICROEVSE_DATA", str(tmp_path))
    return tmp_path


def counted(one, data):
    """The starts in a row that have not lasted, None once this one has lasted a minute."""
    count = int((data / "boots").read_text())
    return count if one.get("api/v1/status")["uptime_s"] < 60 else None


def text(one, path):
    with urllib.request.urlopen(one.url + path, timeout=10) as answer:
        return answer.read()


def test_the_safe_mode_needs_nothing_of_the_app_and_takes_an_update(twin, sim_build, data):
    shutil.copytree(sim_build, data / "a")
    for name in BROKEN:
        (data / "a" / "evse" / (name + ".mpy")).write_bytes(RUBBISH)
    (data / "settings.json").write_bytes(b'{"settings":{"max"')
    (data / "crash.txt").write_text("what it was\n")
    (data / "boots").write_text("5")
    one = twin("--auto", heap=HEAP, settings={"trust_lan": "Enabled"})
    told = one.get("api/v1/status")
    assert told["safe_mode"] and told["starts"] == 6 and told["version"] == build.VERSION
    one.wait(lambda: one.world()["car"]["plugged"], what="the car")
    page = text(one, "")
    assert page == text(one, "portal.html") and page[:2] == b"\x1f\x8b"
    log = text(one, "api/v1/blackbox").decode()
    assert "safe mode after 6 starts" in log and "what it was" in log
    for path in ("api/v1/settings", "settings", "metrics", "lcd", "api/v1/history"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            text(one, path)
        assert refused.value.code == 503
    # Not even an unreadable file of settings opens the charger to everybody.
    assert send(one, b"", "api/v1/restart")[0] == 403
    password = one.world()["chargers"][0]["wifi"]["portal"]["password"]
    token = one.post("api/v1/login", {"password": password})["token"]
    trust = {"Authorization": "Bearer " + token}
    newer = data / "newer"
    shutil.copytree(sim_build, newer)
    assert send(one, release.bundle(as_version(newer, NEW)), **trust)[0] == 200
    assert not one.world()["contactors"]["c1"]
    assert send(one, b"", "api/v1/update/start", **trust)[0] == 200
    restarted(one)
    told = one.get("api/v1/status")
    assert (told["version"], told["reset_cause"]) == (NEW, "restart")
    assert counted(one, data) in (1, None)


def test_a_restart_keeps_the_journal_and_a_loss_of_power_does_not(twin, data):
    one = twin(heap=HEAP, settings={"trust_lan": "Enabled"})
    one.wait(lambda: one.get("api/v1/status")["uptime_s"] > 1, what="two seconds")
    one.post("api/v1/command", {"name": "mode", "value": "Solar"})
    one.post("api/v1/restart")
    restarted(one)
    told = one.get("api/v1/status")
    assert told["reset_cause"] == "restart" and told["starts"]["count"] == 2
    found = one.get("api/v1/journal")
    before = [event for event in found if event["uptime_s"] < 0]
    assert "mode changed" in [event["text"] for event in before]
    after = [event["text"] for event in found[len(before):]]
    assert after[:1] == ["restarted"] and "started" in after
    assert "microevse_start_delay_seconds 0" in text(one, "metrics").decode()
    assert counted(one, data) in (1, None)
    before = int((data / "boots").read_text())
    one.world("reboot")
    restarted(one)
    told = one.get("api/v1/status")
    assert told["reset_cause"] == "power" and told["starts"]["count"] == 1
    assert not [event for event in one.get("api/v1/journal") if event["uptime_s"] < 0]
    assert counted(one, data) in (before + 1, None)
