"""An evening of simulated time with a power cut; `make soak ARGS=--days` is a month of it."""

import soak_days

CUT = 1  # the day whose fault that is


def test_an_evening_is_kept_whatever_happens(sim_build):
    rows, faults = soak_days.plan(CUT + 1 + 1)
    assert faults[CUT].startswith("kill")
    evening = [event for event in rows[CUT] if event[1] != "unplug"]
    evening.append([soak_days.LAST_MS, "unplug"])
    days, kept = soak_days.run(sim_build, [evening])
    table = soak_days.judge(days, kept, [evening], faults)
    assert days[0]["starts"] == 2
    assert not [row for row in table.rows if not row["pass"]]


DAY = {"live": 1000, "starts": 1, "files": 1000, "forbidden": 0, "over_ms": 0, "violations": {},
       "erases": {"file": 1, "log": 1}, "kwh": 20.0, "faults": 0, "wraps": 1,
       "local": "2028-02-20"}
KEPT = {"quarters": 96, "history_wh": 20_000, "sessions": [[1, 20_000, False, 1]]}
PLAN = [[[0, "plug", soak_days.WANTED_WH]], []]


def missed(change=(), kept=()):
    days = [DAY, {**DAY, **dict(change)}]
    table = soak_days.judge(days, {**KEPT, **dict(kept)}, PLAN, [])
    return [row["name"] for row in table.rows if not row["pass"]]


def test_what_is_as_it_should_be_passes():
    assert missed() == []


def test_what_is_not_is_found():
    assert missed({"kwh": 19.8}) == ["energy the cars did not get"]
    assert missed({"over_ms": 12_001}) == ["longest time above a limit of the mains"]
    assert missed({"wraps": 0}) == ["missing wraps of the ticks"]
    assert missed({"violations": {"opened_under_load": 1}}) == ["opened under load"]
    assert missed({"faults": 2}) == ["faults that stayed till midnight"]
    assert missed({"forbidden": 1}) == ["files written or flash erased with a contactor closed"]
    assert missed({"live": 4000}) == ["growth of live memory"]
    assert missed({"files": 200_000}) == ["files"]
    assert missed(kept={"sessions": []})[0] == "sessions not in their file"
    twice = [[1, 20_000, False, 1], [2, 0, False, 1]]
    assert missed(kept={"sessions": twice}) == ["sessions not in their file"]
    assert missed(kept={"sessions": [[1, 19_000, False, 1]]}) == [
        "energy wrong in the sessions"]
    assert missed(kept={"history_wh": 19_000}) == ["energy wrong in the history"]
