"""The status page's cards for what the current follows, in a real browser."""

import pytest
from playwright.sync_api import expect

API = {"mains_met": "API"}
TRUSTED = {**API, "trust_lan": "Enabled"}


def test_solar_is_chosen_and_set(twin, open_page):
    one = twin(settings=API)
    page = open_page(one.url)
    page.get_by_role("button", name="SOLAR").click()
    expect(page.get_by_role("button", name="SOLAR")).to_have_attribute("aria-pressed", "true")
    assert one.get("settings")["mode_id"] == 2
    expect(page.locator("#solar-style")).to_have_value("balanced")
    page.locator("#solar-style").select_option("greedy")
    page.get_by_text("Limits and home battery").click()
    expect(page.locator("#solar-stop")).to_have_value("10")
    for name, value in (("start", "6"), ("stop", "7"), ("import", "2")):
        page.locator("#solar-" + name).fill(value)
        page.locator("#solar-" + name).press("Tab")
    page.locator("#battery-reserve").fill("9")
    page.locator("#battery-reserve").press("Enter")
    page.locator("#battery-protect").check()
    one.wait(lambda: one.get("api/v1/status")["battery"]["protect"], 5, "the last of them")
    status = one.get("api/v1/status")
    assert status["solar"] == {"style": "greedy", "start": 6, "stop": 7, "import": 2, "left_s": 0}
    assert status["battery"]["reserve"] == 9
    # A value that is refused is said, and the one in force comes back.
    page.locator("#solar-stop").fill("61")
    page.locator("#solar-stop").press("Tab")
    expect(page.locator("#refused")).to_contain_text("0 to 60")
    expect(page.locator("#solar-stop")).to_have_value("7")


def test_what_is_typed_is_not_overwritten(twin, open_page):
    page = open_page(twin(settings=API).url)
    page.get_by_text("Limits and home battery").click()
    page.locator("#solar-start").fill("12")
    page.wait_for_timeout(2500)  # two answers of the charger
    expect(page.locator("#solar-start")).to_have_value("12")


def test_no_solar_without_a_meter(twin, open_page):
    page = open_page(twin(settings={"mains_met": "Disabled", "mode": "Normal"}).url)
    expect(page.get_by_role("button", name="SOLAR")).to_be_disabled()
    expect(page.locator("#solar")).to_be_hidden()
    expect(page.locator("#capacity")).to_be_hidden()
    expect(page.locator("#group")).to_be_hidden()


def test_a_car_waits_for_sun_and_the_battery_is_shown(twin, open_page):
    one = twin("--auto", settings={"mode": "Solar", "start": 0})
    page = open_page(one.url)
    expect(page.locator("#why")).to_have_text("Waits for more sun.", timeout=30_000)
    expect(page.locator("#battery-text")).to_be_hidden()
    one.post("currents?battery_current=101")
    expect(page.locator("#battery-text")).to_contain_text("Home battery charges with 10.1 A")
    one.post("currents?battery_current=-23")
    expect(page.locator("#battery-text")).to_contain_text("Home battery gives 2.3 A")
    one.post("currents?battery_current=0")
    expect(page.locator("#battery-text")).to_contain_text("Home battery rests")


def test_capacity_is_shown_and_the_installer_sets_it(twin, open_page):
    one = twin(settings=TRUSTED)
    page = open_page(one.url)
    expect(page.locator("#capacity-text")).to_have_text("No tariff is set.")
    page.get_by_text("Change it").click()
    page.locator("#cap-intervals").fill("22:30 9000, 07:00 4000")
    page.locator("#cap-intervals").press("Enter")
    page.locator("#cap-mode").select_option("Interval")
    expect(page.locator("#capacity-text")).to_contain_text("Interval: ")
    expect(page.locator("#cap-intervals")).to_have_value("07:00 4000, 22:30 9000")
    assert one.get("api/v1/status")["capacity"]["intervals"] == [[420, 4000], [1350, 9000]]
    page.locator("#cap-intervals").fill("7 to 9")
    page.locator("#cap-intervals").press("Enter")
    expect(page.locator("#refused")).to_contain_text("07:00 4000")
    expect(page.locator("#quarter")).to_be_hidden()
    page.locator("#cap-mode").select_option("Flanders")
    expect(page.locator("#quarter-text")).to_contain_text("Wh in this quarter hour")
    expect(page.locator("#capacity-text")).to_contain_text("peak of the month 2.50 kW")
    # A driver sees it and cannot change it.
    page = open_page(twin(settings={**API, "cap_mode": "Fixed", "capacity": 30}).url)
    expect(page.locator("#capacity-text")).to_contain_text("Fixed: 30.0 A now")
    expect(page.locator("#capacity-open")).to_be_hidden()


def test_a_master_shows_its_chargers(twin, open_page):
    page = open_page(twin(settings={**API, "pwr_share": "Master"}).url)
    expect(page.locator("#group-rows tr")).to_have_count(1)
    expect(page.locator("#group-rows tr").first).to_contain_text("This one")
    expect(page.locator("#group-rows tr").first).to_contain_text("no car connected")


def test_a_node_leaves_sun_and_tariff_to_its_master(twin, open_page):
    page = open_page(twin(settings={"mains_met": "Disabled", "pwr_share": "Node 2"}).url)
    expect(page.get_by_role("button", name="SOLAR")).to_be_enabled()
    expect(page.locator("#mains-note")).to_have_text("The master measures the mains.")
    for name in ("#solar", "#capacity", "#group"):
        expect(page.locator(name)).to_be_hidden()


def test_the_circuit(twin, open_page):
    one = twin(settings={**API, "circt_met": "API", "circuit": 20})
    page = open_page(one.url)
    expect(page.locator("#circuit-text")).to_have_text("CIRCUIT 20 A")
    one.post("api/v1/command", {"name": "reading", "value": ["circuit", 10, 20, 30]})
    expect(page.locator("#circuit-text")).to_contain_text("1.0 / 2.0 / 3.0 A, CIRCUIT 20 A")
    page = open_page(twin(settings=API).url)
    expect(page.locator("#circuit-row")).to_be_hidden()


@pytest.mark.parametrize("width", (320, 390, 1280))
def test_everything_open_fits_the_screen(twin, open_page, width):
    one = twin(settings={**TRUSTED, "pwr_share": "Master", "cap_mode": "Flanders",
                         "circt_met": "API", "contact_2": "Auto", "mode": "Solar"})
    page = open_page(one.url, viewport={"width": width, "height": 800})
    for summary in page.locator("summary").all():
        if summary.is_visible():
            summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for field in page.locator("button, input, select, summary").all():
        if field.is_visible() and field.get_attribute("type") != "checkbox":
            assert field.bounding_box()["height"] >= 44
