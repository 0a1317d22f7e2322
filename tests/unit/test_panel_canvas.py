"""The canvas: pixels of known texts, alignment, clipping, pictures, and which pages changed."""

import gc

from evse.panel import canvas, glyphs

WIDTH = 128


def pixels(it):
    """All dark pixels of canvas ``it`` as (x, y)."""
    return {(x, y) for y in range(64) for x in range(WIDTH)
            if it.data[y // 8 * WIDTH + x] >> y % 8 & 1}


def columns(it, page=0):
    """(first, last) column with a dark pixel on a page; None when it is empty."""
    found = [x for x in range(WIDTH) if it.data[page * WIDTH + x]]
    return (found[0], found[-1]) if found else None


def small(text, x=0, page=0, align=canvas.LEFT):
    """A canvas with this text only."""
    it = canvas.Canvas()
    it.small(text, x, page, align)
    return it


def large(text, page=0, x=None):
    it = canvas.Canvas()
    it.large(text, page, x)
    return it


def art(it, x0, y0, x1, y1):
    """A part of the picture as rows of text art."""
    return ["".join("#" if it.data[y // 8 * WIDTH + x] >> y % 8 & 1 else "."
                    for x in range(x0, x1)) for y in range(y0, y1)]


def full(it):
    """Fill the canvas with dark pixels."""
    for at in range(len(it.data)):
        it.data[at] = 0xFF


def fails(work, *arguments):
    try:
        work(*arguments)
    except Exception:
        return True
    return False


def test_small_letters_are_where_they_should_be():
    it = small("L-1°", 3, 5)
    assert art(it, 3, 40, 23, 48) == [
        "#............#....#.",
        "#...........##...#.#",
        "#..........#.#....#.",
        "#.....####...#......",
        "#............#......",
        "#............#......",
        "#####......#####....",
        "...................."]
    assert all(3 <= x < 23 and 40 <= y < 48 for x, y in pixels(it))


def test_large_letters_are_where_they_should_be():
    it = large("i1", 2, 10)
    assert art(it, 10, 16, 25, 32) == [
        "##.......##....",
        "##......###....",
        ".......####....",
        "......#####....",
        "##....##.##....",
        "##.......##....",
        "##.......##....",
        "##.......##....",
        "##.......##....",
        "##.......##....",
        "##.......##....",
        "##.......##....",
        "##...##########",
        "##...##########",
        "...............",
        "..............."]
    assert all(10 <= x < 25 and 16 <= y < 32 for x, y in pixels(it))


def test_widths_are_what_is_drawn():
    it = canvas.Canvas()
    for text in ("CHARGE 12", "-12A", "W", "Über ß", "a", "1"):
        width = it.small_width(text)
        it.blank()
        it.small("|" + text + "|", 0, 0)
        assert columns(it) == (0, width + 3), text
        width = it.large_width(text)
        it.large("|", 0, 0)
        it.large(text[:9], 0, 4, False)
        it.large("|", 0, 6 + it.large_width(text[:9]), False)
        assert columns(it)[1] == 7 + it.large_width(text[:9])
    assert it.small_width("") == it.large_width("") == 0
    assert it.small_width("0123456789") == 59 and it.large_width("0123456789") == 128


def test_a_text_may_be_bytes():
    text = "Größe 5 °C Σ"
    assert small(text).data == small(text.encode()).data
    assert large("Grün é").data == large("Grün é".encode()).data
    it = canvas.Canvas()
    assert it.small_width(text) == it.small_width(text.encode())


def test_alignment_is_exact():
    for text, width in (("12A", 17), ("L 1", 15), ("1 ", 9), (" 1", 9)):
        it = canvas.Canvas()
        assert it.small_width(text) == width
        for align, begin in ((canvas.LEFT, 60), (canvas.RIGHT, 60 - width),
                             (canvas.CENTRE, 60 - (width + 1) // 2)):
            full(it)
            it.small(text, 60, 3, align)
            assert it.data[3 * WIDTH:4 * WIDTH] == (
                b"\xff" * begin + small(text).data[:width] + b"\xff" * (WIDTH - begin - width))
            assert all(byte == 0xFF for byte in it.data[:3 * WIDTH] + it.data[4 * WIDTH:])
    for text in ("OO", "PAUSE", "H"):
        it = large(text, 4)
        width = it.large_width(text)
        first, last = columns(it, 4)
        assert first == (WIDTH - width) // 2 and last == first + width - 1
        assert 0 <= (WIDTH - 1 - last) - first <= 1


def test_a_large_line_clears_the_rest_of_its_two_pages_only():
    it = canvas.Canvas()
    full(it)
    it.large("A", 2)
    assert it.data[2 * WIDTH:4 * WIDTH] == large("A", 2).data[2 * WIDTH:4 * WIDTH]
    assert all(byte == 0xFF for byte in it.data[:2 * WIDTH] + it.data[4 * WIDTH:])


def test_a_large_line_may_have_several_texts():
    it = canvas.Canvas()
    it.large("A", 2)
    alone = pixels(it)
    it.large("<", 2, 0, False)
    it.large(">", 2, 120, False)
    dark = pixels(it)
    assert alone < dark
    assert {(x, y) for x, y in dark if 8 <= x < 120} == alone
    assert columns(it, 2) == (0, 127) or columns(it, 3) == (0, 127)


def test_what_does_not_fit_is_left_out_by_characters():
    assert small("L" * 30).data == small("L" * 21).data
    assert columns(small("L" * 21)) == (0, 124)
    assert small("LLL", 116).data == small("LL", 116).data
    assert columns(small("LLL", 116)) == (116, 126)
    assert small("LLL", 117).data == small("LL", 117).data
    assert columns(small("LLL", 117)) == (117, 127)
    assert small("LLL", 118).data == small("L", 118).data
    assert columns(small("L", 124)) is None
    assert large("0" * 11).data == large("0" * 10).data
    assert large("00", 0, 105).data == large("0", 0, 105).data
    assert columns(large("00", 0, 104)) == (104, 127)
    assert columns(large("0", 0, 118)) is None


def test_a_text_may_be_as_long_as_it_likes():
    assert small("i" * 500).data == small("i" * 64).data
    assert columns(small("i" * 64)) == (0, 126) and columns(small("i" * 63)) == (0, 124)
    assert columns(large("i" * 500)) == (1, 126)
    it = canvas.Canvas()
    assert it.small_width("ein langer Hilfetext " * 20) > WIDTH
    assert it.large_width("ü" * 100) > WIDTH


def test_nothing_begins_left_of_the_display():
    wide = "LLLLLLLLLLLLLLLLLLLLLLLLL"
    assert small("LL", -5).data == small("LL").data
    assert small("LL", 4, 0, canvas.RIGHT).data == bytes(1024)
    assert small("LLL", 12, 0, canvas.RIGHT).data == small("LL", 12, 0, canvas.RIGHT).data
    assert columns(small("LLL", 12, 0, canvas.RIGHT)) == (1, 11)
    assert small(wide, WIDTH, 0, canvas.RIGHT).data == small("L" * 21, 3).data
    assert small("LL", 2, 0, canvas.CENTRE).data == small("LL").data
    assert small("LL", 126, 0, canvas.CENTRE).data == small("LL", 117).data
    assert small(wide, 64, 0, canvas.CENTRE).data == small("L" * 21, 1).data
    assert small("LL", 500).data == bytes(1024)
    assert large("00", 0, -3).data == large("00", 0, 0).data
    assert large("LL", 0, 500).data == bytes(1024)


def test_nothing_spills_out_of_a_page():
    it = canvas.Canvas()
    for x in range(WIDTH):
        it.blank()
        it.small("WIWIWI", x, 3)
        it.large("WIWIWI", 5, x)
        assert not any(it.data[:3 * WIDTH]) and not any(it.data[4 * WIDTH:5 * WIDTH])
        assert not any(it.data[7 * WIDTH:])
        assert len(it.data) == 1024


def test_a_page_that_is_not_there_is_refused():
    it = canvas.Canvas()
    assert fails(it.small, "L", 0, 8) and fails(it.large, "L", 7) and fails(it.blank, 0, 9)
    assert len(it.data) == 1024


def test_unknown_characters_are_one_box_each():
    box = small("\x7f")
    assert columns(box) == (0, 4)
    for text in ("\x00", "\n", "\x1f", "\x80", "ã", "£", "ÿ", "€", "\u3042", "\U0001f697"):
        assert small(text).data == box.data, text
        assert small("L" + text + "L").data == small("L\x7fL").data, text
    assert large("€").data == large("\x7f").data
    # No UTF-8 at all: no more than boxes, and nothing breaks.
    for data in (b"\xff", b"\x80\x80", b"\xc3", b"L\xc3L", b"\xc3\xc3\xa4"):
        small(data)


def test_special_characters_have_glyphs():
    seen = [small("\x7f").data, large("\x7f").data]
    for text in "°Σ\u00b7äöüÄÖÜßéèëïóáúêîôçàÉ":
        for data in (small(text).data, large(text).data):
            assert data not in seen, text
            seen.append(data)


def test_the_blob_lies_on_the_line():
    it = canvas.Canvas()
    it.line(27, 18, 51)
    it.small("\u00b7", 30, 3)
    dark = pixels(it)
    assert all((x, 27) in dark for x in range(18, 51))
    assert {y for x, y in dark} == set(range(25, 30))


def test_lines_and_dashes():
    it = canvas.Canvas()
    it.line(10)
    assert pixels(it) == {(x, 10) for x in range(WIDTH)}
    it.blank()
    it.line(52, 18, 51)
    assert pixels(it) == {(x, 52) for x in range(18, 51)}
    it.blank()
    it.line(27, 18, 51, True)
    assert pixels(it) == {(x, 27) for x in range(18, 51) if (x - 18) % 4 < 2}


def test_blank_clears_pages_and_parts_of_them():
    it = canvas.Canvas()
    full(it)
    it.blank(2, 3, 10, 20)
    for at in range(1024):
        cleared = 2 <= at // WIDTH < 5 and 10 <= at % WIDTH < 20
        assert it.data[at] == (0 if cleared else 0xFF), at
    it.blank(7, 1)
    assert columns(it, 7) is None and columns(it, 6) == (0, 127)
    it.blank()
    assert it.data == bytes(1024)


def test_pictures_are_put_in_whole():
    it = canvas.Canvas()
    full(it)
    it.picture(glyphs.CLOCK, 92, 0)
    assert art(it, 91, 0, 100, 8) == [
        "#..###..#",
        "#.#...#.#",
        "##..#..##",
        "##..##.##",
        "##.....##",
        "#.#...#.#",
        "#..###..#",
        "#.......#"]
    assert {at for at in range(1024) if it.data[at] != 0xFF} == set(range(92, 99))


def test_pictures_lie_where_the_screen_wants_them():
    for number, x, page, box in ((glyphs.PYLON, 0, 0, (0, 1, 18, 30)),
                                 (glyphs.HOUSE, 51, 0, (51, 4, 71, 30)),
                                 (glyphs.SUN, 74, 0, (74, 0, 86, 12)),
                                 (glyphs.CAR, 96, 2, (96, 18, 127, 30))):
        it = canvas.Canvas()
        it.picture(number, x, page)
        dark = pixels(it)
        assert (min(x for x, y in dark), min(y for x, y in dark),
                max(x for x, y in dark), max(y for x, y in dark)) == box


def test_a_picture_that_does_not_fit_is_not_drawn():
    it = canvas.Canvas()
    for x, page in ((97, 2), (-1, 2), (96, 7), (96, -1)):
        it.picture(glyphs.CAR, x, page)
        assert it.data == bytes(1024)


def test_changed_pages_are_told_until_they_are_taken():
    it = canvas.Canvas()
    assert it.changed() == canvas.ALL
    for page in range(8):
        it.taken(page)
        assert it.changed() == canvas.ALL & -(2 << page)
    it.small("x", 0, 2)
    it.large("A", 5)
    assert it.changed() == 0b01100100 == it.changed()
    it.taken(5)
    assert it.changed() == 0b01000100
    it.small("y", 0, 6)
    it.taken(6)
    it.taken(2)
    assert it.changed() == 0
    it.forget()
    assert it.changed() == canvas.ALL


def test_the_same_picture_drawn_again_is_no_change():
    it = canvas.Canvas()
    for again in (False, True):
        it.blank()
        it.large("CHARGING", 2)
        it.small("12.3kWh", WIDTH, 7, canvas.RIGHT)
        for page in range(8):
            if again:
                assert it.changed() == 0
            it.taken(page)
    it.data[7 * WIDTH + 127] ^= 1
    assert it.changed() == 0x80
    it.data[7 * WIDTH + 127] ^= 1
    assert it.changed() == 0


def test_a_page_is_seen_as_it_is():
    it = canvas.Canvas()
    page = it.page(3)
    it.small("L", 0, 3)
    assert len(page) == WIDTH and bytes(page) == it.data[3 * WIDTH:4 * WIDTH] and page[0] == 0x7F


def test_drawing_keeps_nothing():
    it = canvas.Canvas()

    def draw():
        for number in range(100):
            it.small("Größe %d °C" % number, 64, 0, canvas.CENTRE)
            it.large("LÄDT %d" % number, 2)
            it.picture(glyphs.CAR, 96, 4)
            it.line(52, 0, 128, True)
            if it.changed():
                it.taken(0)

    draw()
    gc.collect()
    before = gc.mem_alloc()
    draw()
    gc.collect()
    assert gc.mem_alloc() <= before
