"""The view of the details: every figure with its age, the journal, and what lets others help."""

import re
from pathlib import Path

import pytest
from page_fixture import healthy, picture
from playwright.sync_api import expect

from twin_fixture import Twin

SETTINGS = {"mode": "Solar", "mains_met": "API", "ev_meter": "API", "start": 0,
            "trust_lan": "Enabled", "modem": "Experimental", "required_evccid": "AABB",
            "mqtt_user": "myself", "lcd_pin": 8642}
PASSWORD = "not for others"


@pytest.fixture(scope="module")
def charger(sim_build):
    one = Twin(settings=SETTINGS)
    yield one
    one.close()


def value(page, part, name):
    """What stands below ``name`` in a part of the view."""
    heading = page.get_by_role("heading", name=part, exact=True)
    term = page.locator("dt", has_text=re.compile("^%s$" % re.escape(name)))
    return page.locator("section", has=heading).locator("dl > div", has=term).locator("dd")


def test_every_figure_is_there_with_its_age(charger, open_page, screen):
    charger.post("currents?L1=-50&L2=10&L3=20&battery_current=90")
    charger.post("ev_meter?L1=61&L2=62&L3=63&import_active_power=4278"
                 "&import_active_energy=12345&export_active_energy=0")
    page = open_page(charger.url, "details", **screen)
    for part, name, text in (
            ("Charging", "Mode", "Solar"), ("Charging", "Fault", "None"),
            ("Charging", "Possible", "6.0 \u2013 16.0 A"), ("Charging", "Pilot signal", "100 %"),
            ("Contactors and lock", "Contactor 1", "open"),
            ("Contactors and lock", "Contactor 1 has closed", "0 times"),
            ("Contactors and lock", "Temperature", "25 °C, at most 65 °C"),
            ("Mains", "Measured", "-2.0 A together · L1 -5.0 · L2 1.0 · L3 2.0"),
            ("Mains", "Without the home battery",
             "-11.0 A together · L1 -8.0 · L2 -2.0 · L3 -1.0"),
            ("Mains", "At most, each phase", "25.0 A"),
            ("Home battery", "State", "charges"), ("Home battery", "Current", "9.0 A"),
            ("Meter of the car", "Measured", "18.6 A together · L1 6.1 · L2 6.2 · L3 6.3"),
            ("Meter of the car", "Power", "4278 W"), ("Meter of the car", "Energy", "12.35 kWh"),
            ("Car by modem", "EVCCID", "\u2013"), ("Network", "MQTT", "off"),
            ("This charger", "Board", "sim"), ("This charger", "Serial number", "4711"),
            ("This charger", "Started by", "from the prompt"),
            ("This charger", "Starts since power came", "1"),
            ("This charger", "Parts started again", "0 times")):
        expect(value(page, part, name)).to_have_text(text)
    for part in ("Mains", "Home battery", "Meter of the car"):
        expect(value(page, part, "Last data")).to_have_text(re.compile(r"^\d+(\.\d)? s ago$"))
    # Ages go on while nothing else happens.
    before = value(page, "Mains", "Last data").text_content()
    expect(value(page, "Mains", "Last data")).not_to_have_text(before)
    # There is no circuit, and no part for it.
    expect(page.get_by_role("heading", name="Circuit", exact=True)).to_be_hidden()
    for path in ("/api/v1/status", "/settings", "/metrics", "/openapi.json"):
        link = page.get_by_role("link", name=path, exact=True)
        assert page.request.get(charger.url + link.get_attribute("href")[1:]).ok, path
    healthy(page)
    picture(page, "details")


def test_before_the_settings_have_come_and_in_another_language(charger, open_page):
    held = []
    page = open_page(charger.url, "wiring", locale="de")
    page.route("**/api/v1/settings?values", lambda route: held.append(route))
    page.evaluate("location.hash = 'details'")
    expect(value(page, "Schütze und Schloss", "Temperatur")).to_have_text("25 °C")
    expect(value(page, "Laden", "Zustand")).to_have_text("Bereit zum Laden (0)")
    charger.wait(lambda: page.wait_for_timeout(50) or held)
    held[0].continue_()
    expect(value(page, "Schütze und Schloss", "Temperatur")).to_have_text(
        "25 °C, höchstens 65 °C")


