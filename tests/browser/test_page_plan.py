"""Start and stop at a time, the clock, phases, the lock, the reader, the tariff."""

import pytest
from page_fixture import healthy, picture
from playwright.sync_api import expect

from twin_fixture import Twin

NOON_S = 1_790_078_400  # 22 September 2026, 12:00 UTC
SETTINGS = {"tz": "UTC0", "mains_met": "API", "contact_2": "Always Off",
            "config": "Socket", "lock": "Motor", "rfid": "EnableAll", "trust_lan": "Enabled",
            "cap_mode": "Flanders", "mode": "Smart"}
CARD = "04A1B2C3D4E5F6"


@pytest.fixture(scope="module")
def noon(sim_build):
    """A charger at noon that has all there is to choose."""
    one = Twin("--clock", str(NOON_S), settings=SETTINGS)
    yield one
    one.close()


def timer_of(one):
    values = one.get("settings")["settings"]
    return values["starttime"], values["stoptime"], values["repeat"]


def begin(page):
    """Open the form of the timer."""
    page.get_by_text("Set a start and a stop").click()
    expect(page.locator("#clock-text")).to_contain_text("2026-09-22 12:")


def test_a_start_and_no_more(noon, open_page, screen):
    page = open_page(noon.url, **screen)
    expect(page.locator("#timer-text")).to_have_text("No start or stop is set.")
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    begin(page)
    # Nothing is filled in that a careless click would send.
    for field in ("Start", "Stop none"):
        expect(page.get_by_label(field)).to_have_value("")
    page.get_by_role("button", name="Set timer").click()
    assert timer_of(noon) == (0, 0, 0)
    expect(page.get_by_text("Charging stops now")).to_be_hidden()
    page.locator("#timer-mode").select_option("Normal")
    page.locator("#timer-mode").select_option("Smart")
    page.get_by_label("Start").fill("2026-09-22T23:00")
    healthy(page)
    picture(page, "now-timer")
    page.get_by_role("button", name="Set timer").click()
    expect(page.locator("#timer-text")).to_have_text("Starts today 23:00 in mode SMART.")
    expect(page.locator("#next")).to_have_text("Starts today 23:00.")
    assert timer_of(noon) == (NOON_S + 39600, 0, 0)
    expect(page.get_by_label("Start")).to_be_hidden()
    expect(page.locator("#timer-mode")).to_have_value("Smart")  # for the next one, too
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#timer-text")).to_have_text("No start or stop is set.")
    assert timer_of(noon) == (0, 0, 0)


def test_every_night(noon, open_page, screen):
    page = open_page(noon.url, **screen)
    begin(page)
    daily = page.get_by_label("Daily")
    expect(daily).to_be_disabled()
    page.locator("#timer-mode").select_option("Normal")
    page.get_by_label("Start").fill("2026-09-22T23:00")
    page.get_by_label("Stop none").fill("2026-09-23T06:30")
    daily.check()
    page.get_by_role("button", name="Set timer").click()
    expect(page.locator("#timer-text")).to_have_text(
        "Starts today 23:00, daily in mode NORMAL. Then stops 06:30.")
    assert timer_of(noon) == (NOON_S + 39600, NOON_S + 66600, 1)
    assert noon.get("settings")["evse"]["access"] == 0
    # A mode cancels it.
    page.get_by_role("button", name="SMART").click()
    expect(page.locator("#timer-text")).to_have_text("No start or stop is set.")


def test_a_start_that_has_passed_is_not_sent(noon, open_page):
    page = open_page(noon.url)
    page.get_by_role("button", name="OFF").click()
    begin(page)
    page.get_by_label("Start").fill("2026-09-22T11:00")
    page.get_by_role("button", name="Set timer").click()
    expect(page.locator("form .refusal")).to_contain_text("has passed")
    assert noon.get("settings")["mode"] == "OFF"


def test_a_timer_the_charger_refuses(noon, open_page):
    page = open_page(noon.url)
    begin(page)
    page.get_by_label("Start").fill("2026-09-22T23:00")
    page.get_by_label("Stop none").fill("2026-09-24T06:00")
    page.get_by_label("Daily").check()
    page.get_by_role("button", name="Set timer").click()
    expect(page.locator("form + .refusal")).to_contain_text("within 24 hours")
    # What was typed stays, to be mended.
    expect(page.get_by_label("Start")).to_have_value("2026-09-22T23:00")
    assert timer_of(noon) == (0, 0, 0)


def test_phases_lock_and_reader(noon, open_page, screen):
    page = open_page(noon.url, **screen)
    option = page.get_by_label("Phases", exact=True)
    noon.post("api/v1/command", {"name": "set", "value": ["contact_2", "Always Off"]})
    expect(option).to_have_value("Always Off")
    expect(page.locator("#phase-text")).to_have_text("The plug has one phase now.")
    expect(page.get_by_label("Phases in SOLAR now")).to_be_hidden()
    option.select_option("Auto")
    page.get_by_role("button", name="SOLAR").click()
    wish = page.get_by_label("Phases in SOLAR now")
    expect(wish).to_be_visible()
    assert noon.get("api/v1/status")["contactors"]["contact_2"] == "Auto"
    wish.select_option("One phase")
    noon.wait(lambda: noon.get("api/v1/status")["phases"]["wish"] == 1)
    expect(page.locator("#lock-text")).to_have_text("The cable is free.")
    keep = page.get_by_label("Never release the cable")
    keep.check()
    noon.wait(lambda: noon.get("api/v1/status")["lock"]["keep"])
    keep.uncheck()
    noon.wait(lambda: not noon.get("api/v1/status")["lock"]["keep"])
    noon.world("card", uid=CARD)
    expect(page.locator("#reader-text")).to_contain_text("Last card: %s." % CARD)
    healthy(page)


def test_the_quarter_of_an_hour(noon, open_page):
    page = open_page(noon.url)
    noon.post("currents?L1=10&L2=10&L3=10")
    expect(page.locator("#quarter-text")).to_contain_text("of 0.63 kWh in this quarter hour")
    expect(page.locator("#capacity-text")).to_contain_text("The peak of the month is 2.5 kW.")
    meter = page.get_by_role("meter", name="Energy of this quarter hour")
    expect(meter).to_have_attribute("aria-valuemax", "62.5")


def test_a_plain_charger_has_none_of_it(twin, open_page):
    page = open_page(twin().url)
    expect(page.locator("#timer-text")).to_be_visible()
    for name in ("Plug", "Capacity", "Chargers"):
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_hidden()
    expect(page.locator("#clock-ask")).to_be_hidden()


def test_a_clock_that_is_unknown_can_be_set(twin, open_page):
    one = twin("--clock", "none", settings={"tz": "UTC0"})
    page = open_page(one.url)
    page.get_by_role("button", name="Set it from this device").click()
    expect(page.locator("#clock-ask")).to_be_hidden()
    now = page.evaluate("Date.now() / 1000")
    assert abs(one.get("api/v1/status")["clock"]["s"] - now) < 60
