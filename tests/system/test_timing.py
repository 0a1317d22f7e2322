"""The timing of the plug in its short form, and the tool that measures it."""

import pytest

import timing
import timing_table
from twin import firmware

REPETITIONS = 20


@pytest.fixture(scope="module")
def results(sim_build):
    return timing.measure_all(timing_table.rows(), REPETITIONS, sim_build)


def test_all_rows_hold(results):
    failed = [result.line() for result in results.values() if not result.passed]
    assert not failed, "\n".join(failed)


def test_each_row_was_measured_as_often_as_it_says(results):
    for row in timing_table.rows():
        for values in results[row.key].columns:
            assert len(values) == REPETITIONS * row.weight, row.key


def test_stalls_make_a_difference(results):
    """A board without its stalls would pass for the wrong reason."""
    quiet, stalls = results["car_stops"].columns
    assert max(stalls) > max(quiet)


@pytest.mark.parametrize("key", ["car_ignores", "wake_first", "power_return"])
def test_leaving_out_idle_cycles_changes_nothing(sim_build, key):
    row = next(row for row in timing_table.rows() if row.key == key)
    jumping = timing.measure(row, 3, sim_build)
    stepping = timing.measure(row, 3, sim_build, jump=False)
    assert jumping.columns == stepping.columns


def test_a_value_outside_the_limits_or_none_at_all_fails():
    row = timing_table.Row("x", "x", "x", 10, 20)
    assert timing.Result(row, [10, 15], [20]).passed
    for quiet, stalls in (([9], [10]), ([10], [21]), ([None], [10]), ([10], [10, None])):
        result = timing.Result(row, quiet, stalls)
        assert not result.passed
        assert "FAIL" in result.line()


def test_the_document_is_of_these_rows():
    """Rows, sources and limits as committed; the figures are for `make timing`."""
    text = timing.DOCUMENT.read_text(encoding="utf-8")
    for row in timing_table.rows():
        line = next((line for line in text.splitlines()
                     if line.startswith("| %s | %s |" % (row.what, row.source))), None)
        assert line, "docs/timing.md knows no row %s: make timing" % row.key
        assert line.endswith("| pass |"), line


def test_a_missing_interpreter_is_a_sentence(monkeypatch):
    monkeypatch.setattr(firmware, "interpreter", lambda: "/bin/false")
    with pytest.raises(timing.build.Problem, match="broke off"):
        timing.measure(timing_table.rows()[0], 1, firmware.BUILD)
