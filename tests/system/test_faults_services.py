"""Services meet exceptions, the end of memory, waits without end; `make faults` has more of it."""

import pytest

import faults_services

FINE = {"kind": "hang", "service": "bus", "tries": 2, "places": 2, "ms": 6000, "broken": [],
        "limit_ms": 16_000}


@pytest.mark.parametrize("change", [
    {"tries": 0, "places": 0}, {"broken": ["the car did not charge any more"]}])
def test_what_is_not_well_again_is_told(change):
    assert faults_services.judged(FINE)["passed"]
    assert not faults_services.judged({**FINE, **change})["passed"]


def test_services_come_back_and_the_car_charges_on(sim_build):
    rows = list(faults_services.rows(sim_build, True))
    assert [row["fault"] for row in rows if not row["passed"]] == []
    names = [row["fault"].partition(":")[0] for row in rows]
    assert names[-3:] == ["WiFi", "MQTT", "all of them"]  # the network, the broker, flash
    assert {name.partition(" (")[0] for name in names[:-3]} == set(faults_services.SHORT["only"])
