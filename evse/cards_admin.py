"""Changes to the stored cards. Loaded for that only.

Everything here that writes blocks for as long as flash takes, so never call it with a contactor
closed. A change is written whole to a new file, which then takes the place of the old one; that
stays as the generation before.
"""

import os

from micropython import const

from evse import cards as stored
from evse.charging.access import same
from evse.settings import Refused

LIMIT = const(250)
_NAME = const(20)
_LONGEST = const(128)

# Answers, as clients know them.
_STORED = const(2)
_DELETED = const(3)
_ALREADY_STORED = const(4)
_NOT_STORED = const(5)
_FULL = const(6)


def add(cards, card, name=""):
    """Store ``card`` (hex digits); returns the status clients know.

    2 stored, or a stored card got another ``name``; 4 it was stored already; 6 no room is left.
    Refused when it is no card or the name is not fit; OSError when the flash fails.
    """
    line = _line(card, name)
    card, _, name = line.partition(",")
    found = cards.find(card)
    if found and (not name or name == found[1]):
        return _ALREADY_STORED
    if not found and cards.count >= LIMIT:
        return _FULL
    _write(cards, _changed(cards, card, name, None if found else line))
    return _STORED


def remove(cards, card):
    """Remove ``card`` (hex digits) under each id it is stored by; 3 deleted, 5 not stored."""
    card = stored.check(card)
    if not cards.find(card):
        return _NOT_STORED
    _write(cards, _changed(cards, card, None, None))
    return _DELETED


def clear(cards):
    """Remove all cards, those of the generation before as well."""
    _write(cards, ())
    _remove(cards.path + ".old")


def load(cards, lines):
    """Let ``lines`` (``HEX`` or ``HEX,name``, str or bytes) replace all cards, or none.

    Blank lines, and those that begin with #, are passed over. Refused names the line. ``lines``
    is read once and may itself read the stored cards.
    """
    _write(cards, _checked(lines))


def export(cards):
    """Yield each stored card as ``HEX`` or ``HEX,name``, in the order they were stored."""
    if not cards.count:
        return
    with open(cards.name, "rb") as file:
        while True:
            line = file.readline(_LONGEST)
            if not line:
                return
            try:
                line = line.decode().strip()
                stored.check(line.split(",")[0])
            except (Refused, ValueError):
                continue  # the last line, or a damaged one
            yield line


def _line(card, name):
    card = stored.check(card)
    if type(name) is not str:
        raise Refused("a card's name must be text", "card")
    name = name.strip()
    if len(name) > _NAME:
        raise Refused("a card's name must be at most %d characters" % _NAME, "card")
    for character in name:
        if character < " " or character in ',;"\x7f':
            raise Refused("a card's name must be without , ; and quotes", "card")
    return card + "," + name if name else card


def _changed(cards, card, name, more):
    """Yield the stored lines with ``card`` called ``name``, left out for None; then ``more``."""
    for line in export(cards):
        entry = line.split(",")[0]
        if not same(entry, card):
            yield line
        elif name is not None:
            yield entry + "," + name
    if more:
        yield more


def _checked(lines):
    number = kept = 0
    seen = [","] * 16  # ids by a digit that differs much, so that no piece of memory gets large
    for line in lines:
        number += 1
        try:
            if type(line) is not str:
                line = line.decode()
            line = line.strip("\ufeff\r\n\t ")  # the first as some editors write it
            if not line or line[0] == "#":
                continue
            kept += 1
            if kept > LIMIT:
                raise Refused("there is room for %d cards" % LIMIT, "card")
            card, _, name = line.partition(",")
            line = _line(card, name)
            card = "," + line.partition(",")[0] + ","
            digit = int(card[8], 16)
            if card in seen[digit]:
                raise Refused("this card is listed twice", "card")
            seen[digit] += card[1:]
        except Refused as refusal:
            raise Refused("line %d: %s" % (number, refusal.reason), refusal.field)
        except (ValueError, AttributeError):
            raise Refused("line %d is no text" % number, "card")
        yield line


def _remove(path):
    try:
        os.remove(path)
    except OSError:
        pass


def _rename(path, to):
    try:
        os.rename(path, to)
        return True
    except OSError:
        return False


def _write(cards, lines):
    """Make ``lines`` the stored cards, or raise what ``lines`` or the flash raised."""
    path = cards.path
    fresh = path + ".new"
    if cards.count and cards.name == fresh:
        # A cut left the only whole generation under this name: first let it take its place.
        os.rename(fresh, path)
        cards.open()
    count = 0
    try:
        with open(fresh, "wb") as file:
            for line in lines:
                file.write((line + "\n").encode())
                count += 1
            file.write(("#%d\n" % count).encode())
    except Exception:
        _remove(fresh)
        raise
    # Only what is whole may become the generation before; the first time there is nothing.
    if cards.name == path:
        _rename(path, path + ".old")
    done = _rename(fresh, path)
    if not done:
        _remove(fresh)  # what was stored is whole, under whichever name
    cards.open()
    if not done:
        raise OSError("cards not written")
