"""The view of the history: what happened on a day, and why."""

import calendar
import time

import pytest
from history_day import NOON_S, at, serve
from page_fixture import healthy, picture
from playwright.sync_api import expect

from twin_fixture import Twin

SOON_MS = 10_000
BRUSSELS = "CET-1CEST,M3.5.0,M10.5.0/3"


@pytest.fixture(scope="module")
def one(sim_build):
    running = Twin("--clock", str(NOON_S), settings={"tz": "UTC0"})
    yield running
    running.close()


@pytest.fixture
def history(one, open_page):
    """Opens the view with the day of history_day: ``history(view, **options)``."""
    def start(view="history", until=NOON_S, asked=None, **options):
        page = open_page(one.url, "wiring", timezone_id="UTC", **options)
        serve(page, until, asked)
        page.clock.install()
        page.evaluate("view => { location.hash = view; }", view)
        return page

    return start


def stretch(page, begin):
    return page.locator(".stretch", has_text=begin).first


def test_what_happened_at_half_past_eleven(history, screen):
    page = history(**screen)
    expect(page.get_by_text("11:30 \u2013 11:45 charging, 8.0 A, limited by mains")
           ).to_be_visible()
    # 175 minutes at 16 A, of which 15 at 8 A and 10 without a record.
    energies = page.locator("dl div")
    expect(energies.nth(0)).to_have_text("Car28.98 kWh")
    expect(energies.nth(1)).to_have_text("of it sun8.25 kWh")
    expect(energies.nth(2)).to_have_text("Bought24.73 kWh")
    expect(energies.nth(3)).to_have_text("Fed in0.10 kWh")
    # A touch of the chart opens what was then.
    box = page.get_by_role("img", name="Power in kW").bounding_box()
    left = box["x"] + 34
    page.mouse.click(left + (box["width"] - 34) * 11.6 / 24, box["y"] + 40)
    expect(stretch(page, "11:30 \u2013")).to_have_attribute("open", "")
    expect(page.locator(":focus")).to_contain_text("11:30 \u2013 11:45")
    # The keyboard alone opens the change within it.
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("11:30 16.0 → 8.0 A")
    page.keyboard.press("Enter")
    told = page.get_by_text("Why: charging, limited by mains. Mains: 2.5 kW, fullest phase")
    expect(told).to_be_visible()
    expect(told).to_contain_text("20.0 A. Car: 5.5 kW.")
    expect(page.locator(".band")).to_have_count(3)
    # Where nothing was recorded nothing lasts.
    expect(page.get_by_text("11:45 \u2013 12:00 charging")).to_be_visible()
    expect(page.get_by_text("12:10 \u2013 13:00 charging")).to_be_visible()
    healthy(page)
    picture(page, "history")


def test_the_charts_are_told_in_words_and_as_a_table(history):
    page = history()
    expect(page.get_by_role("img", name="Power in kW. car: up to 11.0 kW, of it sun: up to 3.0 kW"
                            )).to_be_visible(timeout=SOON_MS)
    expect(page.get_by_role("img", name="bought: up to 8.0 kW, what it may be: up to 2.5 kW"
                            )).to_be_visible()
    page.get_by_text("As a table").click()
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(52)
    expect(rows.nth(46)).to_have_text("11:302.5 kW5.5 kW3.0 kW8.0 Acharging")
    # Means of a quarter that was half recorded rest on what there was.
    expect(rows.nth(48)).to_contain_text("12:008.0 kW11.0 kW")
    # A line breaks where nothing was recorded.
    assert page.locator(".chart .grant_da").get_attribute("d").count("M") == 2


def test_the_day_is_chosen(history):
    asked = []
    page = history(asked=asked)
    expect(page.get_by_text("12:10 \u2013 13:00")).to_be_visible()
    assert {query["step"] for query in asked} == {60}
    assert [query["from"] for query in asked] == [at(0), at(6), at(12)]
    expect(page.get_by_role("link", name="Next day")).to_have_count(0)
    page.get_by_role("link", name="Day before").click()
    expect(page.get_by_text("Nothing was recorded on this day.")).to_be_visible()
    assert page.evaluate("location.hash") == "#history/2026-09-21"
    expect(page.locator("h2").first).to_be_focused()
    page.get_by_role("link", name="Next day").click()
    expect(page.locator(".stretch").first).to_be_visible()
    # Older days are told in quarters of an hour.
    page.get_by_label("Day").fill("2026-09-12")
    expect(page.get_by_text("Nothing was recorded on this day.")).to_be_visible()
    assert asked[-1] == {"step": 900, "from": at(0) - 10 * 86400, "to": at(0) - 9 * 86400}


