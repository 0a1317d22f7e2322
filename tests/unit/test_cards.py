"""The stored cards: finding, changing, importing, and what cuts and bad flash leave behind."""

import os
import random

from evse import cards_admin
from evse.cards import Cards, card_id, check
from evse.settings import Refused

PATH = "/tmp/microevse_cards_test.csv"
GENERATIONS = (PATH, PATH + ".new", PATH + ".old")
STORED, DELETED, ALREADY_STORED, NOT_STORED, FULL = 2, 3, 4, 5, 6
ANNA = "04A1B2C3D4E5F6"
BERT = "A1B2C3D4E5F6"
CARL = "04FFEEDDCCBBAA"
DORA = "0BADCAFE000102"


def _fresh(*lines):
    """Return the cards after a load of ``lines`` where nothing was before."""
    for name in GENERATIONS:
        _put(name, None)
    cards = Cards(PATH)
    if lines:
        cards_admin.load(cards, lines)
    return cards


def _put(name, data):
    """Let the file ``name`` hold the bytes ``data``, or be gone for None."""
    try:
        os.remove(name)
    except OSError:
        pass
    if data is not None:
        with open(name, "wb") as file:
            file.write(data)


def _got(name):
    try:
        with open(name, "rb") as file:
            return file.read()
    except OSError:
        return None


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
    assert cards_admin.remove(cards, ANNA) == NOT_STORED


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
    assert cards.count == 250 and cards.find(_number(250)) is None
    assert cards_admin.add(cards, _number(7, 12), "Zoë") == STORED
    assert cards.find(_number(7, 12)) == (8, "Zoë")
    assert cards_admin.remove(cards, _number(3)) == DELETED
    assert cards_admin.add(cards, _number(250)) == STORED
    assert cards.find(_number(250)) == (250, "") and cards.count == 250


def test_lines_may_end_anywhere_in_a_block():
    for shift in range(21):
        lines = [_number(i) + "," + ("ä\u20ac\U0001f697" * 7)[:20] for i in range(12)]
        lines[0] = _number(0) + ("," + "x" * shift if shift else "")
        cards = _fresh(*lines)
        assert _all(cards) == lines
        for i, line in enumerate(lines):
            assert cards.find(_number(i)) == (i + 1, line.partition(",")[2])


def test_an_old_reader_cuts_ids_short():
    cards = _fresh(ANNA[:12] + ",short", ANNA + ",exact", CARL)
    assert cards.find(ANNA) == (2, "exact")
    assert cards.find(ANNA[:12]) == (1, "short")
    assert cards.find(ANNA[:12] + "00") == (1, "short")
    assert cards.find(CARL[:12]) == (3, "")
    assert cards.find(CARL[:12] + "00") is None
    assert cards_admin.add(cards, CARL[:12]) == ALREADY_STORED


def test_a_removed_card_is_gone_under_each_id():
    cards = _fresh(ANNA[:12] + ",short", CARL, ANNA + ",exact")
    assert cards_admin.remove(cards, ANNA) == DELETED
    assert _all(cards) == [CARL] and cards.count == 1
    assert cards.find(ANNA) is None and cards.find(ANNA[:12]) is None
    assert cards_admin.remove(cards, ANNA) == NOT_STORED


def test_a_stored_card_can_be_named_and_keeps_its_id():
    cards = _fresh(ANNA, BERT + ",Bert")
    assert cards_admin.add(cards, ANNA[:12], "Anna") == STORED
    assert cards_admin.add(cards, BERT, "B") == STORED
    assert _all(cards) == [ANNA + ",Anna", BERT + ",B"]


def test_clear_leaves_no_generation_with_cards():
    cards = _fresh(ANNA, BERT)
    cards_admin.add(cards, CARL)
    cards_admin.clear(cards)
    assert cards.count == 0 and cards.find(ANNA) is None and _all(cards) == []
    assert _got(PATH) == b"#0\n" and _got(PATH + ".old") is None
    assert Cards(PATH).count == 0
    cards_admin.add(cards, DORA)
    assert _all(Cards(PATH)) == [DORA]


