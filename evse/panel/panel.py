"""The panel: three buttons, the display and its light. It decides nothing about charging.

Two services share it: ``run`` serves buttons and backlight 100 times a second, ``show`` draws and
sends, a small step at a time. So whatever befalls the display, the buttons work. Both run in one
thread, and a transfer is never interrupted: buttons and display may have lines in common.
"""

import asyncio
import gc

from micropython import const

from evse import ticks
from evse.panel import led
from evse.panel.buttons import BOTH, HELD, LEFT, MIDDLE, PRESS, REPEAT, RIGHT, SHORT, Buttons
from evse.rare import rare
from evse.settings import Refused

_SAMPLE_MS = const(10)
_MENU_TURNS = const(5)  # samples between two looks of the menu at the time
_REMOTE_MS = const(4000)  # a browser that falls silent has let go of its buttons
_LATER_MAX = const(8)
_LIT_MS = const(120_000)
_FADE_MS = const(1000)
_MOST_LIT = const(1000)  # times 120 s: ticks do not reach further than six days
_RETRY_MS = const(10_000)  # until a display that failed is tried again

# The registry of faults is out of a panel's reach; a test compares these bits with it.
TRIPPED = const(16)  # a residual current has been
WAITS = const(0x40401)  # too little current, the delay after power returned, an unknown time

_STATE_C = const(2)
_LOCK = const(BOTH | MIDDLE | RIGHT)
_RENEW = const(BOTH | LEFT | RIGHT)


