"""A charger with a panel on simulated time: buttons to press, a display that notes pages."""

from evse.panel import panel as module
from evse.panel.panel import Panel
from helpers_core import Bench, Board

SAMPLE_MS = 10


class Loop:
    """Stands for asyncio in the panel: who sleeps says for how long."""

    @staticmethod
    def sleep_ms(ms):
        yield ms


module.asyncio = Loop


class Display:
    """``data`` are the pixels, ``pages`` (tick, page) of all that was sent, ``calls`` the rest.

    It is ready ``setup`` steps after a restart. While ``broken`` it raises. A page takes ``parts``
    calls.
    """

    def __init__(self, bench):
        self.bench = bench
        self.data = bytearray(1024)
        self.pages = []
        self.calls = []
        self.setup = 3
        self.broken = False
        self.parts = 1
        self._left = self.setup
        self._part = 0

    def restart(self, now):
        self.calls.append(("restart", now))
        self._left = self.setup
        self.data[:] = b"\xa5" * 1024  # what such a display shows until it is written to

    def step(self, now):
        if self.broken:
            raise OSError(19)
        self._left = max(0, self._left - 1)
        return not self._left

    def send(self, page, view):
        if self.broken:
            raise OSError(19)
        assert not self._left and len(view) == 128
        self._part += 1
        if self._part < self.parts:
            return True
        self._part = 0
        self.data[128 * page:128 * page + 128] = view
        self.pages.append((self.bench.now, page))
        return False


class PanelBoard(Board):
    """The board with buttons (``bits``), a display and a backlight (``levels``: (tick, level))."""

    def __init__(self, display=True):
        super().__init__()
        self.bits = 0
        self.levels = []
        self.lcd = None
        self._display = display

    def now(self):
        return self.bench.now

    def buttons(self):
        return self.bits

    def display(self):
        if self._display:
            self.lcd = Display(self.bench)
        return self.lcd

    def set_led(self, red, green, blue):
        pass  # minutes of its pulses are more than there is room for

    def set_backlight(self, level):
        self.levels.append((self.bench.now, level))


class Desk(Bench):
    """A charger and its panel. ``turns`` is the most turns of the loop that a picture took."""

    def __init__(self, settings=None, display=True, **keywords):
        super().__init__(settings, board=PanelBoard(display), **keywords)
        self.panel = self.core.panel = Panel(self.board, self.status, self.core.command)
        self.display = self.board.lcd
        self.problems = []
        self._show = self._sleeps = None

    def run(self, ms):
        """Let ``ms`` pass, for the panel too."""
        for _ in range(ms // SAMPLE_MS):
            super().run(SAMPLE_MS)
            self.panel.step(self.now)
            if self.display:
                self._serve()

    def _serve(self):
        """Let the display's service go on until it sleeps; it starts again 2 s after it died."""
        if self._sleeps:
            self._sleeps -= SAMPLE_MS
            return
        if not self._show:
            self._show = self.panel.show()
        try:
            while not self._sleeps:
                self._sleeps = self._show.send(None)
            self._sleeps -= SAMPLE_MS
        except Exception as problem:
            self.problems.append(problem)
            self._show = None
            self._sleeps = 2000

    def press(self, bits, ms=150, after=150):
        """Press and release buttons."""
        self.board.bits = bits
        self.run(ms)
        self.board.bits = 0
        self.run(after)

    def shown(self):
        """The picture as rows of text art."""
        data = self.display.data
        return "\n".join("".join("#" if data[row // 8 * 128 + x] >> row % 8 & 1 else "."
                                 for x in range(128)) for row in range(64))
