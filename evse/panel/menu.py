"""The menu on the display: people walk through the items, change a draft, and store it by EXIT.

Nothing changes before EXIT. While RFID shows Learn or Delete, the card reader does so. The panel
loads this module when somebody wants the menu, and drops it after.
"""

from micropython import const

from evse import ticks
from evse.panel.buttons import LEFT, MIDDLE, PRESS, REPEAT
from evse.panel.canvas import RIGHT as TO_RIGHT
from evse.panel.texts import (
    T_C2_3P,
    T_CARD_STATES,
    T_MIN_ABOVE_MAX,
    T_NO_WIFI,
    T_NOT_CHARGING,
    T_ONE_MOMENT,
    T_PORTAL_ON_EXIT,
    T_PORTAL_PW,
    T_REFUSED,
    T_SB2,
)
from evse.settings import ALLOWED, Refused

_WIDTH = const(128)
_TIMEOUT_MS = const(120_000)
_SECOND_MS = const(1000)
_HELP_MS = const(5000)
_READ_MS = const(1000)  # how long a text rests before it moves
_CHARACTER_MS = const(300)
_END_MS = const(2000)
_MARGIN = const(2)  # px, of text that moves
_BETWEEN = const(108)  # px from arrow to arrow
_ARROW_RIGHT = const(120)
_LINES = const((10, 52))  # rows
_DIGIT = const(13)  # px from one digit of the PIN to the next
_DIGITS_AT = const(39)
_DIGIT_WIDE = const(11)
_BAR = const(0b11)  # on top of page 6
_VERSION_LONGEST = const(15)
_HINTS = b"\x00\x01\x02\x00\x03"  # of contact_2: three phases, one, by mode, three, automatic
_LEARNING = ("Learn", "Delete")  # values of rfid that act while they are shown


