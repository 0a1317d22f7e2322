"""What people meet at a scenario's charger: switch, card reader, lock; its cards, sessions."""

from twin.card import NO_CARD

_KEYS = ("lock", "switch", "rfid")


def in_use(settings, events):
    """True when there is anything at the front, now or later."""
    if any(settings.get(key) != "Disabled" for key in _KEYS):
        return True
    return any(event[1] == "set" and event[2] in _KEYS for event in events)


class Enclosure:
    """The part of a board that ``evse.front`` uses, with ``world`` behind it."""

    def __init__(self, world):
        self._world = world

    def switch_pressed(self):
        """See evse.boards.board, here and below."""
        return self._world.switch

    def read_card(self):
        world = self._world
        return None if world.switch or world.card == NO_CARD else world.card

    def lock_sense(self):
        return self._world.lock.sense()

    def set_lock(self, drive):
        self._world.drive_lock(drive)

    def set_led(self, red, green, blue):
        pass  # nobody looks


def cards(path, lines):
    """The charger's cards, kept in the file ``path``; ``lines`` as people import them."""
    from evse import cards_admin
    from evse.cards import Cards
    known = Cards(path)
    if lines:
        cards_admin.load(known, lines)
    return known


def session_row(session, names):
    """A session as JSON-ready values; reasons by the names in ``names``."""
    return {
        "number": session.number, "start": session.start, "seconds": session.seconds,
        "charging_s": session.charging_s, "wh": session.wh, "solar_wh": session.solar_wh,
        "estimated": bool(session.estimated), "card": session.card, "woke": session.woke,
        "phases": session.phases, "peak_da": session.peak_da,
        "by": names.get(session.by, ""), "reason": names.get(session.reason, ""),
    }