def test_ids_are_checked_and_brought_into_one_form():
    for text in (ANNA, ANNA.lower(), " " + ANNA + "\n"):
        assert check(text) == ANNA
    assert check(BERT.lower()) == BERT
    for text in ("", "04", ANNA[:11], ANNA[:13], ANNA + "00", "04A1B2C3D4E5FG", "04A1B2 C3D4E5",
                 "G" * 12, "0" * 12, "0" * 14, "F" * 12, "f" * 14, "04:A1:B2:C3:D4", "é" * 12,
                 None, 12, b"04A1B2C3D4E5F6", ["04A1B2C3D4E5F6"]):
        refusal = _refused(check, text)
        assert refusal.field == "card" and "12 or 14" in refusal.reason
        cards = _fresh(ANNA)
        for call in (cards_admin.add, cards_admin.remove):
            _refused(call, cards, text)
        assert _all(cards) == [ANNA]


def test_finding_bears_any_text():
    cards = _fresh(ANNA + ",Anna", BERT)
    for text in ("", "0", "#2", ",", "\n", "é" * 12, "x" * 500, ANNA + ",Anna", ANNA[:13],
                 "\n" + ANNA[:11], "Anna", "," * 14, "#" * 12):
        assert cards.find(text) is None, text


def test_names():
    cards = _fresh()
    assert cards_admin.add(cards, ANNA, "  Ännchen von Tharau, "[:19]) == STORED
    assert cards.find(ANNA) == (1, "Ännchen von Tharau"[:17])
    assert cards_admin.add(cards, ANNA, "x" * 20) == STORED
    for name in ("x" * 21, "a,b", "a;b", 'a"b', "a\nb", "a\tb", "a\x7f", "\0", None, 5, b"x"):
        refusal = _refused(cards_admin.add, cards, BERT, name)
        assert refusal.field == "card"
    assert _all(cards) == [ANNA + "," + "x" * 20]


def test_import_takes_text_and_bytes_from_old_lists_and_our_own():
    cards = _fresh(DORA)
    cards_admin.load(cards, ("\ufeff" + ANNA.lower() + "\r\n", b"  \n", b"A1B2C3D4E5F6 , Bert \n",
                             "", "# a remark", CARL, b"#3\n"))
    assert _all(cards) == [ANNA, BERT + ",Bert", CARL] and cards.count == 3
    cards_admin.load(cards, _all(cards))
    assert _all(cards) == [ANNA, BERT + ",Bert", CARL]
    cards_admin.load(cards, ())
    assert _all(cards) == [] and cards.count == 0


def test_a_refused_import_names_the_line_and_changes_nothing():
    for bad in ("04A1", "uid,name", ANNA + "," + "x" * 21, ANNA + ",a,b", b"\xff\xfe", 7, None,
                "0" * 14, ANNA + ",\u0000", ";".join((ANNA, "Anna"))):
        cards = _fresh(DORA + ",Dora")
        refusal = _refused(cards_admin.load, cards, ("", ANNA, "#", bad, BERT))
        assert refusal.reason.startswith("line 4"), refusal.reason
        assert _all(cards) == [DORA + ",Dora"] == _all(Cards(PATH))
        assert _got(PATH + ".new") is None
    cards = _fresh(DORA)
    lines = [_number(i) for i in range(251)]
    refusal = _refused(cards_admin.load, cards, [""] + lines)
    assert refusal.reason.startswith("line 252:") and "250" in refusal.reason
    assert _all(cards) == [DORA]
    cards_admin.load(cards, lines[:250])
    assert cards.count == 250


def test_an_import_lists_each_card_once():
    many = [_number(i) for i in range(200)]
    for first in (0, 3, 199):
        cards = _fresh(DORA)
        again = many[first].lower() + ",again"
        refusal = _refused(cards_admin.load, cards, many + [again])
        assert refusal.reason == "line 201: this card is listed twice"
        assert _all(cards) == [DORA]
    # What an old reader cut short is another line, and so are parts of two ids in a row.
    cards_admin.load(cards, (ANNA, ANNA[:12], BERT, BERT[:6] + ANNA[:6], ANNA[6:12] + BERT[6:12]))
    assert cards.count == 5