class Menu:
    """Feed it ``key`` and ``tick``, and draw when either says so.

    ``open`` is False once it has been left. ``at`` is the item that is shown, ``editing`` says
    whether its value is being changed, ``secret`` whether the PIN or a password is on the display,
    ``storing`` is what EXIT has still to do.
    ``status`` must have been refreshed lately.
    """

    def __init__(self, items, canvas, status, texts, command):
        self._canvas = canvas
        self._status = status
        self._texts = texts
        self._command = command
        self.items = items
        self.open = True
        self.secret = False
        self.storing = None
        self.at = 0  # the item
        self.editing = False
        self._digit = 0  # of the PIN
        self._repeats = 0
        self._rfid = None  # what it was in the draft when its editing began
        self._text = ""  # help, where the label would be, or a refusal, in the top line
        self._refused = False
        self._offset = 0
        self._last = None  # tick of the last key, or of the last reason not to time out
        self._next = 0  # tick of the next step of the text
        self._second = 0

    # ---- keys ----

    def key(self, event, now):
        """Take an event of evse.panel.buttons at tick ``now``."""
        which = event & 7
        if not which or which & which - 1 or not event & (PRESS | REPEAT) or self.storing:
            return
        if event & REPEAT and which == MIDDLE:
            return
        self._repeats = self._repeats + 1 if event & REPEAT else 0
        if self._last is None:
            self._second = now
        self._last = now
        self._text = ""
        self._refused = False
        self._next = ticks.add(now, _HELP_MS)
        if which == MIDDLE:
            self._confirm(now)
        elif self.editing:
            self._change(-1 if which == LEFT else 1, now)
        else:
            self._walk(-1 if which == LEFT else 1)
        self._settle()

    def _walk(self, way):
        """Go to the next item that is shown."""
        items = self.items
        at = self.at
        while True:
            at = (at + way) % (items.count + 1)
            if items.visible(at):
                break
        self.at = at

    def _settle(self):
        """See what is shown now; where the current item is not, go to the nearest."""
        if self.editing:
            return  # what is being changed stays, whatever its values mean
        items = self.items
        items.look()
        at = self.at
        for distance in range(items.count + 1):
            for near in (at - distance, at + distance):
                if 0 <= near <= items.count and items.visible(near):
                    self.at = near
                    return

    def _confirm(self, now):
        items = self.items
        if self.at == items.count:
            self.storing = items.store(self._status, self._command)
        elif self.editing:
            self._end_edit(now)
        else:
            self.editing = True
            self._digit = 0
            self._rfid = items.draft.get("rfid")

    def _end_edit(self, now):
        items = self.items
        self.editing = False
        if items.acting:
            self._act(None, now)
            items.draft.pop("rfid", None)
            if self._rfid:
                items.draft["rfid"] = self._rfid

    def _change(self, way, now):
        items = self.items
        at = self.at
        key = items.key(at)
        if key == "lcd_pin":
            self._change_digit(way)
            return
        value = items.step(at, way, self._repeats)
        if key == "rfid":
            if not self._act(value if value in _LEARNING else None, now) or items.acting:
                return
        items.put(key, value)

    def _change_digit(self, way):
        """> goes to the next digit of the PIN, < increases the one above the bar."""
        items = self.items
        if way > 0:
            self._digit = (self._digit + 1) % 4
            return
        value = items.get("lcd_pin")
        weight = 10 ** (3 - self._digit)
        items.put("lcd_pin", value + (weight if value // weight % 10 < 9 else -9 * weight))

    def _act(self, value, now):
        """Have the reader learn or delete cards at once, or with None do as before.

        Returns False when that was refused.
        """
        items = self.items
        if value == items.acting:
            return True
        try:
            self._command("reader", value, "LCD")
        except Refused as refusal:
            self._say(refusal, now)
            return False
        items.acting = value
        return True

    # ---- time ----

    def tick(self, now):
        """Let time pass; True when something must be drawn anew. Call it 10 times a second."""
        if self.storing:
            return self._go_on(now)
        if self._last is None:
            self._last = self._second = now
            self._next = ticks.add(now, _HELP_MS)
        redraw = False
        if ticks.diff(now, self._second) >= _SECOND_MS:
            self._second = now
            self._settle()
            if self._stays():
                self._last = now
            redraw = True
        if ticks.diff(now, self._last) >= _TIMEOUT_MS:
            self.close(now)
            return True
        if ticks.due(now, self._next) and self._move(now):
            redraw = True
        return redraw

    def _stays(self):
        """True while people may be busy elsewhere: with cards, or with a portal's page."""
        items = self.items
        if items.acting:
            return self._status.rfid_status != 0  # a card is there, or has just been
        key = items.key(self.at)
        if key in ("wifi", "sb2_wifi") and items.draft.get(key) == "SetupWifi":
            return True
        box = self._status.box()
        return bool(self._status.portal or box and box.portal)

    def _move(self, now):
        """Bring the help text, and move what does not fit; True when that changes anything."""
        items = self.items
        text = self._text
        if not text:
            if not self.editing:
                self._text = self._texts.help(items.key(self.at))
                self._offset = 0
            self._next = ticks.add(now, _READ_MS if self._text else _TIMEOUT_MS)
            return bool(self._text)
        if self._ends():
            if not self._offset:
                self._next = ticks.add(now, _TIMEOUT_MS)
                return False
            self._offset = 0
            self._next = ticks.add(now, _READ_MS)
            return True
        self._offset += 1
        self._next = ticks.add(now, _END_MS if self._ends() else _CHARACTER_MS)
        return True

    def _ends(self):
        """True when the end of the text is on the display."""
        text = self._text[self._offset:]
        if self._refused:
            return self._canvas.small_width(text) <= _WIDTH
        return self._canvas.large_width(text) <= _WIDTH - 2 * _MARGIN

    def _say(self, refusal, now):
        """Show why something was refused, in people's language where that can be."""
        get = self._texts.get
        reason = refusal.reason
        if refusal.field == "cards" and self._status.charging:
            reason = get(T_NOT_CHARGING)
        elif refusal.field in ("min", "max"):
            reason = get(T_MIN_ABOVE_MAX)
        self._text = reason
        self._refused = True
        self._offset = 0
        self._next = ticks.add(now, _READ_MS)

    # ---- the end ----

    def close(self, now):
        """Leave the menu; what was not stored is forgotten."""
        self._end_edit(now)
        self.items.draft = {}
        self.open = False

    def _go_on(self, now):
        """Store the next of what was changed; leave after the last, stay where one is refused."""
        items = self.items
        try:
            next(self.storing)
            return False
        except StopIteration:
            self.open = False
        except Refused as refusal:
            self._say(refusal, now)
            at = items.find(refusal.field if refusal.field != "cards" else "rfid")
            if at >= 0 and items.visible(at):
                self.at = at
        self.storing = None
        return True

    # ---- picture ----

    def draw(self):
        """Draw the menu, one line in a step; yields between the steps."""
        canvas = self._canvas
        items = self.items
        at = self.at
        editing = self.editing
        canvas.blank(0, 2)
        self.secret = items.key(at) == "lcd_pin"
        left, right = self._top()
        yield
        canvas.small(left, 0, 0)
        canvas.small(right, _WIDTH, 0, TO_RIGHT)
        canvas.line(_LINES[0])
        yield
        if self._text and not self._refused:
            canvas.large(self._text[self._offset:], 2, _MARGIN)
        else:
            self._line(items.label(at), 2, not editing)
        yield
        self._line(items.words(at), 4, editing)
        yield
        canvas.blank(6, 2)
        if editing and items.key(at) == "lcd_pin":
            page = canvas.page(6)
            x = _DIGITS_AT + _DIGIT * self._digit
            for column in range(x, x + _DIGIT_WIDE):
                page[column] = _BAR
        canvas.line(_LINES[1])
        if self._refused:
            canvas.small(self._texts.get(T_REFUSED), 0, 7)
            return
        canvas.small("%d°C" % self._status.temp, 0, 7)
        canvas.small(self._status.version[:_VERSION_LONGEST], _WIDTH, 7, TO_RIGHT)

    def _line(self, text, page, arrows):
        """One line in the middle; what follows the first space is small where that is wide."""
        canvas = self._canvas
        head, _, rest = text.partition(" ")
        if rest and canvas.large_width(text) > _BETWEEN:
            wide = canvas.large_width(head) + 4
            x = (_WIDTH - wide - canvas.small_width(rest)) // 2
            canvas.large(head, page, x)
            canvas.small(rest, x + wide, page + 1)
        else:
            canvas.large(text, page)
        if arrows:
            canvas.large("<", page, 0, False)
            canvas.large(">", page, _ARROW_RIGHT, False)

    def _top(self):
        """Left and right text of the top line."""
        items = self.items
        status = self._status
        get = self._texts.get
        setting = status.setting
        if self._refused:
            return self._text[self._offset:], ""
        key = items.key(self.at)
        if self.editing:
            if items.acting:
                return get(T_CARD_STATES, status.rfid_status), ""
            if key == "mode" and not items.regulates():
                word = self._texts.value
                return "%s, %s: %s" % (word(key, "Smart"), word(key, "Solar"),
                                       items.label(items.find("mains_met"))), ""
            if key == "contact_2":
                place = items.spec(self.at)[ALLOWED].index(items.get(key))
                return get(T_C2_3P + _HINTS[place]), ""
        if key in ("wifi", "sb2_wifi") and items.draft.get(key) == "SetupWifi":
            return get(T_PORTAL_ON_EXIT), ""
        box = status.box()
        if key == "sb2_wifi" and box and setting(key) == items.get(key):
            mode = items.spec(self.at)[ALLOWED].index(setting(key))
            if box.wifi_mode != mode or mode == 2 and not box.portal_password:
                return get(T_ONE_MOMENT), ""
            if mode == 2:
                self.secret = True
                return get(T_PORTAL_PW) % box.portal_password, ""
            if mode == 1:
                return get(T_SB2) % box.ip if box.ip else get(T_NO_WIFI), ""
        if status.portal:
            self.secret = True
            return get(T_PORTAL_PW) % status.portal[1], ""
        if not status.ip and setting("wifi") != "Disabled":
            return get(T_NO_WIFI), ""
        clock_s = status.clock_s
        return status.ip, status.local(clock_s)[11:16] if clock_s else "--:--"
