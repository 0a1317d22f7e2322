"""An ESP32 development board wired like SmartEVSE v3.0, for the bench; see docs/boards.md."""

from evse.boards.esp32 import PINS, Esp32


class DevKit(Esp32):
    """A board without mains, contactors or lock: LEDs and resistors stand for them."""

    name = "devkit"


def create():
    """Return the board, outputs safe."""
    return DevKit(PINS)
