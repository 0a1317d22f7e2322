"""The view of now: what a driver sees at one glance, and does."""

import re
import sys
import time
from pathlib import Path

import pytest
from page_fixture import healthy, picture
from playwright.sync_api import expect

from twin_fixture import Twin

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import webtexts  # noqa: E402

API = {"mains_met": "API"}
CHARGE_MS = 45_000
MODES = (("OFF", 0), ("NORMAL", 1), ("SOLAR", 2), ("PAUSE", 4), ("SMART", 3))
FAULTS = re.findall(r'^    \(\w+, \d+, "([^"]+)", STOPS',
                    (ROOT / "evse" / "charging" / "faults.py").read_text(), re.M)
# One of each code, with all a sentence may want to know.
EVERY = """async (codes) => {
    const { $why: { why } } = await import("./app.js");
    const status = await (await fetch("/api/v1/status")).json();
    const off = { ...status, charging: false, circuit: { ...status.circuit, limit_da: 200 } };
    return codes.map((code) => [code, ...why({ ...off, reason: { code, text: "raw", since_s: 1 },
        limit: { code: 42, text: "mains" } }),
        why({ ...off, charging: true, limit: { code, text: "raw" } })[1]]);
}"""

STOPPING = """async () => {
    const { $why: { why } } = await import("./app.js");
    const status = await (await fetch("/api/v1/status")).json();
    return why({ ...status, charging: true, state: { id: 10 }, limit: { code: 0, text: "" } });
}"""


@pytest.fixture(scope="module")
def charging(sim_build):
    """A charger with a car that charges, three phases, no car's meter."""
    one = Twin("--auto", settings={"trust_lan": "Enabled"})
    one.wait(lambda: one.get("api/v1/status")["offered_da"] == 160, 45, "charging")
    yield one
    one.close()


@pytest.fixture(scope="module")
def told(sim_build):
    """A charger without a car whose meters are told."""
    one = Twin(settings={**API, "trust_lan": "Enabled", "pwr_share": "Master",
                         "circt_met": "API", "circuit": 20})
    yield one
    one.close()


def test_one_glance_while_it_charges(charging, open_page, screen):
    charging.world("load", amps=[2, 3, 1])
    page = open_page(charging.url, **screen)
    expect(page.locator("#state")).to_have_text("Charging", timeout=CHARGE_MS)
    expect(page.locator("#amps")).to_have_text("16.0 A \u00d7 3")
    expect(page.locator("#why")).to_have_text("This is all it may give: MAX is 16 A.")
    expect(page.locator("#power")).to_have_text("about 11.0 kW. From the grid.")
    expect(page.locator("#slow")).to_be_hidden()
    expect(page.locator("#name")).to_have_text("SmartEVSE-4711")
    expect(page).to_have_title("16.0 A \u2013 Charging")
    expect(page.locator("#flow")).to_have_attribute("aria-label", re.compile(
        r"1\d\.\d kW come from the grid\. 11\.0 kW go into the car\. The house takes \d\.\d kW\."))
    expect(page.locator("#flow .stream.car")).to_be_visible()
    expect(page.locator("#flow .icon.sun")).to_be_hidden()
    meters = page.get_by_role("meter")
    expect(meters).to_have_count(3)
    expect(meters.nth(1)).to_have_attribute("aria-label", "Mains L2")
    expect(meters.nth(1)).to_have_attribute("aria-valuetext", re.compile(r"^19\.\d of 25 A$"))
    expect(page.locator("#session-title")).to_have_text("Session 1")
    expect(page.locator("#session-energy")).to_contain_text("kWh, estimated")
    expect(page.locator("#session-time")).to_contain_text("min")
    expect(page.get_by_text("Card", exact=True)).to_be_hidden()
    expect(page.locator("#timer-text")).to_be_visible()
    healthy(page)
    picture(page, "now")
    page.get_by_text("Set a start and a stop").click()
    expect(page.get_by_text("Charging stops now and goes on at the start.")).to_be_visible()


