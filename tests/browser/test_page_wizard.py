"""The set-up of a new charger on the page, in a real browser."""

import pytest
from owner_fixture import PASSWORD, answer, owned, token
from page_fixture import SCREENS, SOON_MS, healthy, picture
from playwright.sync_api import expect

# What the twin sets for others, as the factory leaves it.
FACTORY = {"mode": "Normal", "max": 13, "config": "Socket", "mains_met": "Disabled",
           "power_return_s": 60, "ntp_host": "pool.ntp.org"}
DOCTOR_MS = 120_000
CHARGES_MS = 45_000
CHOSEN = "battery staple"
STEPS = 9


@pytest.fixture
def new(sim_build, tmp_path):
    running = owned(tmp_path, FACTORY)
    yield running
    running.close()


def step(page, number, title):
    """Wait for a step of the wizard; checking a password takes a while."""
    expect(page.get_by_text("Step %d of %d" % (number, STEPS))).to_be_visible(timeout=2 * SOON_MS)
    expect(page.get_by_role("heading", name=title, level=2)).to_be_focused()


def following(page):
    page.get_by_role("button", name="Next").click()


def test_from_the_box_to_a_charging_car(new, open_page):
    new.wait(lambda: new.get("api/v1/status")["untouched"])
    page = open_page(new.url, "now", timezone_id="Europe/London", **SCREENS["phone"])
    page.get_by_role("main").locator("a[href='#wizard']").click()
    step(page, 1, "Your password")
    page.get_by_label("The one of now").fill(PASSWORD)
    page.get_by_label("The new one").fill(CHOSEN)
    page.get_by_role("button", name="Change the password").click()
    step(page, 2, "Where the charger is")
    expect(page.get_by_label("Time zone").locator("option:checked")).to_have_text("Europe/London")
    following(page)
    step(page, 3, "What measures the house?")
    page.get_by_role("button", name="Look for meters on the cable").click()
    found = page.get_by_role("group", name="at address 10")
    expect(found).to_be_visible(timeout=DOCTOR_MS)
    expect(found).to_contain_text("Eastron3P")
    picture(page, "wizard-meter")
    found.get_by_role("button", name="It measures the house").click()
    expect(found.locator("[aria-pressed=true]")).to_have_text("It measures the house")
    expect(page.get_by_text("Switch something big on")).to_be_visible(timeout=CHARGES_MS)
    healthy(page)
    following(page)
    step(page, 4, "Fuses")
    page.locator("#set-mains").fill("5")
    page.locator("#set-max").fill("16")
    following(page)
    expect(page.get_by_role("alert").filter(has_text="from 10 to 200")).to_be_visible()
    page.locator("#set-mains").fill("20")
    following(page)
    step(page, 5, "Socket or cable?")
    page.locator("#set-config").select_option("Fixed")
    following(page)
    step(page, 6, "Other programs")
    page.get_by_role("link", name="Skip this").click()
    step(page, 7, "Who may change settings?")
    following(page)
    step(page, 8, "Home Assistant and MQTT")
    following(page)
    step(page, 9, "That is all")
    for words in ("Europe/London", "Eastron3P", "20 A", "16 A"):
        expect(page.get_by_role("main")).to_contain_text(words)
    picture(page, "wizard-end")
    values = new.get("api/v1/settings?values")
    wanted = {"mains_met": "Eastron3P", "mains_adr": 10, "mains": 20, "max": 16, "config": "Fixed",
              "trust_lan": "Disabled", "tz": "<+00>0<DST>,M3.5.0/1,M10.5.0"}
    assert {key: values[key] for key in wanted} == wanted
    assert token(new, CHOSEN) and not new.get("api/v1/status")["untouched"]
    page.get_by_role("link", name="To the charger").click()
    new.world("plug")
    expect(page.get_by_role("heading", name="Charging")).to_be_visible(timeout=CHARGES_MS)


def test_it_can_be_left_and_each_step_passed_over(new, open_page):
    before = new.get("api/v1/settings?values")
    page = open_page(new.url, "wizard", **SCREENS["desktop"])
    titles = []
    for number in range(1, STEPS + 1):
        expect(page.get_by_text("Step %d of %d" % (number, STEPS))).to_be_visible()
        titles.append(page.get_by_role("main").get_by_role("heading", level=2).first.inner_text())
        healthy(page)
        if number == 3:
            picture(page, "wizard")
            page.get_by_role("link", name="Later").click()
            expect(page.get_by_text("Step 3")).to_have_count(0)
            page.reload()
            expect(page.locator("#view")).to_have_attribute("aria-busy", "false")
            page.goto(new.url + "#wizard")
            step(page, 3, titles[-1])
            page.get_by_role("link", name="Back").click()
            step(page, 2, titles[-2])
            page.go_back()
            step(page, 3, titles[-1])
        if number < STEPS:
            page.get_by_role("link", name="Skip this").click()
    assert len(set(titles)) == STEPS
    assert new.get("api/v1/settings?values") == before
    assert page.evaluate("localStorage.getItem('wizard')") == "done"


def test_who_passed_the_password_over_is_asked_where_it_is_needed(new, open_page):
    page = open_page(new.url, "wizard/4", **SCREENS["phone"])
    page.locator("#set-config").select_option("Fixed")
    following(page)
    answer(page)
    step(page, 6, "Other programs")
    assert new.get("api/v1/settings?values")["config"] == "Fixed"
