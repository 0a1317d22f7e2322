"""The settings on the page, in a real browser."""

import re
from pathlib import Path

import pytest
from owner_fixture import PASSWORD, answer, log_in, owned
from page_fixture import SCREENS, healthy, picture
from playwright.sync_api import expect

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {"mains_met": "API", "mode": "Smart", "config": "Socket", "lock": "Disabled", "min": 6,
            "max": 13, "start": 4, "backlight_max": 180, "random_start_s": 0, "mains": 25}
GROUPS = """import('./views.js').then(({settings: {GROUPS}}) => Object.entries(GROUPS).map(
    ([name, [title, keys]]) => [name, keys.split(' ')]))"""

LEAVING = """() => {
    const event = new Event('beforeunload', {cancelable: true});
    dispatchEvent(event);
    return event.defaultPrevented;
}"""


@pytest.fixture(scope="module")
def one(sim_build, tmp_path_factory):
    running = owned(tmp_path_factory.mktemp("data"), settings=SETTINGS)
    yield running
    running.close()


def value(one, key):
    return one.get("api/v1/settings?values")[key]


def setting(page, key):
    """The box of a setting: its label, control, help and what is usual."""
    return page.locator(".setting").filter(has=page.locator("#set-" + key))


def field(page, label):
    return page.locator("input, select").and_(page.get_by_label(label))


def inside(page):
    """Log in by the button."""
    log_in(page)
    expect(page.get_by_role("dialog")).to_have_count(0)


def store(page):
    return page.get_by_role("button", name="Store", exact=True)


def stored(page):
    expect(page.get_by_role("status").filter(has_text="Stored.")).to_be_visible()


def test_each_setting_has_its_place_once(one, open_page):
    page = open_page(one.url, "settings")
    groups = page.evaluate(GROUPS)
    places = [key for _, keys in groups for key in keys]
    assert sorted(places) == sorted(one.get("api/v1/settings")), "in no group, or in two"
    own = [row for row in groups if row[0] != "network"]  # its view has more than forms
    for name, keys in own:
        page.goto(one.url + ("#meters" if name == "meters" else "#settings/" + name))
        for key in keys:
            expect(page.locator("#set-" + key)).to_have_count(1)
    expect(page.get_by_role("link", name="Fuses")).to_have_count(0)
    page.goto(one.url + "#settings")
    expect(page.locator("#view .tiles a")).to_have_count(len(groups))


def test_the_main_fuse_is_changed_with_the_password(one, open_page, screen):
    page = open_page(one.url, "settings", **screen)
    healthy(page)
    picture(page, "settings")
    page.get_by_role("link", name="Fuses").click()
    fuse = field(page, "Main fuse MAINS")
    expect(fuse).to_have_value("25")
    expect(setting(page, "mains")).to_contain_text(
        "10 to 200 A · usual: 25 A · needs the password")
    expect(setting(page, "mains")).to_contain_text("can blow it")
    expect(store(page)).to_be_disabled()
    healthy(page)
    picture(page, "settings-mains")
    fuse.fill("35")
    expect(page.get_by_text("1 changed, not stored")).to_be_visible()
    store(page).click()
    answer(page)
    stored(page)
    assert value(one, "mains") == 35
    expect(setting(page, "mains")).not_to_contain_text("needs the password")
    expect(store(page)).to_be_disabled()
    setting(page, "mains").get_by_role("button", name="Back to usual: Main fuse").click()
    expect(fuse).to_have_value("25")
    fuse.press("Enter")
    stored(page)
    assert value(one, "mains") == 25
    expect(setting(page, "mains").get_by_role("button")).to_be_hidden()


def test_what_is_wrong_is_said_at_its_field_and_nothing_changes(one, open_page):
    page = open_page(one.url, "settings/charging")
    inside(page)
    field(page, "Lowest current for the car").fill("10")
    field(page, "Highest current for the car").fill("500")
    field(page, "Random delay of the start").fill("")
    store(page).click()
    most = field(page, "Highest current for the car")
    expect(most).to_be_focused()
    expect(most).to_have_attribute("aria-invalid", "true")
    expect(setting(page, "max").get_by_role("alert")).to_have_text(
        "Max must be a number from 6 to 80.")
    expect(setting(page, "random_start_s").get_by_role("alert")).to_contain_text("0 to 600")
    expect(setting(page, "min").get_by_role("alert")).to_have_count(0)
    assert (value(one, "min"), value(one, "max")) == (6, 13)
    # The one is right by itself, but not beside the other.
    most.fill("8")
    field(page, "Random delay of the start").fill("0")
    store(page).click()
    expect(setting(page, "max").get_by_role("alert")).to_have_text("Max must not be below min.")
    expect(page.get_by_role("alert")).to_have_count(1)
    assert (value(one, "min"), value(one, "max")) == (6, 13)
    page.get_by_role("button", name="Undo").click()
    expect(most).to_have_value("13")
    expect(store(page)).to_be_disabled()


