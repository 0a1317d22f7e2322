"""The meters, the bus and the bus doctor on the page, in a real browser."""

import re

import pytest
from page_fixture import healthy, picture
from playwright.sync_api import expect

from twin_fixture import Twin

METERS = {"mains_met": "Eastron3P", "mains_adr": 11, "ev_meter": "Eastron3P", "ev_adr": 12,
          "trust_lan": "Enabled"}
HEAP = "512K"  # the doctor is loaded from files here
EXAMINED_MS = 90_000


@pytest.fixture(scope="module")
def one(sim_build):
    running = Twin(settings=METERS, heap=HEAP)
    yield running
    running.close()


def card(page, name):
    """The section of the view with this heading."""
    return page.locator("section").filter(
        has=page.get_by_role("heading", name=name, exact=True))


def row(page, name):
    return card(page, "Bus").locator("tbody tr").filter(has_text=name)


def store(part):
    part.get_by_role("button", name="Store").click()
    expect(part.get_by_role("status").filter(has_text="Stored.")).to_be_visible()


def test_a_meter_is_set_up_next_to_what_it_shows(one, open_page, screen):
    one.world("meter_is", meter="circuit", address=40)
    page = open_page(one.url, "meters", **screen)
    mains = card(page, "Mains meter")
    expect(mains.locator("dl")).to_contain_text(re.compile(r"L1\d+\.\d Afrom the grid"))
    expect(mains).to_contain_text(re.compile(r"Eastron3P, measured \d"))
    circuit = card(page, "Circuit meter")
    expect(circuit.locator("dl")).to_be_hidden()
    circuit.get_by_label("Circuit meter CIRCT MET").select_option("Eastron3P")
    circuit.get_by_label("Address of the circuit meter").first.fill("40")
    store(circuit)
    expect(circuit.locator("dl")).to_contain_text(re.compile(r"L1\d+\.\d A"))
    expect(circuit).to_contain_text("measured")
    expect(row(page, "Circuit meter").locator("td")).to_contain_text(
        ["40", " s ago", " ms", "none"])
    healthy(page)
    picture(page, "meters")
    circuit.get_by_role("button", name="Back to usual: Address").click()
    circuit.get_by_role("button", name="Back to usual: Circuit meter").click()
    store(circuit)
    expect(circuit.locator("dl")).to_be_hidden()
    expect(row(page, "Circuit meter")).to_have_count(0)


def test_what_flows_out_is_named_and_what_cannot_be_is_asked(twin, open_page):
    one = twin("--auto", heap=HEAP, settings={
        "mains_met": "API", "ev_meter": "API", "mode": "Normal", "trust_lan": "Enabled"})
    page = open_page(one.url, "meters")
    expect(card(page, "Mains meter")).to_contain_text("From the network (API): no reading yet")
    for meter, amps in (("mains", [-31, 20, 0]), ("ev", [-60, 60, 60])):
        one.post("api/v1/command", {"name": "reading", "value": [meter, *amps]})
    mains = card(page, "Mains meter").locator("dd")
    expect(mains).to_have_text(["-3.1 Ato the grid", "2.0 Afrom the grid", "0.0 A",
                               "-0.3 kW"])
    expect(card(page, "Car's meter").locator("dd").first).to_have_text(
        "-6.0 Athe wrong way round?")


def test_the_registers_of_another_meter(one, open_page):
    page = open_page(one.url, "meters")
    other = card(page, "Another meter")
    expect(other.get_by_label("Register of the current").first).to_be_hidden()
    other.locator("summary").click()
    current = other.locator("#set-em_i_register")
    expect(current).to_be_visible()
    expect(other).to_contain_text("Only with Mains meter, Circuit meter, Car's meter: Another")
    current.fill("70000")
    other.get_by_role("button", name="Store").click()
    expect(other.get_by_role("alert")).to_have_text(
        "Em_i_register must be a number from 0 to 65530.")
    expect(current).to_be_focused()
    other.get_by_role("button", name="Undo").click()
    # From a search one comes to the very setting, folded away as it is.
    page = open_page(one.url, "meters/em_p_divisor")
    expect(page.locator("#set-em_p_divisor")).to_be_focused()


