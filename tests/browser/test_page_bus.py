"""The page's view of the bus and of the bus doctor, in a real browser."""

import pytest
from playwright.sync_api import expect

METERS = {"mains_met": "Eastron3P", "mains_adr": 11, "ev_meter": "Eastron3P", "ev_adr": 12}
HEAP = "512K"  # the doctor is loaded from files here
EXAMINED_MS = 90_000


def row(page, name):
    return page.locator("#bus-rows tr").filter(has_text=name)


def test_each_device_with_its_answers(twin, open_page):
    one = twin(settings={**METERS, "circt_met": "ABB", "circt_adr": 40})
    one.world("circuit_meter", on=False)
    page = open_page(one.url)
    expect(page.locator("#bus-rows tr")).to_have_count(3)
    expect(row(page, "Mains meter").locator("td")).to_contain_text(
        ["11", " s ago", " ms", "none"])
    expect(row(page, "Circuit meter").locator("td")).to_contain_text(
        ["40", "never", "\u2013", "100 %"])
    expect(row(page, "Car's meter")).to_contain_text(" s ago")
    one.world("ev_meter", on=False)
    expect(row(page, "Car's meter")).to_contain_text("lost", timeout=30_000)
    expect(row(page, "Car's meter")).to_have_class("lost")


def test_no_device(twin, open_page):
    page = open_page(twin(settings={"mains_met": "API"}).url)
    expect(page.locator("#bus-note")).to_have_text("No device on the bus is set.")
    expect(page.locator("#bus-table")).to_be_hidden()
    expect(page.get_by_role("button", name="Examine the bus")).to_be_enabled()
    expect(page.get_by_role("button", name="Examine the phases")).to_be_disabled()


def test_the_bus_is_examined_and_the_findings_are_shown(twin, open_page):
    one = twin(heap=HEAP, settings={**METERS, "ev_adr": 40})
    one.world("meter_is", meter="ev", address=12)
    page = open_page(one.url)
    page.get_by_role("button", name="Examine the bus").click()
    expect(page.locator("#doctor-running")).to_contain_text("No meter is read meanwhile")
    expect(page.get_by_role("button", name="Examine the bus")).to_be_disabled()
    expect(page.locator("#findings li.mistake")).to_have_count(1, timeout=EXAMINED_MS)
    expect(page.locator("#findings li.mistake")).to_contain_text(
        "Car's meter: Answers at address 12 instead.")
    expect(page.locator("#findings li.mistake")).to_contain_text("change the address at the meter")
    expect(page.locator("#findings li").last).to_contain_text("no setting uses it")
    expect(page.locator("#doctor-running")).to_be_hidden()
    # Who opens the page later sees them, too.
    page = open_page(one.url, viewport={"width": 320, "height": 800})
    expect(page.locator("#findings li.mistake")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_an_examination_is_stopped(twin, open_page):
    page = open_page(twin(heap=HEAP, settings=METERS).url)
    page.get_by_role("button", name="Examine the bus").click()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#doctor-result")).to_have_text("The examination was stopped.")
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()


@pytest.mark.parametrize("what", ("bus", "phases"))
def test_what_can_be_examined_while_a_car_charges(twin, open_page, what):
    one = twin("--auto", heap=HEAP, settings={**METERS, "mode": "Normal"})
    page = open_page(one.url)
    expect(page.locator("#now.charging")).to_be_visible(timeout=30_000)
    button = page.get_by_role("button", name="Examine the " + what)
    if what == "bus":
        expect(button).to_be_disabled()
        return
    button.click()
    expect(page.locator("#doctor-running")).to_contain_text("less and more current")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#doctor-result")).to_have_text("The examination was stopped.")
