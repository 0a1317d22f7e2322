"""The firmware is killed in the middle of a session and started again with the same data."""

import csv
import io
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request

import pytest

from twin_fixture import ROOT, RUN, START_S, TIGHT_HEAP, Twin

CHARGE_S = 45
NOTE_S = 75  # the log takes something once a minute
DROP_S = 1


class Standing(Twin):
    """A twin whose world stays when its firmware has ended."""

    def __init__(self, data, *options):
        self.log = []
        self._ready = threading.Event()
        self._pages = {}
        self._process = subprocess.Popen(
            [sys.executable, str(RUN), "--no-auto", "--no-build", "--heap", TIGHT_HEAP,
             "--http", "127.0.0.1:0", "--world", "127.0.0.1:0",
             "--settings", '{"ev_meter": "Eastron3P"}', *options],
            cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, "MICROEVSE_DATA": str(data)})
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._ready.wait(START_S):
            self.close()
            raise AssertionError("the twin did not start\n" + self.tail())
        self.url = self._pages["charger"]
        self.chargers = [{"url": self.url}]
        self.world_url = self._pages["world"]
        children = subprocess.run(["pgrep", "-P", str(self._process.pid)], text=True, check=True,
                                  stdout=subprocess.PIPE).stdout.split()
        assert len(children) == 1, children
        self.pid = int(children[0])

    def _read(self):
        for line in self._process.stdout:
            self.log.append(line.rstrip())
            found = re.match(r" +(charger|world) +(http\S+)", line)
            if found:
                self._pages[found[1]] = found[2]
            if len(self._pages) == 2:
                self._ready.set()


@pytest.fixture
def standing(sim_build, tmp_path):
    """Factory of twins that share one data directory; all end with the test."""
    running = []

    def start(*options):
        running.append(Standing(tmp_path, *options))
        return running[-1]

    yield start
    for one in running:
        one.close()


def files(folder):
    """What is in the files of a board: its log is none, and what it keeps over a reset is memory.

    {name: bytes}
    """
    return {path.name: path.read_bytes() for path in folder.iterdir()
            if path.name not in ("log.bin", "kept.bin")}


def sessions(one):
    """The rows of sessions.csv as dicts."""
    with urllib.request.urlopen(one.url + "api/v1/sessions.csv", timeout=10) as answer:
        return list(csv.DictReader(io.StringIO(answer.read().decode())))


def test_a_session_and_a_setting_outlive_a_kill_and_the_contactor_does_not(standing, tmp_path):
    one = standing()
    one.world("plug")
    one.wait(lambda: one.world()["car"]["draw_a"] > 5, CHARGE_S, "charging")
    log = tmp_path / "log.bin"
    one.wait(lambda: log.read_bytes().strip(b"\xff"), 10, "the first checkpoint")
    # The log takes more with the next minute of the clock, which may come at once.
    one.wait(lambda: one.get("api/v1/status")["session"]["wh"] > 10, 30, "some energy")
    one.post("settings?enable_C2=1")
    one.post("settings?override_current=100")
    before = files(tmp_path)
    one.wait(lambda: b"Always Off" in log.read_bytes(), NOTE_S, "the setting in the log")
    after = files(tmp_path)
    if one.world()["contactors"]["closings"] == 1:  # a busy host may have stopped it meanwhile
        assert after == before, "written while it charged"
    session = one.get("api/v1/status")["session"]
    taken = session["wh"]
    assert taken > 10
    state = one.world()
    assert state["contactors"]["closed_1"]

    os.kill(one.pid, signal.SIGKILL)
    one.wait(lambda: not one.world()["firmware"], 5, "the end of the firmware")
    one.wait(lambda: not one.world()["contactors"]["closed_1"], DROP_S, "the contactor open")
    one.stays(lambda: not one.world()["contactors"]["closed_1"], 1, "the contactor open")
    assert one.world()["pilot"]["offers_a"] == 0
    one.close()

    two = standing()
    (row,) = sessions(two)
    assert (row["number"], row["interrupted"], row["estimated"]) == ("1", "1", "0")
    assert row["stopped"] == ""
    kept = float(row["kwh"]) * 1000
    assert taken - 220 <= kept <= taken + 5, "more than a minute's energy was lost"
    # From a checkpoint a minute before at the most, up to the kill a moment after the question.
    assert session["charging_s"] - 65 <= int(row["charging_s"]) <= session["charging_s"] + 5
    assert int(row["charging_s"]) > 0
    assert two.get("settings")["settings"]["override_current"] == 0
    assert two.get("settings")["settings"]["enable_C2"] == "Always Off"
    assert not two.world()["contactors"]["closed_1"]
    two.world("plug")
    two.wait(lambda: two.world()["car"]["draw_a"] > 5, CHARGE_S, "charging again")
    two.world("unplug")
    two.wait(lambda: len(sessions(two)) == 2, 10, "the second session")
    assert [row["number"] for row in sessions(two)] == ["1", "2"]
    assert sessions(two)[1]["interrupted"] == "0"


def words(one):
    """The timer's next event."""
    return one.get("api/v1/status")["timer"]["text"]


def test_access_and_timer_outlive_a_kill(standing):
    one = standing()
    one.post("settings?mode=1&starttime=2033-01-01T07:30&stoptime=2033-01-01T09:00")
    one.wait(lambda: one.get("settings")["evse"]["access"] == 0, 5, "access off")
    path = one.get("settings")["settings"]["starttime"]
    assert path > 0
    # Settings reach the file within a second when nothing charges.
    one.wait(lambda: words(one).startswith("starts 2033"), 5, "words")
    one.stays(lambda: True, 1.5)
    os.kill(one.pid, signal.SIGKILL)
    one.wait(lambda: not one.world()["firmware"], 5, "the end of the firmware")
    one.close()
    two = standing()
    assert two.get("settings")["evse"]["access"] == 0
    assert two.get("settings")["settings"]["starttime"] == path
    assert words(two).startswith("starts 2033")
    two.world("plug")
    two.stays(lambda: not two.world()["contactors"]["c1"], 8, "no charging before the start")
