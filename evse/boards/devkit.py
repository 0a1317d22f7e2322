"""An ESP32 development board wired like SmartEVSE v3.0, for the bench; see docs/boards.md."""

from evse.boards.esp32 import Esp32, usual_pins


class DevKit(Esp32):
    """A board without mains, contactors or lock: LEDs and resistors stand for them.

    Its display is an SSD1306 on I2C, or none.
    """

    name = "devkit"
    _oled = None

    def display(self):
        from evse.boards.oled import Oled
        try:
            self._oled = self._oled or Oled(self._lines)
        except OSError:
            return None
        return self._oled

    def set_backlight(self, level):
        super().set_backlight(level)
        if self._oled:
            self._oled.light(level)


def pins():
    """Return the pin map: where SmartEVSE has the display's clock and reset, I2C is."""
    chosen = usual_pins()
    chosen.update({"low": (), "display": {"clock": 26, "data": 5}})
    return chosen


def create():
    """Return the board, outputs safe."""
    return DevKit(pins())
