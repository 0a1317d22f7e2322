"""The view of the sessions: what was charged, the month as a file, the month on paper."""

import csv
import re
import sys
from pathlib import Path

import pytest
from page_fixture import healthy, picture
from playwright.sync_api import expect

from twin_fixture import Twin

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "shims")]

from evse import reasons  # noqa: E402
from evse.charging.session import Session  # noqa: E402
from evse.sessions import Sessions  # noqa: E402

NOON_S = 1_790_078_400  # 22 September 2026, 12:00 UTC
ANNA, BOB = "04A1B2C3D4E5F6", "11223344556677"
COUNT = 45
A4_PT = ("594", "841")  # 210 x 297 mm, cut off to whole points


def fill(folder):
    """A session each day for the last COUNT days, by Anna, Bob and without a card in turn."""
    (folder / "cards.csv").write_text("%s,Anna\n%s,Bob\n#2\n" % (ANNA, BOB))
    sessions = Sessions(str(folder / "sessions.bin"))
    for number in range(1, COUNT + 1):
        one = Session()
        card = ("", ANNA, BOB)[number % 3]
        one.begin(number, NOON_S - 86400 * (COUNT + 1 - number), card,
                  reasons.CARD if card else reasons.COMMANDED)
        one.active = False
        one.seconds, one.charging_s = 8 * 3600, 2 * 3600
        one.wh, one.solar_wh = 10_000, 2_500
        one.reason, one.phases, one.peak_da = reasons.CAR_UNPLUGGED, 3, 160
        one.estimated = number == COUNT
        sessions.add(one)


@pytest.fixture(scope="module")
def one(sim_build, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    fill(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MICROEVSE_DATA", str(folder))
        running = Twin("--clock", str(NOON_S), settings={"tz": "UTC0"})
    yield running
    running.close()


def test_the_last_sessions_in_words(one, open_page, screen):
    page = open_page(one.url, "sessions", **screen)
    items = page.locator(".sessions li")
    expect(items).to_have_count(20)
    newest = items.first
    expect(newest).to_contain_text(re.compile(r"45\. Sep 21, 2026, 12:00\sPM \u2013 20:00"))
    expect(newest).to_contain_text("10.00 kWh, 25 % of it sun, estimated, without a card.")
    expect(newest).to_contain_text("Charged for 2 h 0 min of 8 h 0 min, 3 phases, up to 16.0 A.")
    expect(newest).to_contain_text("Started: by command, ended: the car was unplugged.")
    expect(items.nth(1)).to_contain_text("25 % of it sun, Bob.")
    expect(items.nth(1)).to_contain_text("Started: by card")
    page.get_by_role("button", name="Older").click()
    expect(items).to_have_count(COUNT)
    expect(items.last).to_contain_text("1. Aug 8, 2026")
    expect(page.get_by_role("button", name="Older")).to_be_hidden()
    healthy(page)
    picture(page, "sessions")


def test_last_month_is_exported_at_one_click(one, open_page, screen):
    page = open_page(one.url, "sessions", **screen)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save August 2026 (CSV)").click()
    assert download.value.suggested_filename == "sessions-2026-08.csv"
    with open(download.value.path(), newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24
    assert {row["start"][:7] for row in rows} == {"2026-08"}
    with page.expect_download() as download:
        page.get_by_role("button", name="Save all (CSV)").click()
    assert download.value.suggested_filename == "sessions.csv"
    assert len(Path(download.value.path()).read_text().splitlines()) == COUNT + 1


def test_the_sheet_of_a_month(one, open_page, screen):
    page = open_page(one.url, "sessions", **screen)
    page.get_by_role("link", name="A month on one sheet").click()
    expect(page.get_by_role("heading", name="Charged in August 2026")).to_be_visible()
    sums = page.locator("table").first.locator("tbody tr")
    expect(sums).to_have_count(4)
    page.get_by_label("Price of a kWh").fill("0.25")
    expect(page.locator("thead").first).to_contain_text("Sum at 0.25")
    expect(sums.filter(has_text="Anna")).to_have_text("Anna880.00 kWh20.00 kWh20.00")
    expect(sums.last).to_have_text("all24240.00 kWh60.00 kWh60.00")
    healthy(page)
    picture(page, "month")
    page.get_by_label("Card", exact=True).select_option(label="Bob")
    expect(sums).to_have_count(2)
    expect(page.locator("table").nth(1).locator("tbody tr")).to_have_count(8)
    page.get_by_label("Card", exact=True).select_option(label="without a card")
    expect(sums.first).to_contain_text("without a card")
    expect(page.locator("table").nth(1).locator("tbody tr")).to_have_count(8)
    # The price is remembered, and another month is a choice away.
    page.get_by_label("Month").fill("2026-09")
    expect(page.get_by_role("heading", name="Charged in September 2026")).to_be_visible()
    expect(sums.last).to_have_text("all21210.00 kWh (estimated)52.50 kWh52.50")
    page.get_by_label("Month").fill("2026-07")
    expect(page.get_by_text("No session began in this month.")).to_be_visible()


def test_on_paper_there_is_the_sheet_and_nothing_else(one, open_page):
    page = open_page(one.url, "sessions/2026-08", color_scheme="dark")
    page.get_by_label("Price of a kWh").fill("0.3")
    page.evaluate("window.print = () => { window.printed = true; }")
    page.get_by_role("button", name="Print").click()
    assert page.evaluate("window.printed")
    page.emulate_media(media="print")
    for gone in ("nav", "header", "button", "input", "select"):
        for element in page.locator(gone).all():
            expect(element).to_be_hidden()
    expect(page.get_by_text("Sum at 0.3").first).to_be_visible()
    expect(page.get_by_text("SmartEVSE-4711").last).to_be_visible()
    colour, back = page.evaluate(
        "[document.querySelector('td'), document.body].map((one, at) => "
        "getComputedStyle(one)[at ? 'backgroundColor' : 'color'])")
    assert (colour, back) == ("rgb(0, 0, 0)", "rgb(255, 255, 255)")
    pdf = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type /Page\b", pdf)) == 1
    width, height = re.search(rb"/MediaBox \[0 0 (\d+)[.\d]* (\d+)", pdf).groups()
    assert (width.decode(), height.decode()) == A4_PT
    page.emulate_media(media="screen")


def test_a_charger_without_sessions(twin, open_page):
    page = open_page(twin().url, "sessions")
    expect(page.get_by_text("No session has ended yet.")).to_be_visible()
    expect(page.get_by_role("button", name="Older")).to_be_hidden()