def test_a_sensorbox_tells_of_itself(twin, open_page):
    one = twin(heap=HEAP, settings={"mains_met": "Sensorbox", "trust_lan": "Enabled"})
    page = open_page(one.url, "meters")
    box = card(page, "Sensorbox").locator("dl")
    expect(box).to_contain_text(re.compile(r"Version\d"))
    expect(box).to_contain_text("Measures")
    expect(card(page, "Mains meter").get_by_label("Mains connection GRID").first).to_be_visible()


def test_each_device_with_its_answers(twin, open_page):
    one = twin(heap=HEAP, settings={**METERS, "circt_met": "ABB", "circt_adr": 40})
    one.world("circuit_meter", on=False)
    page = open_page(one.url, "meters")
    expect(card(page, "Sensorbox")).to_be_hidden()
    expect(card(page, "Bus").locator("tbody tr")).to_have_count(3)
    expect(row(page, "Mains meter").locator("td")).to_contain_text(
        ["11", " s ago", " ms", "none"])
    expect(row(page, "Circuit meter").locator("td")).to_contain_text(
        ["40", "never", "\u2013", "100 %"])
    expect(card(page, "Circuit meter").locator("p.refusal")).to_contain_text("no reading yet")
    expect(row(page, "Car's meter")).to_contain_text(" s ago")
    one.world("ev_meter", on=False)
    expect(row(page, "Car's meter")).to_contain_text("lost", timeout=30_000)


def test_no_device(twin, open_page):
    page = open_page(twin(heap=HEAP, settings={"mains_met": "API"}).url, "meters")
    expect(card(page, "Bus")).to_contain_text("No device on the bus is set.")
    expect(card(page, "Bus").locator("table")).to_have_count(0)
    expect(page.get_by_role("button", name="Examine the bus")).to_be_enabled()
    expect(page.get_by_role("button", name="Examine the phases")).to_be_disabled()


def test_the_doctor_finds_what_is_wrong_and_says_what_to_do(twin, open_page):
    one = twin(heap=HEAP, settings={**METERS, "ev_adr": 40})
    one.world("meter_is", meter="ev", address=12)
    page = open_page(one.url, "meters")
    examine = card(page, "Examine")
    page.get_by_role("button", name="Examine the bus").click()
    expect(examine.get_by_role("status")).to_contain_text("No meter is read meanwhile")
    expect(page.get_by_role("button", name="Examine the bus")).to_be_disabled()
    expect(examine.locator("li.mistake")).to_have_count(1, timeout=EXAMINED_MS)
    expect(examine.locator("li.mistake")).to_contain_text(
        "Car's meter: Answers at address 12 instead.")
    expect(examine.locator("li.mistake")).to_contain_text("change the address at the meter")
    expect(examine.locator("li").last).to_contain_text("no setting uses it")
    expect(examine.get_by_role("status")).to_have_text("Examined. What is marked is wrong.")
    expect(examine.get_by_role("progressbar")).to_be_hidden()
    # Who opens the page later sees them, too, in his own language.
    page = open_page(one.url, "meters", viewport={"width": 320, "height": 800}, locale="nl")
    wrong = page.locator("li.mistake")
    expect(wrong).to_have_count(1)
    expect(wrong).to_contain_text("Meter van de auto: Antwoordt in plaats daarvan op adres 12.")
    expect(wrong).to_contain_text("Stel dit adres hier in")
    healthy(page)


def test_an_examination_is_stopped(one, open_page):
    page = open_page(one.url, "meters")
    page.get_by_role("button", name="Examine the bus").click()
    page.get_by_role("button", name="Stop").click()
    expect(card(page, "Examine").get_by_role("status")).to_have_text(
        "The examination was stopped.")
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()


def test_what_can_be_examined_while_a_car_charges(twin, open_page):
    one = twin("--auto", heap=HEAP, settings={**METERS, "mode": "Normal"})
    one.wait(lambda: one.get("api/v1/status")["charging"], 30, "charging")
    page = open_page(one.url, "meters")
    expect(page.get_by_role("button", name="Examine the bus")).to_be_disabled()
    expect(card(page, "Examine")).to_contain_text("The bus is examined while nothing charges.")
    page.get_by_role("button", name="Examine the phases").click()
    examine = card(page, "Examine").get_by_role("status")
    expect(examine).to_contain_text("less and more current")
    page.get_by_role("button", name="Stop").click()
    expect(examine).to_have_text("The examination was stopped.")