def test_why_it_charges_slowly(charging, open_page, screen):
    charging.world("load", amps=[3, 13, -30])
    page = open_page(charging.url, **screen)
    expect(page.locator("#why")).to_have_text(
        re.compile(r"^Limited by mains L2: 2\d\.\d of 25 A\.$"), timeout=CHARGE_MS)
    expect(page.locator(".phase").nth(2)).to_contain_text("feeds")
    page.get_by_text("Why so slow?").click()
    rows = page.locator("#limits li")
    expect(rows.first).to_contain_text(re.compile(r"mains 2\d\.\d of 25 A This one decides"))
    expect(page.locator("#limits .wins")).to_have_count(1)
    expect(page.locator("#limits")).to_contain_text("MAX 16 A")
    expect(rows.first.get_by_role("link")).to_have_attribute("href", "#settings/mains/mains")
    charging.world("load", amps=[3, 12, -30])
    expect(rows.first).to_contain_text("mains 24.")  # it goes on while it is open
    healthy(page)
    picture(page, "now-slow")
    charging.world("load", amps=[2, 3, 1])


def test_stop_start_and_pause(charging, open_page, screen):
    page = open_page(charging.url, **screen)
    for name, number in MODES:
        button = page.get_by_role("button", name=name)
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        assert page.locator("#modes button[aria-pressed=true]").all_inner_texts() == [name]
        assert charging.get("settings")["mode_id"] == number
        if name == "OFF":
            expect(page.locator("#state")).to_have_text("Off", timeout=CHARGE_MS)
            expect(page.locator("#why")).to_have_text("Switched off. Choose a mode to charge.")
            expect(page.locator("#amps-value")).to_have_text("0.0")
        if name == "PAUSE":
            expect(page.locator("#why")).to_have_text(
                re.compile(r"Paused, since \d.*\. Choose a mode to go on\."), timeout=CHARGE_MS)


def test_the_car_is_unplugged(charging, open_page):
    page = open_page(charging.url)
    number = charging.get("api/v1/status")["session"]["number"]
    charging.world("unplug")
    expect(page.locator("#state")).to_have_text("Ready")
    expect(page.locator("#why")).to_have_text("No car is connected.")
    expect(page.locator("#amps-value")).to_have_text("0.0")
    expect(page.locator("#session-title")).to_have_text("Last session %d" % number)
    expect(page.locator("#flow .icon.car")).to_be_hidden()
    charging.world("plug")


def override_of(one):
    return one.get("api/v1/status")["override_da"]


def test_a_current_is_set_by_hand(told, open_page, screen):
    page = open_page(told.url, **screen)
    slider = page.get_by_label("Current set by hand")
    expect(page.locator("#override-text")).to_have_text("none")
    slider.fill("10")
    told.wait(lambda: override_of(told) == 100)
    page.reload()
    expect(page.locator("#override-text")).to_have_text("10.0 A")
    assert (slider.input_value(), slider.get_attribute("min")) == ("10", "6")
    slider.press("ArrowRight")
    slider.press("ArrowRight")
    told.wait(lambda: override_of(told) == 120)
    expect(page.locator("#override-text")).to_have_text("12.0 A")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#override-text")).to_have_text("none")
    assert override_of(told) == 0
    # An old page may still offer what the charger no longer allows.
    page.evaluate("""() => {
        const slider = document.getElementById("override");
        slider.max = 70;
        slider.value = 70;
        ["input", "change"].forEach((name) => slider.dispatchEvent(new Event(name)));
    }""")
    expect(page.locator("#charge .refusal")).to_contain_text("Override must be 0 or a current")
    assert override_of(told) == 0


