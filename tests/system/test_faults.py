"""The campaign of faults in its short form, and that it notices what goes wrong."""

import json
import subprocess
from pathlib import Path

import pytest

import faults
import tables
from twin import firmware

EVERY = 6  # of the single faults, and of the pairs
FOUND = ["Residual current", "Watchdog bites while charging"]  # it charged on by itself


@pytest.fixture(scope="module")
def table(sim_build):
    sections, pairs = faults.listed(sim_build)
    return [fault for _, some in sections for fault in some], pairs


@pytest.fixture(scope="module")
def wrong(sim_build, tmp_path_factory):
    """What the campaign says of faults whose expectation is wrong."""
    answer = tmp_path_factory.mktemp("faults") / "answer.json"
    start = firmware.beside(sim_build) + (
        "sys.path[3:3] = [%r, %r]; import faults_wrong; faults_wrong.main(%r)" % (
            str(Path(__file__).parents[1] / "unit"), str(Path(__file__).parent), str(answer)))
    subprocess.run([firmware.interpreter(), "-X", "heapsize=48M", "-c", start], check=True)
    return json.loads(answer.read_text())


def test_a_sample_of_faults_and_pairs_holds(sim_build, table):
    singles, pairs = table
    by_name = {fault["what"]: fault for fault in singles}
    order = [[fault["what"]] for fault in singles[::EVERY]] + pairs[::EVERY] + [FOUND]
    rows = [faults.row([by_name[name] for name in names], result)
            for names, result in zip(order, faults.run(sim_build, order), strict=True)]
    assert len(rows) > 20
    assert [faults.cells(one) for one in rows if not one["passed"]] == []


def test_there_are_as_many_as_were_asked_for_and_none_is_there_twice(table):
    singles, pairs = table
    names = [fault["what"] for fault in singles]
    assert len(names) >= 60 and len(set(names)) == len(names)
    assert len(pairs) >= 30 and len({tuple(pair) for pair in pairs}) == len(pairs)
    assert all(name in names for pair in pairs for name in pair)


def test_the_document_has_each_row_and_none_that_fails(table):
    text = (tables.DOCS / "reliability.md").read_text()
    singles, pairs = table
    for what in [fault["what"] for fault in singles] + [" + ".join(pair) for pair in pairs]:
        line = next((line for line in text.splitlines() if line.startswith("| %s | " % what)), "")
        assert line.endswith("| pass |"), "%s: make faults" % what


@pytest.mark.parametrize("key", ["reacts", "none", "late", "later", "ends", "closed", "writes",
                                 "back", "changes", "forgets"])
def test_what_is_expected_wrongly_fails(wrong, key):
    fault = {"what": "x", "when": "charging", "expected": "", "never_ms": 0, "goes_on": False,
             "energy": True, "settings": True}
    one = faults.row([fault] * len(wrong[key]["ms"]), wrong[key])
    assert not one["passed"]
    noticed = {"reacts": one["measured"] == "never", "none": one["measured"] == "never",
               "late": wrong[key]["back_ms"] is None,
               "later": wrong[key]["back_ms"] is None and None not in wrong[key]["ms"],
               "ends": "not safe any more" in one["broken"],
               "closed": "bad pilot" in one["broken"] or "without being" in one["broken"],
               "writes": "under load" in one["broken"], "back": one["recovered"] == "never",
               "changes": "backlight_max" in one["kept"], "forgets": "Wh" in one["kept"]}
    assert noticed[key], one