def test_an_import_may_read_what_is_stored():
    cards = _fresh(ANNA, BERT)

    def both():
        yield from cards_admin.export(cards)
        yield CARL

    cards_admin.load(cards, both())
    assert _all(cards) == [ANNA, BERT, CARL]


def test_an_import_that_breaks_off_changes_nothing():
    def broken():
        yield ANNA
        raise OSError("connection lost")

    cards = _fresh(DORA)
    try:
        cards_admin.load(cards, broken())
        raise AssertionError("no error")
    except OSError:
        assert _all(cards) == [DORA] and _got(PATH + ".new") is None


def test_the_id_of_a_card_by_reader():
    assert card_id(b"\x04\xa1\xb2\xc3\xd4\xe5\xf6\x00") == ANNA
    assert card_id(b"\x01\xa1\xb2\xc3\xd4\xe5\xf6\x00") == BERT
    assert card_id(b"\x08\x00\xb2\xc3\x00\x00\x00\x11") == "0800B2C3000000"


def test_a_file_cut_anywhere_gives_way_to_the_generation_before():
    cards = _fresh(ANNA)
    cards_admin.add(cards, BERT, "Bert")
    whole = _got(PATH)
    for size in range(len(whole)):
        _put(PATH, whole[:size])
        cut = Cards(PATH)
        assert _all(cut) == [ANNA] and cut.find(BERT) is None, size
        assert cards_admin.add(cut, CARL) == STORED
        assert _all(Cards(PATH)) == [ANNA, CARL]
        _put(PATH + ".new", None)
        _put(PATH + ".old", (ANNA + "\n#1\n").encode())
    for more in (b"\n", b"x", b"#2\n", b"\0\0\0"):
        _put(PATH, whole + more)
        assert _all(Cards(PATH)) == [ANNA]
    _put(PATH, whole)
    assert Cards(PATH).count == 2


def test_without_any_whole_file_there_are_no_cards():
    for text in (b"", b"#\n", b"#1\n", b"04A1\n", b"#-1\n", b"\n#0\n", b"\n" * 500, bytes(300)):
        for name in GENERATIONS:
            _put(name, text)
        cards = Cards(PATH)
        assert cards.count == 0 and cards.find(ANNA) is None and _all(cards) == []
        assert cards_admin.add(cards, ANNA) == STORED
        assert _all(Cards(PATH)) == [ANNA]


def test_damaged_lines_lose_only_themselves():
    for junk in (b"", b",", b"04A1B2C3D4E5F,x", b"\xff\xfe\xfd", BERT[:11].encode(), b"x" * 90,
                 b"y" * 3000, BERT.encode() + b",\xff\xfe"):
        _fresh()
        text = ("%s,Anna\n" % ANNA).encode() + junk + ("\n%s,Dora\n" % DORA).encode()
        _put(PATH, text + b"#%d\n" % text.count(b"\n"))
        cards = Cards(PATH)
        assert cards.find(ANNA) == (1, "Anna")
        assert cards.find(DORA)[1] == "Dora", junk[:20]
        assert cards.find(CARL) is None
        if junk.startswith(BERT.encode()):
            assert cards.find(BERT) == (2, "")
        assert _all(cards) == [ANNA + ",Anna", DORA + ",Dora"]
        assert cards_admin.add(cards, CARL) == STORED  # it cleans up as well
        assert _got(PATH) == ("%s,Anna\n%s,Dora\n%s\n#3\n" % (ANNA, DORA, CARL)).encode()


def test_a_file_that_is_one_long_line_needs_no_memory():
    _fresh()
    with open(PATH, "wb") as file:
        for _ in range(80):
            file.write(b"x" * 65536)  # 5 MB, of a heap of 8
        file.write(("\n%s,Dora\n#2\n" % DORA).encode())
    cards = Cards(PATH)
    assert cards.count == 2 and cards.find(DORA)[1] == "Dora" and cards.find(ANNA) is None
    _fresh()


