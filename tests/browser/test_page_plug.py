"""The status page's cards for session, timer, faults, phases and RFID cards, in a real browser."""

import pytest
from playwright.sync_api import expect

CHARGE_MS = 45_000
SOON_MS = 10_000
NOON_S = 1_790_078_400  # 22 September 2026, 12:00 UTC
UTC = {"tz": "UTC0"}
CARD = "04A1B2C3D4E5F6"


def timer_of(one):
    values = one.get("settings")["settings"]
    return values["starttime"], values["stoptime"], values["repeat"]


def test_the_session_is_shown_and_its_files_can_be_had(twin, open_page):
    one = twin("--auto")
    page = open_page(one.url)
    expect(page.locator("#state")).to_have_text("Charging", timeout=CHARGE_MS)
    expect(page.locator("#session-title")).to_have_text("Session 1")
    expect(page.locator("#session-energy")).to_contain_text("kWh, estimated")
    expect(page.locator("#session-time")).to_contain_text("min")
    expect(page.locator("#session-card-row")).to_be_hidden()
    one.world("unplug")
    expect(page.locator("#session-title")).to_have_text("Last session 1")
    for name in ("sessions", "months"):
        with page.expect_download() as download:
            page.locator("#session a[href*=%s]" % name).click()
        assert download.value.suggested_filename == name + ".csv"


def test_a_start_a_stop_and_daily(twin, open_page):
    one = twin("--clock", str(NOON_S), settings=UTC)
    page = open_page(one.url)
    expect(page.locator("#timer-text")).to_have_text("No start or stop is set.")
    expect(page.locator("#timer-cancel")).to_be_hidden()
    page.get_by_text("Set a start and a stop").click()
    expect(page.locator("#clock-text")).to_contain_text("2026-09-22 12:0")
    # Nothing is filled in that a careless click would send.
    assert page.locator("#timer-start").input_value() == ""
    assert page.locator("#timer-stop").input_value() == ""
    page.get_by_role("button", name="Set timer").click()
    assert timer_of(one) == (0, 0, 0)
    expect(page.locator("#timer-daily")).to_be_disabled()
    page.locator("#timer-mode").select_option("Normal")
    page.locator("#timer-start").fill("2026-09-22T23:00")
    page.locator("#timer-stop").fill("2026-09-23T06:00")
    page.locator("#timer-daily").check()
    page.get_by_role("button", name="Set timer").click()
    expect(page.locator("#timer-text")).to_have_text(
        "Starts today 23:00 daily in mode NORMAL.")
    assert timer_of(one) == (NOON_S + 39600, NOON_S + 64800, 1)
    assert page.locator("#timer-start").input_value() == ""
    assert one.get("settings")["evse"]["access"] == 0
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#timer-text")).to_have_text("No start or stop is set.")
    assert timer_of(one) == (0, 0, 0)


def test_a_start_that_has_passed_is_not_sent(twin, open_page):
    one = twin("--clock", str(NOON_S), settings=UTC)
    page = open_page(one.url)
    page.get_by_role("button", name="OFF").click()
    page.get_by_text("Set a start and a stop").click()
    page.locator("#timer-start").fill("2026-09-22T11:00")
    page.get_by_role("button", name="Set timer").click()
    expect(page.locator("#refused")).to_contain_text("has passed")
    assert one.get("settings")["mode"] == "OFF"


def test_a_timer_the_charger_refuses(twin, open_page):
    one = twin("--clock", str(NOON_S), settings=UTC)
    page = open_page(one.url)
    page.get_by_text("Set a start and a stop").click()
    page.locator("#timer-start").fill("2026-09-22T23:00")
    page.locator("#timer-stop").fill("2026-09-24T06:00")
    page.locator("#timer-daily").check()
    page.get_by_role("button", name="Set timer").click()
    expect(page.locator("#refused")).to_contain_text("Refused: ")
    # What was typed stays, to be mended.
    assert page.locator("#timer-start").input_value() == "2026-09-22T23:00"
    assert timer_of(one) == (0, 0, 0)


def test_a_clock_that_is_unknown_can_be_set(twin, open_page):
    one = twin("--clock", "none", settings=UTC)
    page = open_page(one.url)
    expect(page.locator("#clock-ask")).to_be_visible()
    page.get_by_role("button", name="Set it from this device").click()
    expect(page.locator("#clock-ask")).to_be_hidden()
    now = page.evaluate("Date.now() / 1000")
    assert abs(one.get("api/v1/status")["clock"]["s"] - now) < 60


