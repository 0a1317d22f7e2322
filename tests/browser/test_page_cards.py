"""The view of the cards: who may charge is added, named, removed, carried in and out."""

import pytest
from page_fixture import healthy, picture
from playwright.sync_api import expect

CHARGE_MS = 45_000
SOON_MS = 10_000
ANNA, BOB = "04A1B2C3D4E5F6", "11223344556677"
READER = {"rfid": "EnableAll", "trust_lan": "Enabled"}


@pytest.fixture
def reader(twin):
    """Starts a twin with a card reader, ``reader("--auto", rfid="Learn")``."""
    def start(*options, **settings):
        return twin(*options, settings={**READER, **settings})

    return start


def stored(one):
    """The charger's cards, {number: name}."""
    return {card["card"]: card["name"] for card in one.get("api/v1/cards")["cards"]}


def add(page, number, name):
    page.get_by_label("Number").fill(number)
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Add", exact=True).click()


def test_a_card_is_added_by_its_number_and_by_holding_it_before_the_reader(
        reader, open_page, screen):
    one = reader()
    page = open_page(one.url, "cards", **screen)
    expect(page.get_by_role("heading", name="Cards: 0")).to_be_visible()
    expect(page.get_by_text("Card reader: Every known card.")).to_be_visible()
    add(page, ANNA.lower(), "Anna")
    expect(page.get_by_role("heading", name="Cards: 1")).to_be_focused()
    assert stored(one) == {ANNA: "Anna"}
    # A card nobody knows is offered; the reader goes on as before, and no other card is learned.
    access = one.get("api/v1/status")["access"]
    one.world("card", uid=BOB)
    expect(page.get_by_label("Number")).to_have_value(BOB, timeout=SOON_MS)
    expect(page.get_by_role("status")).to_have_text("Last card: %s, not in the list" % BOB)
    one.world("card", uid=None)
    assert stored(one) == {ANNA: "Anna"}
    assert one.get("api/v1/status")["access"] == access
    page.get_by_label("Name", exact=True).fill("Bob")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("heading", name="Cards: 2")).to_be_focused()
    assert stored(one) == {ANNA: "Anna", BOB: "Bob"}
    expect(page.get_by_role("status")).to_have_text("Last card: Bob")
    expect(page.get_by_label("Number")).to_have_value("")
    healthy(page)
    picture(page, "cards")


def test_a_card_is_renamed_and_removed(reader, open_page):
    one = reader()
    one.post("api/v1/command", {"name": "cards", "value": ["add", ANNA, "Anna"]})
    one.post("api/v1/command", {"name": "cards", "value": ["add", BOB]})
    page = open_page(one.url, "cards")
    name = page.get_by_label("Name of card " + BOB)
    name.fill("Bob")
    name.press("Enter")
    one.wait(lambda: stored(one)[BOB] == "Bob", 5, "the new name")
    name.fill('B"b')
    name.press("Enter")
    expect(page.get_by_text("A card's name must be without , ; and quotes.")).to_be_visible()
    expect(name).to_have_value('B"b')  # to be mended
    page.get_by_role("button", name="Remove Anna").click()
    expect(page.get_by_role("heading", name="Cards: 1")).to_be_visible()
    assert stored(one) == {BOB: "Bob"}
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Remove all").click()
    expect(page.get_by_role("heading", name="Cards: 0")).to_be_visible()
    assert stored(one) == {}


def test_a_list_is_carried_in_and_out(reader, open_page, tmp_path):
    one = reader()
    page = open_page(one.url, "cards")
    add(page, ANNA, "Anna")
    expect(page.get_by_role("heading", name="Cards: 1")).to_be_visible()
    lines = ["%014X,Card %d" % (0x11000000000001 + number, number) for number in range(200)]
    many = tmp_path / "cards.csv"
    many.write_text("\ufeff# all of them\r\n" + "\r\n".join(lines), encoding="utf-8")
    page.get_by_label("Add the cards of a file").set_input_files(many)
    expect(page.get_by_role("heading", name="Cards: 201")).to_be_visible(timeout=SOON_MS)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save all (CSV)").click()
    assert download.value.suggested_filename == "cards.csv"
    with open(download.value.path()) as file:
        assert file.read().splitlines() == ["%s,Anna" % ANNA, *lines]
    # What is no list changes nothing and is named.
    many.write_text("%s,Bob\n123,Carl\n" % BOB)
    page.get_by_label("Add the cards of a file").set_input_files(many)
    expect(page.get_by_text("Line 2 is no card")).to_be_visible()
    assert len(stored(one)) == 201
    # Nor does what the charger refuses.
    many.write_text("\n".join("%014X" % (0x22000000000001 + number) for number in range(50)))
    page.get_by_label("Add the cards of a file").set_input_files(many)
    expect(page.get_by_text("there is room for 250 cards")).to_be_visible()
    assert len(stored(one)) == 201


def test_while_the_car_charges_cards_cannot_be_changed(reader, open_page):
    one = reader("--auto", rfid="Disabled")
    page = open_page(one.url, "cards")
    note = page.get_by_text("While the car charges, cards cannot be changed.")
    expect(note).to_be_visible(timeout=CHARGE_MS)
    add(page, ANNA, "Anna")
    expect(page.get_by_role("alert").get_by_text("Cards can be changed when nothing charges.")
           ).to_be_visible()
    expect(page.get_by_label("Number")).to_have_value(ANNA)  # nothing that was typed is lost
    assert stored(one) == {}


def test_the_cards_are_for_who_has_the_password(reader, open_page):
    one = reader(trust_lan="Disabled")
    page = open_page(one.url, "cards")
    expect(page.get_by_label("Number")).to_be_hidden()
    page.get_by_role("button", name="Log in to see the cards").click()
    expect(page.get_by_role("dialog")).to_be_visible()


@pytest.mark.parametrize("mode, count", (("Learn", 1), ("Delete", 0)))
def test_what_the_reader_does_to_the_list_is_shown(reader, open_page, mode, count):
    one = reader(rfid=mode)
    if mode == "Delete":
        one.post("api/v1/command", {"name": "cards", "value": ["add", ANNA, "Anna"]})
    page = open_page(one.url, "cards")
    expect(page.get_by_role("heading", name="Cards: %d" % (1 - count))).to_be_visible()
    one.world("card", uid=ANNA)
    expect(page.get_by_role("heading", name="Cards: %d" % count)).to_be_visible(timeout=SOON_MS)