def test_any_bytes_in_the_file_are_borne():
    random.seed(3)
    for _ in range(300):
        text = bytes([random.choice(b"0123456789ABCDEF,\n\n#\xff\xc3x") for _ in range(700)])
        text += b"\n"
        _put(PATH, text + b"#%d\n" % text.count(b"\n"))
        cards = Cards(PATH)
        assert cards.count == text.count(b"\n")
        for line in _all(cards):
            assert check(line.split(",")[0])
        assert cards.find(ANNA) is None


class Cut(BaseException):
    """The power fails; nobody gets to clean up."""


class Flash:
    """A file layer that fails once ``left`` bytes are written or directory entries changed.

    What comes then is ``problem``; with ``lasting`` it comes at each further change as well.
    """

    def __init__(self, left, problem, lasting=True):
        self.left = left
        self.problem = problem
        self.lasting = lasting

    def use(self, wanted):
        """Return how much of ``wanted`` succeeds."""
        if self.left is None or self.left >= wanted:
            if self.left is not None:
                self.left -= wanted
            return wanted
        done, self.left = self.left, 0 if self.lasting else None
        return done

    def change(self, call, *arguments):
        if not self.use(1):
            raise self.problem
        return call(*arguments)

    def rename(self, path, to):
        return self.change(os.rename, path, to)

    def remove(self, path):
        return self.change(os.remove, path)

    def open(self, path, mode):
        if mode == "rb":
            return open(path, mode)
        return File(self, self.change(open, path, mode))


class File:
    """A file opened for writing on Flash."""

    def __init__(self, flash, file):
        self.flash = flash
        self.file = file

    def write(self, data):
        done = self.flash.use(len(data))
        self.file.write(data[:done])
        if done < len(data):
            raise self.flash.problem
        return done

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()


def _on(flash, call, *arguments):
    """Make a change on ``flash``; returns what it raised, None for a success."""
    cards_admin.open, cards_admin.os = flash.open, flash
    try:
        call(*arguments)
    except (Cut, OSError) as problem:
        return problem
    finally:
        del cards_admin.open
        cards_admin.os = os
    return None


BEFORE = [ANNA + ",Anna", BERT, CARL]
CHANGES = (
    (lambda cards: cards_admin.add(cards, DORA, "Dora"), BEFORE + [DORA + ",Dora"]),
    (lambda cards: cards_admin.add(cards, BERT, "Bert"), [BEFORE[0], BERT + ",Bert", CARL]),
    (lambda cards: cards_admin.remove(cards, ANNA), BEFORE[1:]),
    (cards_admin.clear, []),
    (lambda cards: cards_admin.load(cards, [DORA, CARL + ",C"]), [DORA, CARL + ",C"]),
)


def _start(generations):
    """Lay out BEFORE as a history leaves it; returns the cards."""
    cards = _fresh(DORA)
    cards_admin.load(cards, BEFORE)
    if generations == "new":  # cut between the renames
        os.rename(PATH, PATH + ".new")
    elif generations == "old":  # the newest got damaged
        os.rename(PATH, PATH + ".old")
        _put(PATH, b"04A1B2")
    elif generations == "first":
        _put(PATH + ".old", None)
    elif generations == "torn":  # cut while writing
        _put(PATH + ".new", b"04A1B2")
    return Cards(PATH)


def test_a_cut_at_any_byte_leaves_the_cards_before_or_after():
    for change, after in CHANGES:
        for generations in ("path", "new", "old", "first", "torn"):
            left, seen_after, finished = 0, False, False
            while not finished:
                cards = _start(generations)
                assert _all(cards) == BEFORE
                finished = _on(Flash(left, Cut()), change, cards) is None
                again = Cards(PATH)
                got = _all(again)
                assert got in (BEFORE, after), (generations, left, got)
                assert again.count == len(got)
                if finished or seen_after:
                    assert got == after  # once it is done it stays done
                seen_after = got == after
                # And the next change finds nothing that is in its way.
                assert cards_admin.add(again, "0123456789AB") == STORED
                assert _all(Cards(PATH)) == got + ["0123456789AB"]
                left += 1
            assert left > 5