def test_the_slider_is_its_who_moves_it(told, open_page):
    page = open_page(told.url)
    page.evaluate("""() => {
        const slider = document.getElementById("override");
        slider.value = 9;
        slider.dispatchEvent(new Event("input"));
    }""")
    expect(page.locator("#override-text")).to_have_text("9 A")
    told.post("api/v1/command", {"name": "override", "value": 140})
    told.post("api/v1/command", {"name": "mode", "value": "Pause"})
    expect(page.get_by_role("button", name="PAUSE")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#override-text")).to_have_text("9 A")
    assert page.locator("#override").input_value() == "9"
    page.evaluate("document.getElementById('override').dispatchEvent(new Event('change'))")
    told.wait(lambda: override_of(told) == 90)
    told.post("api/v1/command", {"name": "override", "value": 0})
    expect(page.locator("#override-text")).to_have_text("none")


def test_a_circuit_a_battery_and_the_other_chargers(told, open_page):
    page = open_page(told.url)
    expect(page.locator("#circuit")).to_be_hidden()
    told.post("api/v1/command", {"name": "reading", "value": ["circuit", 10, 20, 230]})
    expect(page.locator("#circuit .phase").nth(2)).to_have_text("L323.0 of 20 A")
    expect(page.locator("#circuit .phase").nth(2)).to_have_class(re.compile("over"))
    told.post("currents?L1=-40&L2=10&L3=-70&battery_current=101")
    flow = page.locator("#flow")
    expect(flow).to_have_attribute("aria-label", "2.3 kW are fed into the grid. 2.3 kW go into "
                                   "the home battery. The sun gives 4.6 kW or more.")
    expect(page.locator("#flow-note")).to_contain_text("The sun is not measured")
    expect(page.locator("#flow .stream.grid")).to_have_class(re.compile("back"))
    told.post("currents?L1=0&L2=20&L3=10&battery_current=-23")
    expect(flow).to_have_attribute("aria-label", re.compile("0.5 kW come from the home battery. "
                                                            "The house takes 1.2 kW."))
    expect(page.locator("#group-rows tr")).to_have_count(1)
    expect(page.locator("#group-rows tr")).to_contain_text("This one")
    expect(page.locator("#group-rows tr")).to_contain_text("no car connected")


def test_it_waits_for_sun(twin, open_page):
    one = twin("--auto", settings={**API, "mode": "Solar", "start": 4, "import": 0})
    page = open_page(one.url)

    def waits():
        one.post("currents?L1=-7&L2=-7&L3=-7")
        return "2.1 of 4.0 A" in page.locator("#why").inner_text()

    one.wait(waits, 30, "the sentence")
    expect(page.locator("#why")).to_have_text(
        re.compile(r"^Waits for sun: 2\.1 of 4\.0 A surplus, since \d?\d:\d\d.*\.$"))
    expect(page.locator("#state")).to_have_text("Waiting")
    one.post("currents?L1=-70&L2=-70&L3=-70")
    expect(page.locator("#next")).to_have_text("Starts when it stays so for a minute or more.")
    expect(page.locator("#fault")).to_be_hidden()


def test_times_are_those_of_the_charger_not_of_the_browser(twin, open_page):
    one = twin("--auto", settings={"tz": "<+05>-5"})
    one.post("api/v1/command", {"name": "mode", "value": "Pause"})
    page = open_page(one.url, timezone_id="America/New_York")
    expect(page.locator("#why")).to_have_text(re.compile(r"^Paused, since \d\d:\d\d\."))
    there = time.time() + 5 * 3600
    since = page.locator("#why").inner_text()[len("Paused, since "):][:5]
    assert since in {time.strftime("%H:%M", time.gmtime(there - 60 * ago)) for ago in range(3)}


def test_the_end_of_a_wait_is_counted_down(twin, open_page):
    one = twin("--auto", settings={"random_start_s": 600})
    page = open_page(one.url)
    left = page.locator("#next")
    expect(left).to_have_text(re.compile(r"^This ends in \d+( min| s)"), timeout=CHARGE_MS)
    before = left.inner_text()
    if before.endswith("s."):
        expect(left).not_to_have_text(before)
    expect(page.locator("#why")).to_have_text(
        re.compile(r"^It starts at a random moment, since \d.*\.$"))


def test_without_a_meter(twin, open_page):
    page = open_page(twin(settings={"mains_met": "Disabled", "mode": "Normal"}).url)
    for name in ("SMART", "SOLAR"):
        expect(page.get_by_role("button", name=name)).to_be_disabled()
    expect(page.get_by_role("button", name="NORMAL")).to_be_enabled()
    expect(page.locator("#mains-note")).to_contain_text("No mains meter")
    for part in (".phase >> nth=0", "#flow .icon.grid", "#capacity-text", "#group-rows"):
        expect(page.locator(part)).to_be_hidden()


def test_a_node_leaves_the_mains_to_its_master(twin, open_page):
    page = open_page(twin(settings={"mains_met": "Disabled", "pwr_share": "Node 2"}).url)
    expect(page.get_by_role("button", name="SOLAR")).to_be_enabled()
    expect(page.locator("#mains-note")).to_have_text("The master measures the mains.")


def test_a_fault_and_what_to_do(twin, open_page, screen):
    one = twin(settings={"rcmon": "Enabled", "trust_lan": "Enabled"})
    page = open_page(one.url, **screen)
    expect(page.locator("#fault")).to_be_hidden()
    one.world("rcm", on=True)
    fault = page.locator("#fault")
    expect(fault).to_contain_text("RCM Tripped. Charging stopped at once. It clears by reset.")
    expect(fault).to_contain_text("look for damage and water")
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("#fault + .refusal, #fault .refusal")).to_contain_text(
        "residual current is still there")
    healthy(page)
    picture(page, "now-fault")
    one.world("rcm", on=False)

    def reset():
        page.evaluate("document.getElementById('fault-reset').click()")
        return fault.is_hidden()

    one.wait(reset, 10, "a reset that is carried out")