def test_nothing_is_lost_when_the_session_ends_in_the_middle(one, open_page, screen):
    page = open_page(one.url, "settings/display", **screen)
    inside(page)
    light = field(page, "Brightness of the display")
    expect(setting(page, "backlight_max")).not_to_contain_text("needs the password")
    light.fill("100")
    field(page, "Language of the display").select_option("nl")
    page.context.clear_cookies()  # the page does not know that its session is over
    store(page).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert value(one, "backlight_max") == 180
    answer(page, "guess")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(light).to_have_value("100")  # who thinks better of it has lost nothing
    expect(page.get_by_text("2 changed, not stored")).to_be_visible()
    store(page).click()
    answer(page)
    stored(page)
    assert (value(one, "backlight_max"), value(one, "language")) == (100, "nl")
    for key in ("backlight_max", "language"):
        setting(page, key).get_by_role("button", name="Back to usual").click()
    store(page).click()
    stored(page)
    assert (value(one, "backlight_max"), value(one, "language")) == (180, "en")


def test_a_secret_is_not_told_and_can_be_taken_away(one, open_page):
    page = open_page(one.url, "network/lcd_pin")
    inside(page)
    pin = field(page, "PIN for the buttons")
    form = page.locator("form").filter(has=pin)
    expect(setting(page, "lcd_pin")).to_contain_text("is not set")
    pin.fill("1234")
    store(form).click()
    stored(form)
    assert one.get("api/v1/settings")["lcd_pin"]["set"] is True
    expect(pin).to_have_value("")
    expect(setting(page, "lcd_pin")).to_contain_text("is set")
    page.get_by_role("button", name="Remove: PIN for the buttons").click()
    store(form).click()
    expect(setting(page, "lcd_pin")).to_contain_text("is not set")
    assert one.get("api/v1/settings")["lcd_pin"]["set"] is False


def test_changes_wait_for_who_comes_back(one, open_page):
    page = open_page(one.url, "settings/charging")
    field(page, "Random delay of the start").fill("7")
    page.goto(one.url + "#now")
    reminder = page.locator("#unsaved")
    expect(reminder).to_contain_text("Not stored yet: Random delay of the start")
    assert page.evaluate(LEAVING)
    reminder.get_by_role("link").click()
    expect(reminder).to_be_hidden()
    expect(field(page, "Random delay of the start")).to_have_value("7")
    page.goto(one.url + "#settings")
    expect(page.get_by_role("link", name="Charging not stored")).to_be_visible()
    reminder.get_by_role("button", name="Undo").click()
    expect(reminder).to_be_hidden()
    page.goto(one.url + "#settings/charging")
    expect(field(page, "Random delay of the start")).to_have_value("0")
    assert not page.evaluate(LEAVING)
    assert value(one, "random_start_s") == 0


def test_who_drives_sets_the_sun_without_a_password(one, open_page, screen):
    page = open_page(one.url, "settings/solar/import", **screen)
    expect(field(page, "From the grid in Solar")).to_be_focused()  # though Smart needs it not
    expect(setting(page, "import")).to_contain_text("Only with Mode: Solar.")
    field(page, "From the grid in Solar").fill("3")
    field(page, "How eager for sun").select_option("greedy")
    field(page, "Spare the home battery").check()
    store(page).click()
    stored(page)
    values = one.get("api/v1/settings?values")
    assert [values[key] for key in ("import", "solar_style", "battery_protect")] == [
        3, "greedy", "Enabled"]
    for key in ("import", "solar_style", "battery_protect"):
        setting(page, key).get_by_role("button", name="Back to usual").click()
    store(page).click()
    stored(page)
    expect(field(page, "Spare the home battery")).not_to_be_checked()
    one.wait(lambda: value(one, "import") == 0, what="what is usual")