def test_cuts_during_two_changes_in_a_row():
    first, after = CHANGES[4]
    for left in range(0, 60, 3):
        _on(Flash(left, Cut()), first, _start("path"))
        files = [_got(name) for name in GENERATIONS]
        middle = _all(Cards(PATH))
        assert middle in (BEFORE, after)
        for later in range(120):
            for name, data in zip(GENERATIONS, files):
                _put(name, data)
            cut = _on(Flash(later, Cut()), cards_admin.add, Cards(PATH), "0123456789AB")
            got = _all(Cards(PATH))
            assert got in (middle, middle + ["0123456789AB"]), (left, later)
            if cut is None:
                assert got != middle
                break
        assert cut is None


def test_flash_that_fails_is_told_and_nothing_is_lost():
    for lasting in (True, False):
        for change, after in CHANGES:
            for generations in ("path", "new", "old", "first", "torn"):
                left, finished = 0, False
                while not finished:
                    cards = _start(generations)
                    flash = Flash(left, OSError(28), lasting)
                    problem = _on(flash, change, cards)
                    finished = problem is None and flash.left is not None and flash.left > 0
                    got = _all(cards)
                    assert got == _all(Cards(PATH)) and cards.count == len(got)
                    assert cards.name == Cards(PATH).name
                    if problem is None:
                        assert got == after, (generations, left)
                    else:
                        assert got in (BEFORE, after)
                        if not lasting:
                            assert got == BEFORE, (generations, left)
                            assert _got(PATH + ".new") is None or cards.name != PATH
                    left += 1
                assert left > 5


def test_cards_that_cannot_be_read_are_an_error_not_a_stranger():
    cards = _fresh(ANNA)
    os.remove(PATH)
    try:
        cards.find(ANNA)
        raise AssertionError("found in nothing")
    except OSError:
        pass


def _model_find(model, card):
    near = None
    for number, (entry, name) in enumerate(model, 1):
        if entry == card:
            return number, name
        if len(entry) != len(card) and entry[:12] == card[:12]:
            near = near or (number, name)
    return near


def test_many_changes_against_a_model():
    random.seed(7)
    ids = ["0A0B0C0D0E%02X" % i for i in range(12)]
    ids += [one + "%02X" % j for one in ids for j in (0, 1)]
    cards = _fresh()
    model = []
    counts = [0] * 8
    for step in range(3000):
        card, name = random.choice(ids), random.choice(("", "", "x", "Nina"))
        found = _model_find(model, card)
        what = random.randrange(9)
        if what < 4:
            status = cards_admin.add(cards, card, name)
            counts[status] += 1
            if found and (not name or found[1] == name):
                assert status == ALREADY_STORED
            else:
                assert status == STORED
                if found:
                    model = [(one, name if one[:12] == card[:12] and
                              (one == card or len(one) != len(card)) else old)
                             for one, old in model]
                else:
                    model.append((card, name))
        elif what < 7:
            status = cards_admin.remove(cards, card)
            counts[status] += 1
            assert status == (DELETED if found else NOT_STORED)
            model = [(one, old) for one, old in model if not (
                one == card or (len(one) != len(card) and one[:12] == card[:12]))]
        elif what == 7 and step % 50 == 0:
            cards_admin.clear(cards)
            model = []
        else:
            cards = Cards(PATH)
        assert cards.count == len(model)
        assert cards.find(card) == _model_find(model, card), (step, card)
        if step % 50 == 0:
            for card in ids:
                assert cards.find(card) == _model_find(model, card), (step, card)
            assert _all(cards) == [one + ("," + old if old else "") for one, old in model]
    assert min(counts[status] for status in (2, 3, 4, 5)) > 100
