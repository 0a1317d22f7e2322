"""Who may charge: access off, on or paused, and what a card changes about it."""

from micropython import const

from evse import reasons

_OFF = const(0)
_ON = const(1)
_PAUSE = const(2)

# Values of the setting rfid that let a card switch, and what a swipe answers; clients know both.
_ENABLE_ALL = const(1)
_ENABLE_ONE = const(2)
_READY = const(0)
_HANDLED = const(1)
_INVALID = const(7)

_EMPTY_S = const(60)


def same(one, other):
    """True when two card ids (hex digits, upper case) mean one card.

    Old readers send only the first 6 bytes of an id (12 digits), new ones 7 (14 digits), so of two
    ids of different length the first 12 digits decide.
    """
    size = len(one)
    if size == len(other):
        return one == other
    return size in (12, 14) and len(other) in (12, 14) and one[:12] == other[:12]


class Access:
    """``state`` is 0 off, 1 on, 2 pause; ``by`` the reason code of what last changed it.

    ``card`` is the id of the card that switched on, "" for none. Changes go to
    ``record(code, a, b)``. State and card may be preset after a power cut.
    """

    def __init__(self, record):
        self.state = _OFF
        self.by = reasons.NONE
        self.card = ""
        self._record = record
        self._empty_s = 0

    def set(self, state, by):
        """Switch to ``state`` for reason ``by``; True when that changed anything."""
        if state not in (_OFF, _ON, _PAUSE):
            raise ValueError("access must be 0, 1 or 2")
        if state == self.state:
            return False
        self.state = state
        self.by = by
        if state == _OFF:
            self.card = ""
        self._empty_s = 0
        self._record(by, state)
        return True

    def swipe(self, mode, card, known):
        """Act on a card held to the reader; returns the status clients know, 0..7.

        ``mode`` is the index of the setting rfid, ``known`` true for a stored card. 1: the card
        switched. 7: it may not, because it is unknown or, with EnableOne, because another card
        switched on; where no card did, any known one switches off. 0: cards switch nothing now.
        """
        if mode not in (_ENABLE_ALL, _ENABLE_ONE):
            return _READY
        status = _HANDLED
        if not known:
            status = _INVALID
        elif self.state == _OFF or (mode == _ENABLE_ALL and self.state == _PAUSE):
            self.set(_ON, reasons.CARD)
            self.card = card
        elif mode == _ENABLE_ALL or not self.card or same(self.card, card):
            self.set(_OFF, reasons.CARD)
        else:
            status = _INVALID
        self._record(reasons.CARD_READ, status)
        return status

    def second(self, mode, plugged):
        """Call once a second; True when access was switched off now.

        Where cards decide, access ends 60 s after the car has gone, or never came, so that the
        next car needs a card of its own.
        """
        if plugged or self.state == _OFF or mode not in (_ENABLE_ALL, _ENABLE_ONE):
            self._empty_s = 0
            return False
        self._empty_s += 1
        return self._empty_s >= _EMPTY_S and self.set(_OFF, reasons.NO_CAR)
