"""SmartEVSE v3.0 and v3.1, told apart by the package of the chip."""

from machine import mem32
from micropython import const

from evse.boards.esp32 import Esp32, usual_pins

_CHIP = const(0x3FF5A00C)  # eFuse word; bits 9..11 are the package
_MINI_1 = const(4)  # the ESP32-MINI-1 of v3.1


class SmartEvse(Esp32):
    """The board in a SmartEVSE v3."""

    name = "smartevse_v3"


def pins(chip):
    """Return the pin map for the eFuse word ``chip``."""
    chosen = usual_pins()
    if chip >> 9 & 7 == _MINI_1:
        # 18 is v3.1's buzzer, silent when low.
        chosen.update({"lock_a": 10, "lock_b": 9, "rcm": 38, "switch": 23, "rx": 37,
                       "low": (5, 18)})
    return chosen


def create():
    """Return the board, outputs safe."""
    return SmartEvse(pins(mem32[_CHIP]))
