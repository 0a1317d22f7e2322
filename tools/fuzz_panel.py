"""Fuzzing of the three buttons: any presses, for any time, in any state of the charger."""

from evse.cards import Cards
from evse.settings import KEY, TABLE, check
from fuzz_world import empty, must
from helpers_panel import Desk

_CARS = ("A", "B", "C")
_SHORT_MS, _LONG_MS = 20, 200
_MOST = 100  # bytes of a case that count


class Sink:
    """A list that keeps nothing."""

    def append(self, _):
        """Forget it."""


class Buttons:
    """A byte a step: three bits for what is down, one for how long a step takes, two for a car."""

    def __init__(self, folder):
        self._folder = folder

    def one(self, data):
        """Press, and see what the display and the charger are like."""
        empty(self._folder)
        desk = Desk({"config": "Fixed", "lcd_pin": 0 if len(data) % 4 else 1234})
        desk.core.cards = Cards(self._folder + "/cards.csv")
        desk.board.levels = desk.display.pages = desk.display.calls = Sink()
        for byte in data[:_MOST]:
            desk.board.bits = byte & 7
            if byte & 64:
                desk.car = _CARS[(byte >> 4 & 3) % len(_CARS)]
            desk.run((_LONG_MS if byte & 8 else _SHORT_MS) * (5 if byte & 128 else 1))
        desk.run(_LONG_MS)  # a car may just have gone
        must(not desk.problems, "the display failed: %s" % desk.problems[:1])
        must(not desk.core.charger.c1 or desk.car == "C", "a contactor is closed without a car")
        for row in TABLE:
            value = desk.settings.get(row[KEY])
            must(check(row, value) == value, "the value of %s is none it may have" % row[KEY])
        must(desk.settings.get("min") <= desk.settings.get("max"), "min is above max")
