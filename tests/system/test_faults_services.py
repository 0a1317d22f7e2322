"""Services meet exceptions, the end of memory, waits without end; `make faults` has more of it."""

import pytest

import faults_services

FINE = {"kind": "hang", "service": "bus", "tries": 2, "places": 2, "ms": 6000, "broken": [],
        "control_ms": 8}


@pytest.mark.parametrize("change", [
    {"tries": 0, "places": 0}, {"broken": ["the car did not charge any more"]},
    {"ms": faults_services.WELL_MS + 1}, {"control_ms": faults_services.CONTROL_MS + 1}])
def test_what_is_not_well_again_is_told(change):
    assert faults_services.judged(FINE)["passed"]
    assert not faults_services.judged({**FINE, **change})["passed"]


def test_services_come_back_and_the_car_charges_on(sim_build):
    rows = list(faults_services.rows(sim_build, True))
    assert len(rows) == 3 * len(faults_services.SHORT["only"]) - 1  # a connection does not hang
    assert not [row for row in rows if not row["passed"]]