def test_what_has_no_effect_is_not_in_the_way(one, open_page):
    page = open_page(one.url, "settings/access")
    expect(field(page, "Lock of the socket")).to_be_visible()
    expect(field(page, "Keep the cable locked")).to_be_hidden()
    field(page, "Lock of the socket").select_option("Motor")
    expect(field(page, "Keep the cable locked")).to_be_visible()
    field(page, "Lock of the socket").select_option("Disabled")
    expect(field(page, "Keep the cable locked")).to_be_hidden()
    page.get_by_role("button", name="Show 1 without effect now").click()
    expect(setting(page, "cable_lock")).to_contain_text("Not with Lock of the socket: Off.")
    # What a card does is learned elsewhere: it is no setting.
    assert field(page, "Card reader").locator("option").all_inner_texts() == [
        "Off", "Every known card", "The same card switches off"]
    # Where nothing has an effect there is nothing to be hidden.
    page.goto(one.url + "#settings/phases")
    expect(field(page, "Back to three phases")).to_be_hidden()
    field(page, "Second contactor").select_option("Auto")
    expect(field(page, "Back to three phases")).to_be_visible()
    page.get_by_role("button", name="Undo").click()


# What the LCD shows, in the same words: the mains meter, the mode, the role in the group.
@pytest.mark.parametrize(("key", "settings", "reason"), (
    ("import", {"mode": "Smart"}, "Only with Mode: Solar."),
    ("import", {"mode": "Solar"}, ""),
    ("import", {"mode": "Solar", "mains_met": "Disabled"}, "Not with Mains meter: Off."),
    ("import", {"mode": "Solar", "pwr_share": "Node 2"}, "The Master decides this."),
    ("mains_met", {"pwr_share": "Node 2"}, "The Master decides this."),
    ("mains_adr", {"mains_met": "API"}, "Not with Mains meter: Off, Sensorbox, From the network"),
    ("mains_adr", {"mains_met": "ABB"}, ""),
    ("mains_host", {"mains_met": "HomeWizrd"}, ""),
    ("grid", {"mains_met": "Sensorbox"}, ""),
    ("em_i_register", {"circt_met": "Custom"}, ""),
    ("em_i_register", {}, "Only with Mains meter, Circuit meter, Car's meter: Another (Custom)."),
    ("em_u_register", {"circt_met": "Custom"}, "Kept for other firmware only."),
    ("ev_adr", {"ev_meter": "ABB", "pwr_share": "Node 2"}, ""),
    ("circuit", {}, "Only as Master, or where a meter measures the circuit."),
    ("circuit", {"circt_met": "API"}, ""),
    ("circuit", {"pwr_share": "Master"}, ""),
    ("circuit", {"ev_meter": "ABB"}, "Only as Master, or where a meter measures the circuit."),
    ("circuit", {"ev_meter": "ABB", "ev_meter_role": "Sub-panel"}, ""),
    ("c2_return", {"contact_2": "Solar Off"}, "Only with Second contactor: Automatic."),
    ("c2_pause_s", {"contact_2": "Solar Off"}, ""),
    ("mqtt_port", {}, "Only with a broker."),
    ("mqtt_port", {"mqtt_host": "x"}, ""),
    ("drive_locked", {"trust_lan": "Enabled"}, "Only with Trust this network: Off."),
))
def test_what_a_setting_needs(told, key, settings, reason):
    found = told.evaluate("""([key, settings]) => import('./source/form.js').then((form) => {
        for (const [key, value] of Object.entries(settings)) form.keep(key, value);
        const reason = form.idle(key);
        for (const key of Object.keys(settings)) form.keep(key);
        return reason;
    })""", [key, settings])
    assert found[:len(reason)] == reason if reason else not found


@pytest.fixture(scope="module")
def told(one, browser):
    page = browser.new_page()
    page.goto(one.url + "#settings")
    page.route("**/source/*.js", lambda route: route.fulfill(
        path=ROOT / "web" / route.request.url.rpartition("/")[2]))
    page.evaluate("""Promise.all([import('./source/core.js'), import('./source/form.js')]).then(
        async ([core, form]) => { await core.loadWords(); await form.settings(); })""")
    yield page
    page.close()