def test_the_time_is_not_asked_for_when_it_is_known(twin, open_page):
    page = open_page(twin().url)
    expect(page.locator("#clock-ask")).to_be_hidden()


def test_a_fault_says_what_it_stops_and_is_reset(twin, open_page):
    one = twin(settings={"rcmon": "Enabled", "trust_lan": "Enabled"})
    page = open_page(one.url)
    expect(page.locator("#fault")).to_be_hidden()
    one.world("rcm", on=True)
    expect(page.locator("#fault-list")).to_contain_text(
        "RCM Tripped. Charging stops at once. Clears by reset.")
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("#refused")).to_contain_text("residual current is still there")
    one.world("rcm", on=False)

    def reset():
        page.get_by_role("button", name="Reset").click()
        page.wait_for_timeout(300)
        return page.locator("#fault").is_hidden()

    one.wait(reset, 10, "a reset that is carried out")


def test_from_afar_a_trip_is_shown_but_not_reset(twin, open_page):
    one = twin(settings={"rcmon": "Enabled"})
    page = open_page(one.url)
    one.wait(lambda: one.get("api/v1/status")["faults"] == [], 20, "the start to be over")
    one.world("rcm", on=True)
    expect(page.locator("#fault-list")).to_contain_text("Clears by reset at the charger.")
    expect(page.locator("#fault-reset")).to_be_hidden()


def test_a_lost_meter_has_no_reset(twin, open_page):
    one = twin()
    page = open_page(one.url)
    one.world("meter", on=False)
    expect(page.locator("#fault-list")).to_contain_text("Communication Error", timeout=30_000)
    expect(page.locator("#fault-list")).to_contain_text("Clears by itself.")
    expect(page.locator("#fault-reset")).to_be_hidden()


def test_phases(twin, open_page):
    page = open_page(twin().url)
    expect(page.locator("#phase-text")).to_have_text("as wired")
    page = open_page(twin(settings={"contact_2": "Always Off"}).url)
    expect(page.locator("#phase-text")).to_have_text("1 (contactor 2: Always Off)")


def test_cards_are_shown_with_a_reader_only(twin, open_page):
    page = open_page(twin().url)
    expect(page.locator("#cards")).to_be_hidden()


def test_cards_are_not_managed_from_a_network_that_is_not_trusted(twin, open_page):
    page = open_page(twin(settings={"rfid": "EnableAll"}).url)
    expect(page.locator("#cards")).to_be_visible()
    expect(page.locator("#cards-closed")).to_be_visible()
    expect(page.locator("#cards-open")).to_be_hidden()


def test_cards_are_added_removed_and_imported(twin, open_page, tmp_path):
    one = twin(settings={"rfid": "EnableAll", "trust_lan": "Enabled"})
    page = open_page(one.url)
    page.get_by_text("List of cards", exact=True).click()
    page.get_by_label("Number").fill(CARD.lower())
    page.get_by_label("Name").fill("Anna")
    page.get_by_role("button", name="Add card").click()
    expect(page.locator("#cards-list li")).to_have_count(1)
    expect(page.locator("#cards-list li")).to_contain_text(CARD + " Anna")
    many = tmp_path / "cards.csv"
    many.write_text("".join("%014X,Card %d\r\n" % (0x11000000000001 + number, number)
                            for number in range(90)))
    page.locator("#cards-file").set_input_files(many)
    expect(page.locator("#cards-list li")).to_have_count(91, timeout=SOON_MS)
    page.get_by_role("button", name="Remove Anna").click()
    expect(page.locator("#cards-list li")).to_have_count(90)
    with page.expect_download() as download:
        page.get_by_text("All cards (CSV)").click()
    with open(download.value.path()) as file:
        assert len(file.read().splitlines()) == 90


def test_the_last_card_and_what_became_of_it(twin, open_page):
    one = twin(settings={"rfid": "EnableAll"})
    page = open_page(one.url)
    one.world("card", uid=CARD)
    expect(page.locator("#reader-text")).to_contain_text("last card " + CARD)


@pytest.mark.parametrize("width", (320, 390, 1280))
def test_everything_open_fits_the_screen(twin, open_page, width):
    one = twin(settings={"rfid": "EnableAll", "trust_lan": "Enabled", "contact_2": "Auto",
                         "lock": "Motor", "ev_meter": "API"})
    page = open_page(one.url, viewport={"width": width, "height": 800})
    for summary in page.locator("summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for button in page.locator("button, input, select, summary").all():
        if button.is_visible() and button.get_attribute("type") != "checkbox":
            assert button.bounding_box()["height"] >= 44
