"""The cards that may charge: a file with a line for each, its id and perhaps its name.

A line is ``HEX`` or ``HEX,name``; the last line is ``#`` and their number, by which a file that
was written only in part is told. ``evse.cards_admin`` changes the file, when that is asked for.
"""

from micropython import const

from evse.charging.access import same
from evse.settings import Refused

_BLOCK = const(256)
_LONGEST = const(128)  # a line with 14 digits and a name of 20 characters, 4 bytes each
_OLD_READER = const(1)


def card_id(rom):
    """Return the id in the 8 bytes of a card reader: 14 hex digits, 12 from an old reader.

    An old reader sends family code 1 and 6 bytes, a new one 7 bytes. A new reader's card that
    begins with 01 cannot be told from that; it still gets the same id at each swipe.
    """
    return (rom[1:7] if rom[0] == _OLD_READER else rom[:7]).hex().upper()


def check(card):
    """Return the id ``card`` in the form it is stored, or raise Refused."""
    if type(card) is str:
        card = card.strip().upper()
        if len(card) in (12, 14) and not card.strip("0123456789ABCDEF"):
            if card.strip("0") and card.strip("F"):
                return card
    raise Refused("a card must be 12 or 14 hex digits", "card")


def _whole(path):
    """Return the number of cards in the file ``path``, -1 unless all of it is there."""
    lines = -1
    tail = b"\n"
    try:
        with open(path, "rb") as file:
            while True:
                block = file.read(_BLOCK)
                if not block:
                    break
                lines += block.count(b"\n")
                tail = (tail + block)[-8:]
    except OSError:
        return -1
    return lines if tail.endswith(("\n#%d\n" % lines).encode()) else -1


def _text(name):
    try:
        return name.decode()
    except ValueError:
        return ""  # damaged


class Cards:
    """The stored cards: ``count`` of them in the file ``name``.

    ``path`` is where the file belongs; ``name`` differs from it after a cut during writing.
    """

    def __init__(self, path):
        self.path = path
        self.open()

    def open(self):
        """Choose the newest file that is whole; without one there are no cards."""
        # A cut between the two renames of a change leaves .new whole and no file.
        for ending in ("", ".new", ".old"):
            self.name = self.path + ending
            self.count = _whole(self.name)
            if self.count >= 0:
                return
        self.count = 0

    def find(self, card):
        """Return (line, name) of the stored ``card`` (hex digits), or None.

        An id of the same length goes before one that only an old reader has cut short. OSError
        when the file cannot be read.
        """
        if not self.count or len(card) not in (12, 14):
            return None
        card = card.encode()
        wanted = b"\n" + card[:12]
        near = None
        lines = 0
        text = b"\n"
        with open(self.name, "rb") as file:
            while True:
                block = file.read(_BLOCK)
                text += block
                at = text.find(wanted)
                while at >= 0:
                    end = text.find(b"\n", at + 1)
                    if end < 0:
                        break  # the rest comes with the next block
                    entry, _, name = text[at + 1 : end].partition(b",")
                    if same(entry, card):
                        found = (lines + text.count(b"\n", 0, at + 1), _text(name))
                        if len(entry) == len(card):
                            return found
                        near = near or found
                    at = text.find(wanted, end)
                if not block:
                    return near
                end = text.rfind(b"\n")
                lines += text.count(b"\n", 0, end)
                # What is longer than any line is damage; the next whole line counts again.
                text = text[end:] if len(text) - end < _LONGEST else b""
