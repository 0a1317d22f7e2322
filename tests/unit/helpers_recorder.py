"""Runs on MicroPython: a canvas that knows what was written on it, and whether it can be read.

Every text that stands on the display is remembered with its box. ``faults()`` says what is wrong
with the picture as it is: a text that was cut, lies over another or too near to it, has something
drawn into it, or needs a glyph that there is not.
"""

from evse.panel import glyphs
from evse.panel.canvas import Canvas

WIDTH, HEIGHT, PAGES = 128, 64, 8
LEFT, CENTRE, RIGHT = 0, 1, 2
_DRAWN = "·[]"  # no words: energy on its way along a line, the ends of a bar
_APART = 2  # columns between two texts, else they read as one


class Text:
    """A text on the display: ``words`` as asked for, ``shown`` as far as it fitted; its box."""

    def __init__(self, words, shown, font, x, page, width):
        self.words = words
        self.shown = shown
        self.font = font
        self.x = x
        self.page = page
        self.width = width
        self.pages = 2 if font == "large" else 1
        self.left = (1 << self.pages) - 1  # bits of its pages that are still there

    def wiped(self, page, pages, x0, x1):
        """Note what a new box covers; True when nothing is left of it."""
        if x0 <= self.x and self.x + self.width <= x1:
            for number in range(self.pages):
                if page <= self.page + number < page + pages:
                    self.left &= ~(1 << number)
        return not self.left

    def near(self, other, apart):
        """True when fewer than ``apart`` columns are between it and another beside it."""
        return (self.page < other.page + other.pages and other.page < self.page + self.pages
                and self.x < other.x + other.width + apart
                and other.x < self.x + self.width + apart)

    def row(self):
        """All of it as a list."""
        return [self.shown, self.font, self.x, self.page, self.width, self.words != self.shown]


class Recorder(Canvas):
    """A canvas whose ``texts`` are what stands on it. ``made`` are those there are."""

    made = []

    def __init__(self):
        super().__init__()
        self.texts = []
        self._missed = []
        self._other = Canvas()
        self.made.append(self)

    def start(self):
        """A new picture begins: what went wrong before is forgotten."""
        self._missed = []

    def _write(self, words, font, x, page, align):
        if type(words) is not str:
            words = str(bytes(words), "utf-8")
        measure = self.large_width if font == "large" else self.small_width
        limit = WIDTH if align == CENTRE else x if align == RIGHT else WIDTH - x
        if not 0 <= x <= WIDTH or not 0 <= page <= PAGES - (2 if font == "large" else 1):
            self._missed.append("%r begins outside, at %d in page %d" % (words, x, page))
        shown = words
        while shown and (measure(shown) > limit or len(shown.encode()) > 64):
            shown = shown[:-1]
        width = measure(shown)
        if align == RIGHT:
            x -= width
        elif align == CENTRE:
            x = min(max(x - (width + 1) // 2, 0), WIDTH - width)
        for letter in words:
            if not self._drawn(letter):
                self._missed.append("%r needs a glyph for %r" % (words, letter))
        return Text(words, shown, font, x, page, width)

    @staticmethod
    def _drawn(letter):
        code = letter.encode()
        if len(code) == 1:
            return 32 <= code[0] < 127
        at = 2 * (code[1] & 63)
        return len(code) == 2 and glyphs.EXTRA[at] == code[0]

    def _put(self, text):
        self._wipe(text.page, text.pages, text.x, text.x + text.width)
        if text.width:
            self.texts.append(text)

    def _wipe(self, page, pages, x0, x1):
        self.texts = [text for text in self.texts if not text.wiped(page, pages, x0, x1)]

    def small(self, text, x, page, align=LEFT):
        """As the canvas does it."""
        mine = self._write(text, "small", x, page, align)
        super().small(text, x, page, align)
        self._put(mine)

    def large(self, text, page, x=None, clear=True):
        """As the canvas does it."""
        align = CENTRE if x is None else LEFT
        mine = self._write(text, "large", 0 if x is None else x, page, align)
        if x is None:
            mine.x = (WIDTH - mine.width) // 2
        super().large(text, page, x, clear)  # clears by ``blank``
        self._put(mine)

    def picture(self, number, x, page):
        """As the canvas does it."""
        width, pages = glyphs.PICTURES[number], glyphs.PICTURES[number + 1]
        if x < 0 or x + width > WIDTH or page < 0 or page + pages > PAGES:
            self._missed.append("a picture does not fit at %d in page %d" % (x, page))
        self._wipe(page, pages, x, x + width)
        super().picture(number, x, page)

    def blank(self, page=0, pages=PAGES, x0=0, x1=WIDTH):
        """As the canvas does it."""
        self._wipe(page, pages, x0, x1)
        super().blank(page, pages, x0, x1)

    def text(self, page):
        """The text that begins on a page, "" without one; arrows are none."""
        return " ".join(text.words for text in self.texts
                        if text.page == page and text.words not in ("<", ">"))

    def faults(self, may_be_cut=()):
        """Return what is wrong, in words; ``may_be_cut`` are the pages whose texts scroll."""
        found = list(self._missed)
        for text in self.texts:
            if text.words != text.shown and text.page not in may_be_cut:
                found.append("%r is cut to %r" % (text.words, text.shown))
            if text.left != (1 << text.pages) - 1 or not self._untouched(text):
                found.append("%r at %d in page %d is drawn over" % (text.shown, text.x, text.page))
            for x in (text.x - 1, text.x + text.width):
                if text.words not in _DRAWN and 0 <= x < WIDTH and self._inked(x, text):
                    found.append("%r, at %d..%d in page %d, touches what is drawn at %d" % (
                        text.shown, text.x, text.x + text.width, text.page, x))
        for number, text in enumerate(self.texts):
            for other in self.texts[:number]:
                if text.near(other, _APART):
                    found.append("%r and %r touch, at %d..%d and %d..%d in page %d" % (
                        other.shown, text.shown, other.x, other.x + other.width, text.x,
                        text.x + text.width, text.page))
        return found

    def _inked(self, x, text):
        """True when anything is drawn in a column beside a text."""
        for page in range(text.page, text.page + text.pages):
            if self.data[page * WIDTH + x]:
                return True
        return False

    def _untouched(self, text):
        """True when the box of ``text`` holds its glyphs and nothing else."""
        other = self._other
        other.blank()
        if text.font == "large":
            other.large(text.shown, text.page, text.x)
        else:
            other.small(text.shown, text.x, text.page)
        for page in range(text.page, text.page + text.pages):
            begin = page * WIDTH + text.x
            if self.data[begin:begin + text.width] != other.data[begin:begin + text.width]:
                return False
        return True
