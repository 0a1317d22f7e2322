"""What is on the display: 128 x 64 pixels in the layout of the display's memory.

A page is a band of 8 rows, its 128 columns a byte each, bit 0 on top. Text lies on pages, so that
a glyph is copied by a slice or two. Text may be str or, as read from a file, UTF-8 in bytes;
characters without a glyph are shown as a box. What does not fit is left out, whole characters at a
time. Nothing of the canvas ever grows.
"""

from array import array
from binascii import crc32

import framebuf
from micropython import const

from evse.panel import glyphs

WIDTH = const(128)
HEIGHT = const(64)
PAGES = const(8)
ALL = const(0xFF)  # every page, as changed() tells them

LEFT = const(0)
CENTRE = const(1)
RIGHT = const(2)

# Bytes of a glyph, the most columns of one, empty columns between two.
_SMALL_CELL = const(6)
_SMALL_GAP = const(1)
_LARGE_CELL = const(23)
_LARGE_WIDEST = const(11)
_LARGE_GAP = const(2)
_FIRST = const(32)
_BOX = const(127)
_LONGEST = const(64)  # bytes of a text that are looked at: the narrowest letters fill a line
_PLENTY = const(1 << 14)  # px
_SMALL_INT = const(0x3FFFFFFF)


class Canvas:
    """The picture that is being drawn. ``data`` holds its 1024 bytes, page by page."""

    def __init__(self):
        self.data = bytearray(WIDTH * PAGES)
        self._frame = framebuf.FrameBuffer(self.data, WIDTH, HEIGHT, framebuf.MONO_VLSB)
        # Views, as slices of these are copied neither on the way out nor on the way in.
        self._view = memoryview(self.data)
        self._small = memoryview(glyphs.SMALL)
        self._large = memoryview(glyphs.LARGE)
        self._pictures = memoryview(glyphs.PICTURES)
        self._empty = memoryview(glyphs.EMPTY)
        self._line = memoryview(array("H", bytes(2 * _LONGEST)))
        self._count = 0
        self._sent = array("i", b"\xff" * (4 * PAGES))

    def small(self, text, x, page, align=LEFT):
        """Write one page high, over what is there, from column ``x`` on.

        RIGHT: up to the column before ``x``; CENTRE: around ``x``, moved so far that it fits.
        """
        x = min(max(x, 0), WIDTH)
        limit = WIDTH if align == CENTRE else x if align == RIGHT else WIDTH - x
        font = self._small
        width = self._fit(text, font, _SMALL_CELL, _SMALL_GAP, limit)
        if align == RIGHT:
            x -= width
        elif align == CENTRE:
            x = min(max(x - (width + 1) // 2, 0), WIDTH - width)
        at = page * WIDTH + x
        view = self._view
        view[at:at + width] = self._empty[:width]
        for begin in self._line[:self._count]:
            columns = font[begin]
            begin += 1
            view[at:at + columns] = font[begin:begin + columns]
            at += columns + _SMALL_GAP

    def large(self, text, page, x=None, clear=True):
        """Write two pages high, from column ``x`` on or in the middle.

        The rest of both pages is cleared before, unless the line has more than one text.
        """
        if clear:
            self.blank(page, 2)
        font = self._large
        if x is None:
            width = self._fit(text, font, _LARGE_CELL, _LARGE_GAP, WIDTH)
            x = (WIDTH - width) // 2
        else:
            x = max(x, 0)
            self._fit(text, font, _LARGE_CELL, _LARGE_GAP, WIDTH - x)
        at = page * WIDTH + x
        view = self._view
        for begin in self._line[:self._count]:
            columns = font[begin]
            begin += 1
            view[at:at + columns] = font[begin:begin + columns]
            begin += _LARGE_WIDEST
            view[at + WIDTH:at + WIDTH + columns] = font[begin:begin + columns]
            at += columns + _LARGE_GAP

    def small_width(self, text):
        """Return how many columns ``text`` takes in the small font."""
        return self._fit(text, self._small, _SMALL_CELL, _SMALL_GAP, _PLENTY)

    def large_width(self, text):
        """Return how many columns ``text`` takes in the large font."""
        return self._fit(text, self._large, _LARGE_CELL, _LARGE_GAP, _PLENTY)

    def _fit(self, text, font, cell, gap, limit):
        """Take so many characters of ``text`` as fit into ``limit`` columns; return their width.

        Where their glyphs begin are the first ``_count`` numbers of ``_line`` then.
        """
        extra, line = glyphs.EXTRA, self._line
        count = lead = 0
        width = end = -gap
        for code in memoryview(text)[:_LONGEST]:
            if code >= _BOX or code < _FIRST:
                if code < 128:
                    code = _BOX
                elif code >= 192:
                    lead = code
                    continue
                elif not lead:  # the third byte of a character, or the fourth
                    continue
                else:
                    at = 2 * (code & 63)
                    code = extra[at + 1] if extra[at] == lead else _BOX
                    lead = 0
            code = (code - _FIRST) * cell
            end += font[code] + gap
            if end > limit:
                break
            width = end
            line[count] = code
            count += 1
        self._count = count
        return max(width, 0)

    def picture(self, number, x, page):
        """Put one of the pictures of evse.panel.glyphs there, if it fits; all its box is new."""
        art = self._pictures
        width, pages = art[number], art[number + 1]
        if x < 0 or x + width > WIDTH or page < 0 or page + pages > PAGES:
            return
        begin = number + 2
        at = page * WIDTH + x
        for _ in range(pages):
            self._view[at:at + width] = art[begin:begin + width]
            begin += width
            at += WIDTH

    def line(self, y, x0=0, x1=WIDTH, dashes=False):
        """Draw row ``y`` from column ``x0`` to the one before ``x1``, or 2 of each 4 columns."""
        if not dashes:
            self._frame.hline(x0, y, x1 - x0, 1)
            return
        for x in range(x0, x1, 4):
            self._frame.hline(x, y, min(2, x1 - x), 1)

    def blank(self, page=0, pages=PAGES, x0=0, x1=WIDTH):
        """Clear whole pages, or their columns from ``x0`` to the one before ``x1``."""
        columns = self._empty[x0:x1]
        for at in range(page * WIDTH, (page + pages) * WIDTH, WIDTH):
            self._view[at + x0:at + x1] = columns

    def page(self, number):
        """Return a view of the 128 bytes of a page."""
        return self._view[number * WIDTH:(number + 1) * WIDTH]

    def changed(self):
        """Return the pages that are other than when they were taken, a bit each, 0 on top."""
        pages = 0
        for number in range(PAGES):
            if crc32(self.page(number)) & _SMALL_INT != self._sent[number]:
                pages |= 1 << number
        return pages

    def taken(self, number):
        """Note that the display has page ``number`` as it is now."""
        self._sent[number] = crc32(self.page(number)) & _SMALL_INT

    def forget(self):
        """Note that the display has nothing of it: all pages have changed."""
        for number in range(PAGES):
            self._sent[number] = -1
