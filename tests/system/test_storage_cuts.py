"""Power cuts, damaged files and worn flash in their short form, and the tool that has all."""

import pytest

import power_cuts
import power_cuts_update
import tables
from twin import firmware

FILES = {"boots", "cards.csv", "flash log", "minutes.bin", "quarters.bin", "sessions.bin",
         "settings.json", "slot", "trial", "tried", "update.key"}


@pytest.fixture(scope="module")
def rows(sim_build):
    return power_cuts.cut_rows([power_cuts.told(sim_build, "cuts", 12, 6, 5)])


def test_wherever_the_power_fails_a_minute_is_lost_at_most(rows):
    assert not [row["wrong"] for row in rows if not row["passed"]]
    assert any(row["age"] for row in rows)
    assert sum(row["cuts"] for row in rows) > 100


def test_the_hour_writes_all_there_is_to_write(rows):
    assert {row["file"] for row in rows} == FILES
    assert sum(row["writes"] for row in rows) > 300
    erases = {row["file"]: row["erases"] for row in rows}
    assert erases["flash log"] and erases["settings.json"] and erases["minutes.bin"]


@pytest.mark.parametrize("what,step", [("files", 11), ("worn", 31)])
def test_what_is_spoilt_costs_nothing_else(sim_build, what, step):
    found = power_cuts.damage_rows(power_cuts.told(sim_build, what, step))
    assert not [row[4] for row in found if row[4]]
    assert sum(row[1] for row in found) >= 10


def test_a_row_in_which_something_went_wrong_fails():
    facts = [{"file": "x", "erase": False, "forbidden": False},
             {"file": "x", "cuts": 2, "age": 70, "why": ""},
             {"file": "x", "cuts": 1, "age": 0, "why": "Lost: history of 70 s before"}]
    row, = power_cuts.cut_rows([facts[:2]])
    assert row["passed"] and "| 70 | all there, it charges | pass |" in power_cuts.cut_table([row])
    row, = power_cuts.cut_rows([facts])
    assert not row["passed"] and "| FAIL |" in power_cuts.cut_table([row])
    row, = power_cuts.cut_rows([[{**facts[0], "forbidden": True}]])
    assert not row["passed"]
    found = power_cuts.damage_rows([
        {"what": "rubbish", "where": "a", "lost": ["key"], "said": True, "why": ""},
        {"what": "rubbish", "where": "b", "lost": [], "said": False, "why": "Wrong: it is late"}])
    assert found == [["rubbish", 2, {"key"}, 1, ["b: Wrong: it is late"]]]
    assert "| the owner's key | 1 | b: Wrong: it is late |" in power_cuts.damage_table(found)


def test_an_update_that_leaves_something_wrong_fails(monkeypatch):
    told = {"wrong": [], "pairs": power_cuts_update.ORDER, "charged": 3, "cuts": 9, "writes": 9,
            "erases": 0}
    monkeypatch.setattr(power_cuts_update, "measured", lambda slot, app, step: told)

    def found(step=1):
        return [(row["passed"], row["result"].rpartition("; ")[2])
                for row in power_cuts_update.rows("", step)]

    assert found() == [(True, "it charged in the 3 where that was tried")] * 2
    told["charged"] = 9
    assert found() == [(True, "it charged in all")] * 2
    told["pairs"] = ["aa", "bb"]  # it was never tried, or the cuts are far apart
    assert found() == [(False, "['aa', 'bb'] []")] * 2
    assert found(20) == [(True, "it charged in all")]
    told["pairs"] = ["bb", "aa"]
    assert not found(20)[0][0]
    told["pairs"], told["wrong"] = power_cuts_update.ORDER, [[7, True, "none"]]
    assert found()[0][0] is False and "none" in found()[0][1]


def test_a_script_that_fails_or_does_not_end_says_so(sim_build):
    with pytest.raises(firmware.Broken, match=r"so far\n.*\n.*\nZeroDivisionError"):
        firmware.run(sim_build, "print('so far'); 1 // 0", "1M", 60)
    with pytest.raises(firmware.Broken, match=r"did not end within 0.3 s"):
        firmware.run(sim_build, "import time; time.sleep(60)", "1M", 0.3)


def test_wear_is_counted_for_a_year():
    fact = {"days": 5, "blocks": [0, 10, 20], "sectors": [1, 0]}
    assert power_cuts.wear_table(fact).splitlines()[2:] == [
        "| files | 2190 | 1460 | 68 |", "| log | 73 | 73 | 1370 |"]


def test_the_documents_show_the_last_measurement():
    text = (tables.DOCS / "reliability.md").read_text()
    for name in [*FILES, *power_cuts_update.ROWS]:
        line = next((line for line in text.splitlines() if line.startswith("| %s |" % name)), "")
        assert line.endswith("| pass |"), "%s: make power-cuts" % name
    assert "| log |" in (tables.DOCS / "history.md").read_text()