def test_a_lost_meter(twin, open_page):
    one = twin()
    page = open_page(one.url)
    expect(page.locator(".phase").first).to_be_visible()
    one.world("meter", on=False)
    expect(page.locator("#fault")).to_contain_text("Communication Error", timeout=30_000)
    expect(page.locator("#fault")).to_contain_text("It clears by itself. The mains meter or the")
    expect(page.get_by_role("button", name="Reset")).to_be_hidden()
    expect(page.locator("#mains-note")).to_have_text("There is no fresh reading.")
    one.world("meter", on=True)
    expect(page.locator("#mains-note")).to_be_hidden(timeout=30_000)


def codes():
    """{code: name} of the reasons and limits a driver may meet, as evse/reasons.py has them."""
    text = (ROOT / "evse" / "reasons.py").read_text()
    found = {int(code): name
             for name, code in re.findall(r"^([A-Z_]+) = const\((\d+)\)", text, re.M)}
    events = ("NONE", "GRANT_EXPIRED", "CAR_UNPLUGGED", "COMMANDED", "CHARGING", "MODEM",
              "MODEM_DENIED", "CARD", "SWITCH", "TIMER", "UPDATE")
    return {code: name for code, name in found.items() if code < 59 and name not in events}


def test_each_reason_limit_and_fault_has_a_sentence(told, open_page):
    page = open_page(told.url)
    known = codes()
    rows = page.evaluate(EVERY, sorted(known))
    assert page.evaluate(STOPPING) == ["Stopping", "The car is asked to stop."]
    for code, word, waits, limited in rows:
        assert word and waits and "raw" not in waits, (code, known[code])
        assert code < 40 or "raw" not in limited, (code, known[code])
        assert "undefined" not in waits + limited, (code, waits, limited)
        if known[code] in ("GUARD_PILOT", "GUARD_SHORT", "GUARD_RCM", "GUARD_STALL"):
            assert word == "Stopped" and "pened" not in waits, (code, word, waits)
    assert len(FAULTS) >= 18
    assert {"fault_" + name.replace(" ", "_") for name in FAULTS} == {
        key for key in webtexts.parse("en")["help"] if key.startswith("fault_")}


@pytest.mark.parametrize("language", ("nl", "de"))
def test_all_its_tables_are_there_in_the_other_languages(language):
    words = webtexts.parse(language)["words"]
    said = re.findall(r'^  \w+: "([^"]+)"', (ROOT / "web" / "now.js").read_text(), re.M)
    assert len(said) >= 5
    assert [text for text in said + FAULTS if text not in words] == []


def test_it_speaks_the_language_of_the_browser(told, open_page):
    page = open_page(told.url, locale="nl-NL")
    expect(page.locator("#state")).to_have_text("Gereed")
    expect(page.locator("#why")).to_have_text("Er is geen auto verbonden.")
    healthy(page)