class Panel:
    """What a person has before them. ``status`` and ``command`` are the core's two doors.

    ``pressed`` are the bits of the buttons that are down, ``level`` what the backlight shows (0 to
    255) and ``lit_s`` for how long still; ``drawing`` tells that the picture is half done,
    ``secret`` that there is a password in it.
    """

    def __init__(self, board, status, command):
        self.pressed = self.level = self.lit_s = 0
        self.drawing = self.secret = False
        try:
            self.display = board.display()
        except Exception as problem:  # it charges without one
            self.display = None
            print("display:", problem)
        self._board = board
        self._status = status
        self._command = command
        self._buttons = Buttons()
        self._remote = self._turn = 0
        self._later = []  # what was pressed from afar since, change by change
        self._remote_at = self._failed_at = self._second = now = board.now()
        self._canvas = self._screens = self._menu = self._loaded = None
        self._opening = 0  # the step that loading the menu has come to
        self._confirm = None  # what is asked at the display
        self._language = ""
        self._stale = self._unsent = self._restart = True
        self._failed = False
        self._lit = True
        self._dark_at = ticks.add(now, _LIT_MS)
        self._most = status.setting("backlight_max")

    # ---- what others may ask of it ----

    def screen(self):
        """Return the picture's 1024 bytes, page by page, or None without a display."""
        return self._canvas and self._canvas.data

    def press(self, button, down):
        """Press or release the button of that bit from afar.

        Requests may come faster than samples: each change waits until the one before was noticed.
        """
        later = self._later
        bits = later[-1] if later else self._remote
        bits = bits | button if down else bits & ~button
        if len(later) == _LATER_MAX:
            later.pop()  # never is a release lost
        later.append(bits)
        self._remote_at = self._board.now()

    def light(self, count):
        """Have light for ``count`` times 120 s from now on, 0 for none."""
        self._lit = count > 0
        self._dark_at = ticks.add(self._board.now(), _LIT_MS * min(max(count, 0), _MOST_LIT))

    def notice(self, light=True, opened=False):
        """Something happened: ``light`` when people want to see it, ``opened`` under load."""
        if light:
            self._wake(self._board.now())
            if self._screens:
                self._screens.seconds = 0
        if opened:
            self._restart = True
        self._stale = True

    # ---- buttons and light ----

    async def run(self):
        """Serve buttons and backlight for ever."""
        self._drop()
        while True:
            self.step(self._board.now())
            await asyncio.sleep_ms(_SAMPLE_MS)

    def step(self, now):
        """One sample, at tick ``now``."""
        confirm = self._status.confirm
        if type(confirm) is not tuple:
            confirm = None  # it has been answered
        if confirm is not self._confirm:
            self._confirm = confirm
            self._ask(now)
        if self._remote and ticks.diff(now, self._remote_at) >= _REMOTE_MS:
            self._remote = 0
        buttons = self._buttons
        here = self._board.buttons()
        if self._confirm:  # who answers has to stand before the charger
            self._remote = 0
            self._later.clear()
        if self._later and buttons.down == here | self._remote:
            self._remote = self._later.pop(0)
        event = buttons.feed(here | self._remote, now)
        if event:
            self._key(event, here, now)
        down = buttons.down
        if down != self.pressed:
            self.pressed = down
            if self._screens and self._screens.held != down:
                self._hold(0)  # two at once hold nothing
        if self._opening:
            self._open()
        elif self._menu:
            self._turn += 1
            if self._turn >= _MENU_TURNS:
                self._turn = 0
                if self._menu.tick(now):
                    self._stale = True
                if not self._menu.open:
                    self._leave()
        if ticks.diff(now, self._second) >= 1000:
            self._second = ticks.add(self._second, 1000)
            if ticks.diff(now, self._second) >= 1000:
                self._second = now
            self._pass(now)
        self._shine(now)

    def _pass(self, now):
        """A second is over."""
        status = self._status
        if not self.display:
            status.refresh()
        if status.state_id == _STATE_C or status.faults & ~WAITS:
            self._wake(now)
        self._most = status.setting("backlight_max")
        self._stale = True

    def _wake(self, now):
        if not self._lit or ticks.diff(self._dark_at, now) < _LIT_MS:
            self._lit = True
            self._dark_at = ticks.add(now, _LIT_MS)

    def _shine(self, now):
        level = 0
        left = ticks.diff(self._dark_at, now) if self._lit else 0
        if left <= 0:
            self._lit = False
            left = 0
        elif left >= _FADE_MS:
            level = self._most
        else:
            level = self._most * led.ease(left * 127 // _FADE_MS) // 255
        self.lit_s = (left + 999) // 1000
        if level != self.level:
            self.level = level
            self._board.set_backlight(level)

    # ---- what the buttons do ----

    def _key(self, event, here, now):
        """Act on an event; ``here`` are the buttons that are down on this very panel."""
        status = self._status
        if event & PRESS:
            self._wake(now)
            # Who resets a trip should have looked at the charger, so no button from afar does.
            if event & here and status.fault_bits() & TRIPPED and self._do("fault", "reset"):
                self._buttons.ignore()  # it was pressed for that and nothing else
                return
        locked = status.setting("lcd_lock") == "Enabled"
        if event == _LOCK:
            self._do("set", ("lcd_lock", "Disabled" if locked else "Enabled"))
        if locked:
            return
        menu = self._menu
        if menu:
            self._stale = True
            menu.key(event, now)
        elif self._confirm:
            self._answer(event)
        elif not event & REPEAT:
            if self._screens:
                self._screens.seconds = 0
            self._hold(event & (LEFT | MIDDLE | RIGHT) if event & PRESS else 0)
            self._act(event)

    def _ask(self, now):
        """Something is asked now, or no more; what is down was pressed for another end."""
        self._wake(now)
        self._stale = True
        self._hold(0)
        self._buttons.ignore()

    def _answer(self, event):
        """Answer what is asked at the display."""
        if event == HELD | MIDDLE:
            self._status.confirm = True
        elif event == SHORT | LEFT or event == SHORT | RIGHT:
            self._status.confirm = False

    def _act(self, event):
        """What buttons do outside the menu."""
        if event == HELD | LEFT:
            self._do("access", "Off")
        elif event == HELD | RIGHT:
            self._do("access", "On")
        elif event == HELD | MIDDLE and self._screens:
            self._opening = 1
        elif event == SHORT | LEFT:
            mode = self._status.setting("mode")
            if mode != "Normal":
                self._do("mode", "Solar" if mode == "Smart" else "Smart")
        elif event == _RENEW:
            self._restart = True

    def _do(self, name, value):
        """Have the core carry out a command; True when it did."""
        self._stale = True
        try:
            self._command(name, value, "LCD")
            return True
        except Refused as problem:
            print("panel:", problem.reason)
            return False

    def _open(self):
        """Load the menu, a module a turn; where there is no room the panel goes on without."""
        step = self._opening
        self._opening = step + 1
        try:
            if step == 1:
                gc.collect()
            elif step == 2:
                self._loaded = rare("panel.menu_items")
            elif step == 3:
                self._loaded = self._loaded.Items(self._status, self._screens.texts)
            elif step == 4:
                items = self._loaded
                self._loaded = rare("panel.menu").Menu(items, self._canvas, self._status,
                                                       self._screens.texts, self._command)
            else:
                self._opening = 0
                self._menu = self._loaded
                self._loaded = None
                self._stale = True
        except MemoryError as problem:
            self._opening = 0
            self._loaded = None
            print("menu:", problem)

    def _hold(self, button):
        """Say, or no more, what holding this button is going to do."""
        self._stale = True
        if self._screens:
            self._screens.held = button

    def _drop(self):
        """If the menu raised it is not asked again, except to put things back."""
        menu = self._menu
        self._menu = self._loaded = None
        self._opening = 0
        if menu:
            menu.close(self._board.now())

    def _leave(self):
        """The menu is closed: its memory is free again."""
        self._menu = None
        self._stale = True
        self._buttons.ignore()  # what was held in it does nothing out of it

    # ---- the display ----

    async def show(self):
        """Show what there is to see, for ever."""
        now = self._board.now
        self._load()
        self.drawing = False
        self._restart = True
        while True:
            if self._stale:
                self._stale = False
                await self._draw()
            if not self._failed or ticks.diff(now(), self._failed_at) >= _RETRY_MS:
                try:
                    await self._send(now)
                    self._failed = False
                except OSError as problem:
                    if not self._failed:
                        print("display:", problem)
                    self._failed = self._restart = True
                    self._failed_at = now()
            await asyncio.sleep_ms(_SAMPLE_MS)

    def _load(self):
        """Load what draws; after it raised, all of it anew."""
        from evse.panel.canvas import Canvas
        from evse.panel.screens import Screens
        from evse.panel.texts import Texts
        self._drop()
        self._canvas = self._canvas or Canvas()
        self._language = self._status.setting("language")
        self._screens = Screens(self._canvas, self._status, Texts(self._language))
        self._stale = True

    async def _draw(self):
        status = self._status
        for _ in status.refreshing():
            await asyncio.sleep_ms(0)
        menu = self._menu
        language = status.setting("language")
        if not menu and language != self._language:
            self._language = language
            self._screens.texts.use(language)
        self.drawing = self._unsent = True
        portal = status.portal is not None  # it may close while its password is drawn
        for _ in menu.draw() if menu else self._screens.draw(self._second // 1000):
            await asyncio.sleep_ms(0)
        self.secret = menu.secret if menu else portal
        self.drawing = False

    async def _send(self, now):
        """Bring the display up to date, a page a turn."""
        display = self.display
        canvas = self._canvas
        if self._restart:
            self._restart = False
            self._unsent = True
            display.restart(now())
            canvas.forget()
        if not self._unsent or not display.step(now()):
            return
        page = 0
        pages = canvas.changed()
        while pages >> page:
            if pages >> page & 1:
                while display.send(page, canvas.page(page)):
                    await asyncio.sleep_ms(0)
                canvas.taken(page)
                await asyncio.sleep_ms(0)
            page += 1
        self._unsent = False
