"""The vertical slice: firmware from .mpy under the tight heap, a real Modbus meter, a car."""

import os
import signal
import time
import urllib.request

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


def test_second_contactor_lock_and_a_residual_current(twin):
    one = twin("--auto", settings={"contact_2": "Always On", "config": "Socket", "lock": "Motor",
                                   "rcmon": "Enabled", "ev_meter": "Eastron3P"})
    wait_charging(one)
    state = one.world()
    assert state["car"]["drawing_on"] == [1, 2, 3] and state["contactors"]["closed_2"]
    assert state["lock"]["locked"]
    with pytest.raises(AssertionError, match="the lock holds the plug"):
        one.world("unplug")
    one.wait(lambda: one.get("settings")["ev_meter"]["currents"]["L3"] >= 55, 10,
             "the EV meter's current")
    one.world("rcm", on=True)
    one.wait(lambda: not one.world()["contactors"]["c1"], 2, "the contactor open")
    state = one.world()["contactors"]
    assert not state["closed_2"] and state["opened_under_load"] == 1
    assert state["c2_under_load"] == state["without_neutral"] == 0
    one.stays(lambda: one.world()["lock"]["locked"], 2, "the lock")
    one.world("unplug", at="car")
    one.wait(lambda: not one.world()["lock"]["locked"], 10, "the lock released")
    one.world("unplug")


def test_a_sleeping_car_is_woken(twin):
    one = twin("--auto", "--car", "sleeps, wakes by 3 s")
    one.world("floating", mv=12000)
    one.wait(lambda: not one.world()["pilot"]["connected"], CHARGE_S + 30, "the interruption")
    assert one.world()["car"]["asleep"]
    wait_charging(one)
    assert one.world()["contactors"]["closings"] == 1


def test_a_card_at_the_reader(twin):
    one = twin("--auto", "--clock", "none", settings={"rfid": "Learn", "trust_lan": "Enabled"})
    uid = "04A2B3C4D5E6F7"
    one.world("card", uid=uid)
    one.wait(lambda: uid in text_of(one, "api/v1/cards.csv"), 20, "the card learnt")
    one.world("card", uid=None)
    for name, value in (("set", ["rfid", "EnableOne"]), ("access", "Off")):
        one.post("api/v1/command", {"name": name, "value": value})
    one.wait(lambda: not one.world()["contactors"]["c1"], 10, "access off")
    one.world("card", uid="04A2B3C4D5E6F8")
    one.stays(lambda: not one.world()["contactors"]["c1"], 5, "a stranger's card refused")
    one.world("card", uid=uid)
    wait_charging(one)


def text_of(one, path):
    """The text of a page of the charger."""
    with urllib.request.urlopen(one.url + path, timeout=10) as answer:
        return answer.read().decode()


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
                                   ("car", {"model": "boat"}, "no car is called boat"),
                                   ("card", {"uid": "12"}, "12 or 14 hex digits")):
        with pytest.raises(AssertionError, match=words):
            one.world(name, **arguments)