def test_the_journal_grows_as_it_happens(charger, open_page):
    page = open_page(charger.url, "details")
    events = page.locator(".events li")
    expect(events.last).to_contain_text("started")
    expect(events.last).to_contain_text(re.compile(r"\d:\d\d:\d\d"))
    changed = events.filter(has_text="mode changed")
    expect(changed).to_have_count(0)
    count = events.count()
    charger.post("api/v1/command", {"name": "mode", "value": "Normal"})
    expect(changed).to_have_count(1)
    assert events.count() > count
    charger.post("api/v1/command", {"name": "mode", "value": "Solar"})


def test_the_black_box_is_kept_and_tells_no_secret(charger, open_page):
    charger.post("api/v1/command", {"name": "set", "value": ["wifi_password", PASSWORD]})
    page = open_page(charger.url, "details")
    with page.expect_download() as found:
        page.get_by_role("button", name="Download the black box").click()
    assert found.value.suggested_filename == "microevse-4711.txt"
    text = Path(found.value.path()).read_text()
    for line in ("mains_met: API", "wifi_password is set", "lcd_pin is set", "last crash"):
        assert line in text
    for secret in (PASSWORD, "8642", "AABB", "myself"):
        assert secret not in text, secret


def test_the_light_and_the_car_that_may_charge(charger, open_page):
    charger.post("api/v1/command", {"name": "backlight", "value": 9})
    page = open_page(charger.url, "details")
    expect(value(page, "This charger", "Display light")).to_have_text(re.compile(r"^10\d\d s$"))
    page.get_by_role("button", name="Light the display").click()
    expect(value(page, "This charger", "Display light")).to_have_text(re.compile(r"^1[012]\d s$"))
    field = page.get_by_label("Only this car (EVCCID)")
    expect(field).to_have_value("AABB")
    field.fill("0011223344556677889900AABBCCDDEE")
    field.press("Enter")
    charger.wait(lambda: charger.get("settings")["settings"]["required_evccid"].startswith("0011"),
                 5, "the car's number")
    charger.post("api/v1/command", {"name": "set", "value": ["required_evccid", "AABB"]})


def test_it_tells_that_it_had_to_start_again(charger, open_page):
    """Until an hour is over; and in the safe mode it has another page."""
    later = []

    def told(route):
        status = route.fetch().json()
        status["starts"] = {"count": 3, "restarts": 2, "last": [
            {"cause": "watchdog", "ran_s": 7260}, {"cause": "power", "ran_s": -1}]}
        status["reset_cause"] = "watchdog"
        status["uptime_s"] = 130 + 3600 * len(later)
        route.fulfill(json={**status, "safe_mode": True} if len(later) > 1 else status)

    page = open_page(charger.url, "wiring")
    page.route("**/api/v1/events", lambda route: route.abort())
    page.route("**/api/v1/status", told)
    page.evaluate("location.hash = 'now'")
    page.reload()  # it may listen to the events already
    note = page.locator("#restarted")
    expect(note).to_contain_text("It had to start again 2 min ago: it hung (watchdog).")
    note.get_by_role("link").click()
    for name, text in (("Started by", "it hung (watchdog) after 2 h 1 min, power"),
                       ("Starts since power came", "3"), ("Parts started again", "2 times")):
        expect(value(page, "This charger", name)).to_have_text(text)
    page.evaluate("location.hash = 'now'")
    expect(note).to_be_visible()
    later.append("an hour")
    expect(note).to_be_hidden()
    with page.expect_event("load"):
        later.append("in the safe mode")


def test_the_charger_is_restarted_and_comes_back(charger, open_page):
    page = open_page(charger.url, "details")
    charger.wait(lambda: charger.get("api/v1/status")["uptime_s"] > 3, 5, "some time")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Restart").click()
    assert charger.get("api/v1/status")["uptime_s"] > 3
    events = page.locator(".events li")
    charger.post("api/v1/command", {"name": "mode", "value": "Smart"})
    expect(events.filter(has_text="mode changed").first).to_be_visible()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Restart").click()
    # The journal goes on.
    expect(events.filter(has_text="restarted")).to_have_count(1, timeout=30_000)
    expect(events.filter(has_text="mode changed").first).to_be_visible()
    expect(value(page, "This charger", "Started by")).to_contain_text(
        re.compile(r"^on request after .*, from the prompt$"))
    expect(value(page, "This charger", "Starts since power came")).to_have_text("2")