def test_today_goes_on_and_what_is_open_stays_open(history):
    asked = []
    page = history(until=at(11, 20), asked=asked)
    expect(page.get_by_text("10:05 \u2013 11:20 charging")).to_be_visible()
    stretch(page, "10:05 \u2013").locator("summary").first.click()
    page.unroute("**/api/v1/history?*")
    serve(page, NOON_S, asked)
    before = len(asked)
    page.clock.fast_forward(20_000)
    expect(page.get_by_text("10:05 \u2013 11:30 charging")).to_be_visible()
    expect(stretch(page, "10:05 \u2013")).to_have_attribute("open", "")
    # Only what is new was asked for, and the last row again, for it may have grown.
    assert asked[before]["from"] == at(11, 19)
    assert page.locator(".stretch").first.text_content().startswith("12:10 \u2013 13:00")


def test_today_gives_way_to_the_next_day_unless_the_address_names_it(one, open_page):
    page = open_page(one.url, "wiring", timezone_id="UTC")
    asked = []
    serve(page, asked=asked)
    page.route("**/api/v1/events", lambda route: route.fulfill(status=503, body="{}"))
    status = one.get("api/v1/status")
    page.route("**/api/v1/status", lambda route: route.fulfill(json=status))

    def at_time(s, local):
        """The charger's clock is at ``s``; returns the day that the view then shows."""
        status["clock"] = {"s": s, "local": local}
        page.evaluate("import('./app.js').then(({ $core }) => $core.refresh())")
        return page.get_by_label("Day", exact=True).input_value()

    page.evaluate("location.hash = 'history'")
    assert at_time(at(23, 59), "2026-09-22T23:59:00") == "2026-09-22"
    expect(page.get_by_text("12:10 \u2013 13:00")).to_be_visible()
    assert at_time(at(24), "2026-09-23T00:00:00") == "2026-09-23"
    expect(page.get_by_text("Nothing was recorded on this day.")).to_be_visible()
    assert asked[-1]["from"] == at(24)
    expect(page.locator("main h2")).to_have_text(["History", "What happened"])
    assert at_time(0, "") == "2026-09-23"  # a clock that was lost makes no other day
    page.evaluate("location.hash = 'history/2026-09-23'")
    expect(page.get_by_role("link", name="Next day")).to_have_count(0)
    assert at_time(at(48), "2026-09-24T00:00:00") == "2026-09-23"


def test_a_charger_without_the_time_says_so(twin, open_page):
    page = open_page(twin("--clock", "none").url, "history")
    expect(page.get_by_text("The charger does not know the time of day")).to_be_visible()


def test_the_day_is_that_of_the_charger_not_of_the_browser(twin, open_page):
    asked = []
    page = open_page(twin("--clock", str(NOON_S), settings={"tz": BRUSSELS}).url, "wiring",
                     timezone_id="America/New_York")
    serve(page, NOON_S, asked)
    page.evaluate("location.hash = 'history'")
    expect(page.get_by_text("13:30 \u2013 13:45 charging, 8.0 A")).to_be_visible()
    assert asked[0]["from"] == at(0) - 7200


def test_what_a_charger_has_recorded_itself(twin, open_page):
    one = twin("--history", "3", settings={"tz": "UTC0"})
    page = open_page(one.url, "history", timezone_id="UTC")
    page.get_by_role("link", name="Day before").click()
    expect(page.locator(".stretch").first).to_be_visible(timeout=SOON_MS)
    expect(page.locator("dl div").first).not_to_have_text("Car0.00 kWh")
    day = page.evaluate("location.hash").partition("/")[2]
    begin = calendar.timegm(time.strptime(day, "%Y-%m-%d"))
    told = one.get("api/v1/history?step=900&from=%d&to=%d" % (begin, begin + 86400))
    columns = {name: at for at, name in enumerate(told["columns"])}
    wh = sum(row[columns["car_w"]] * row[columns["minutes"]] / 60 for row in told["rows"])
    energy = page.locator("dl dd").first
    assert wh > 1000

    def alike():
        page.wait_for_timeout(100)
        return abs(float(energy.text_content()[:-4]) * 1000 - wh) < 0.01 * wh

    one.wait(alike, 10, "the same energy of %d Wh" % wh)