def test_a_setting_is_found_by_whatever_it_is_called(one, open_page):
    page = open_page(one.url, "settings")
    hits = page.locator("#view .tiles a:visible")
    for words, first in (("main f", "Main fuse"), ("MAINS ADR", "Address of the mains meter"),
                         ("cap_stop", "Stop above the limit after"),
                         ("home battery", "Sun for the home battery")):
        field(page, "Find a setting").fill(words)
        expect(hits.first).to_contain_text(first)
        hits.first.click()
        expect(field(page, re.compile("^" + first))).to_be_focused()
        page.goto(one.url + "#settings")
    field(page, "Find a setting").fill("gas station")
    expect(page.get_by_role("status").filter(has_text="Nothing is called so.")).to_be_visible()
    expect(hits).to_have_count(0)


@pytest.mark.parametrize(("language", "size"), (("nl", "phone"), ("de", "desktop")))
def test_in_other_languages(one, open_page, language, size):
    page = open_page(one.url, "settings/mains", locale=language, **SCREENS[size])
    title, fuse, limits = {"nl": ("Zekeringen", "Hoofdzekering", "10 tot 200 A · gewoon: 25 A"),
                           "de": ("Sicherungen", "Hauptsicherung", "10 bis 200 A · üblich: 25 A"),
                           }[language]
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    expect(field(page, fuse + " MAINS")).to_have_value("25")
    expect(setting(page, "mains")).to_contain_text(limits)
    for name in ("charging", "share", "capacity", "access", "interfaces"):
        page.goto(one.url + "#settings/" + name)
        expect(page.locator(".setting").first).to_be_visible()
        healthy(page)


def test_the_colours_of_the_light(one, open_page, screen):
    page = open_page(one.url, "settings/access", **screen)
    light = page.locator("#colour-solar")
    expect(light).to_have_value("#ffaa00")
    inside(page)
    expect(page.get_by_role("banner").get_by_role("button", name="Log out")).to_be_visible()
    light.fill("#12ab9f")
    light.blur()
    one.wait(lambda: one.get("api/v1/status")["colours"][3] == "#12ab9f")
    expect(light).to_have_value("#12ab9f")
    healthy(page)
    picture(page, "settings-access")
    light.fill("#ffaa00")
    light.blur()
    one.wait(lambda: one.get("api/v1/status")["colours"][3] == "#ffaa00")


def test_times_of_the_day(one, open_page, screen):
    page = open_page(one.url, "settings/capacity", **screen)
    inside(page)
    field(page, "Kind of limit").select_option("Interval")
    store(page).click()
    stored(page)
    times = page.locator("#intervals")
    for clock, watts in (("22:30", "9000"), ("07:00", "4000")):
        times.get_by_role("button", name="Add a time").click()
        field(times, "From").last.fill(clock)
        field(times, "At most, W").last.fill(watts)
    healthy(page)
    picture(page, "settings-capacity")
    page.goto(one.url + "#now")
    expect(page.locator("#unsaved")).to_contain_text("Times of day")
    page.locator("#unsaved a").click()
    times.get_by_role("button", name="Store the times").click()
    one.wait(lambda: one.get("api/v1/status")["capacity"]["intervals"] ==
             [[420, 4000], [1350, 9000]])
    expect(field(times, "From").first).to_have_value("07:00")
    expect(times.get_by_role("button", name="Store the times")).to_be_disabled()
    # The same time twice is refused, and nothing is lost.
    times.get_by_role("button", name="Add a time").click()
    field(times, "From").last.fill("07:00")
    times.get_by_role("button", name="Store the times").click()
    expect(times.get_by_role("alert")).to_contain_text("later than the one before")
    assert len(one.get("api/v1/status")["capacity"]["intervals"]) == 2
    for _ in range(3):
        times.get_by_role("button", name="Remove").first.click()
    times.get_by_role("button", name="Store the times").click()
    one.wait(lambda: one.get("api/v1/status")["capacity"]["intervals"] == [])
    field(page, "Kind of limit").select_option("Disabled")
    store(page).click()
    stored(page)
    expect(times).to_be_hidden()


def test_the_quarter_of_an_hour_is_shown_live(one, open_page):
    one.post("api/v1/login", {"password": PASSWORD})
    page = open_page(one.url, "settings/capacity")
    inside(page)
    field(page, "Kind of limit").select_option("Flanders")
    store(page).click()
    stored(page)
    facts = page.locator("dl")
    expect(facts).to_contain_text("Peak of the month")
    expect(facts).to_contain_text(re.compile(r"of 0\.6\d kWh"))
    ends = facts.locator("div").filter(has_text="It ends in").locator("dd")
    before = ends.inner_text()
    expect(ends).not_to_have_text(before)
