"""The vertical slice: firmware from .mpy under the tight heap, a real Modbus meter, a car."""

import os
import signal
import time

import pytest

CHARGE_S = 45  # 10 s after power returned, the car's own time, one meter period


def charging(one):
    """True while the contactor is closed and current flows."""
    state = one.world()
    return state["contactors"]["c1"] and state["car"]["draw_a"] > 5


def wait_charging(one, timeout=CHARGE_S):
    one.wait(lambda: charging(one), timeout, "charging")


def settled(one, amps, tolerance=0.7):
    return lambda: abs(one.world()["car"]["draw_a"] - amps) <= tolerance


def highest_mains(one):
    return max(one.world()["site"]["mains_a"])


@pytest.fixture
def car(twin):
    """A twin whose car charges in Smart."""
    one = twin("--auto")
    one.world("load", amps=[2, 1, 1])
    wait_charging(one)
    return one


def test_a_car_charges_in_smart_from_the_real_meter(car):
    car.wait(settled(car, 16), 60, "16 A")
    shown = car.get("settings")
    assert shown["mode"] == "SMART"
    state = car.world()
    assert state["pilot"]["offers_a"] == pytest.approx(16, abs=0.1)
    assert state["contactors"]["closings"] == 1


def test_more_load_lowers_the_current_and_the_limit_holds(car):
    car.wait(settled(car, 16), 60, "16 A")
    car.world("load", amps=[14, 1, 1])
    car.wait(lambda: highest_mains(car) <= 25.1, 15, "mains at or below 25 A")
    car.stays(lambda: highest_mains(car) <= 25.1, 5, "mains at or below 25 A")
    assert charging(car), "lowering is not stopping"
    assert car.world()["car"]["draw_a"] < 11.2
    car.world("load", amps=[2, 1, 1])
    car.wait(settled(car, 16), 90, "16 A again")
    assert car.world()["contactors"]["closings"] == 1


def test_without_the_meter_it_stops_safely_and_comes_back(car):
    car.world("meter", on=False)
    car.wait(lambda: not car.world()["contactors"]["c1"], 40, "the contactor open")
    state = car.world()
    assert state["contactors"]["opened_under_load"] == 0, "the car was told to stop first"
    assert state["pilot"]["offers_a"] == 0
    car.stays(lambda: not car.world()["contactors"]["c1"], 3, "the contactor open")
    car.world("meter", on=True)
    wait_charging(car, 120)


def test_unplugging_under_load_opens_and_plugging_charges_again(car):
    car.world("unplug")
    car.wait(lambda: not car.world()["contactors"]["c1"], 2, "the contactor open")
    assert car.world()["pilot"]["offers_a"] == 0
    car.world("plug")
    wait_charging(car)


def test_an_ending_firmware_is_told_and_leaves_the_contactor_open(twin):
    one = twin("--auto")
    os.kill(one.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while one.alive and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not one.alive
    assert "ended by itself" in one.tail()


def test_ending_the_twin_ends_the_firmware(twin):
    one = twin()
    one.close()
    with pytest.raises(ProcessLookupError):
        os.kill(one.pid, 0)


def test_the_world_names_what_it_does_not_take(twin):
    one = twin()
    for name, arguments, words in (("fly", {}, "no command is called fly"),
                                   ("load", {"amps": 1e9}, "not a number"),
                                   ("plug", {"colour": 1}, "does not take colour"),
                                   ("car", {"model": "boat"}, "no car is called boat")):
        with pytest.raises(AssertionError, match=words):
            one.world(name, **arguments)
