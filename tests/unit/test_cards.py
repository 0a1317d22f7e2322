"""The stored cards: finding, changing, importing, and what a cut of power leaves behind."""

import os

from evse import cards_admin
from evse.cards import Cards
from evse.settings import Refused

PATH = "/tmp/microevse_cards_test.csv"
STORED, DELETED, ALREADY_STORED, NOT_STORED, FULL = 2, 3, 4, 5, 6
ANNA = "04A1B2C3D4E5F6"
BERT = "A1B2C3D4E5F6"
CARL = "04FFEEDDCCBBAA"


def _fresh(*lines):
    """Return the cards after a load of ``lines`` where nothing was before."""
    for name in (PATH, PATH + ".old", PATH + ".new"):
        try:
            os.remove(name)
        except OSError:
            pass
    cards = Cards(PATH)
    if lines:
        cards_admin.load(cards, lines)
    return cards


def _number(number, digits=14):
    return ("%014X" % (0x04000000000001 + number * 0x1000003))[:digits]


def _refused(call, *arguments):
    try:
        call(*arguments)
    except Refused as refusal:
        return refusal
    raise AssertionError("not refused: %r" % (arguments,))


def _all(cards):
    return list(cards_admin.export(cards))


def test_without_a_file_there_are_no_cards():
    cards = _fresh()
    assert cards.count == 0 and cards.find(ANNA) is None and _all(cards) == []


def test_a_card_is_stored_once_and_found_after_a_restart():
    cards = _fresh()
    assert cards_admin.add(cards, ANNA, "Anna") == STORED
    assert cards_admin.add(cards, BERT) == STORED
    assert cards_admin.add(cards, ANNA) == ALREADY_STORED
    assert cards_admin.add(cards, ANNA, "Anna") == ALREADY_STORED
    for one in (cards, Cards(PATH)):
        assert one.count == 2
        assert one.find(ANNA) == (1, "Anna") and one.find(BERT) == (2, "")
        assert one.find(CARL) is None
        assert _all(one) == [ANNA + ",Anna", BERT]


def test_every_card_of_a_full_storage_is_found():
    cards = _fresh(*[_number(i, 12 if i % 3 else 14) + (",Card %d" % i if i % 2 else "")
                     for i in range(250)])
    assert cards.count == cards_admin.LIMIT == 250
    for i in range(250):
        name = "Card %d" % i if i % 2 else ""
        assert cards.find(_number(i, 12 if i % 3 else 14)) == (i + 1, name), i
        assert cards_admin.add(cards, _number(i, 12 if i % 3 else 14)) == ALREADY_STORED
    assert cards.find(_number(250)) is None
    assert cards_admin.add(cards, _number(250)) == FULL
    assert cards_admin.add(cards, _number(7), "Zoë") == STORED
    assert cards.find(_number(7)) == (8, "Zoë")
    assert cards_admin.remove(cards, _number(3)) == DELETED
    assert cards_admin.add(cards, _number(250)) == STORED
    assert cards.find(_number(250)) == (250, "") and cards.count == 250
