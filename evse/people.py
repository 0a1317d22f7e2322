"""Commands of people: buttons, light, colours, cards; and who may do what."""

from micropython import const

from evse import reasons
from evse.cards import check as check_card
from evse.charging import faults
from evse.rare import rare
from evse.settings import Denied, Refused

_COLOURS = ("off", "normal", "smart", "solar", "custom")
_CHANGES = ("add", "remove", "clear", "load")
_LEARN, _DELETE = const(3), const(4)  # values of the setting rfid
# They stand at the charger, or have given the password.
_HANDS = ("LCD", "installer", "portal", "switch", "card")
_BUTTONS = ("left", "middle", "right")
_BACKLIGHT_MAX = const(720)  # a day


class People:
    """Base of evse.commands.Commands, which says what these commands take."""

    def __init__(self, core):
        self._core = core

    def _install(self, what, source):
        """Refuse what only the installer may do to whoever is neither here nor trusted."""
        if source not in _HANDS and self._core.settings.get("trust_lan") != "Enabled":
            raise Denied("%s can only be done at the charger or by the installer" % what, what)

    def do_custom(self, value, source):
        self._install("custom", source)
        if type(value) is not bool:
            raise Refused("custom is true or false", "custom")
        self._core.custom = value

    def do_colour(self, value, source):
        self._install("colour", source)
        name = value[0] if type(value) in (tuple, list) and len(value) == 4 else None
        if name not in _COLOURS:
            raise Refused("a colour is its name and R, G, B", "colour", list(_COLOURS))
        rgb = 0
        for part in value[1:]:
            if type(part) is not int or not 0 <= part <= 255:
                raise Refused("R, G and B are 0 to 255", "colour", [0, 255])
            rgb = rgb << 8 | part
        self._core.palette[_COLOURS.index(name)] = rgb

    def _panel(self, what):
        panel = self._core.panel
        if not panel or not panel.screen():
            raise Refused("there is no display", what)
        return panel

    def do_button(self, value, source):
        core = self._core
        panel = self._panel("button")
        if (type(value) not in (tuple, list) or len(value) != 2 or value[0] not in _BUTTONS
                or type(value[1]) is not bool):
            raise Refused("button takes left, middle or right, and whether it is down", "button",
                          list(_BUTTONS))
        name, down = value
        if source != "PIN":
            self._install("button", source)
        if down and core.settings.get("lcd_lock") == "Enabled":
            raise Refused("the buttons are locked", "lcd_lock")
        panel.press(1 << _BUTTONS.index(name), down)

    def do_backlight(self, value, source):
        self._install("backlight", source)
        panel = self._panel("backlight")
        if type(value) is not int or not 0 <= value <= _BACKLIGHT_MAX:
            raise Refused("backlight is 0 or how often 120 s", "backlight", [0, _BACKLIGHT_MAX])
        panel.light(value)

    def do_restart(self, _value, source):
        self._install("restart", source)
        self._core.restart = True

    def do_update(self, value, source):
        core = self._core
        if value == "begin":
            self._install("update", source)
            if core.charger.c1:
                raise Refused("updates are written when nothing charges", "update")
        elif value == "written" or value == "confirmed":
            core.record(reasons.UPDATE_WRITTEN, int(value == "confirmed"))
        elif value == "failed":
            core.record(reasons.UPDATE_FAILED)
        else:
            raise Refused("an update begins, is written or failed", "update")
        core.fault(faults.UPDATE, value == "begin")

    def do_erase(self, value, source):
        self._install("erase", source)
        if value != "settings":
            raise Refused("what can be erased are the settings", "erase", ["settings"])
        core = self._core
        if core.charger.c1:
            raise Refused("settings are erased when nothing charges", "erase")
        self._change("clear", ())
        core.settings.erase()
        core.restart = True

    def do_password(self, value, source):
        # Not for those who are only trusted: nobody shall lock out the owner.
        if source not in ("installer", "portal", "LCD"):
            raise Denied("the password is changed with the old one, or at the charger",
                         "password")
        if type(value) is not str or len(value) > 100:
            raise Refused("password takes what evse.net.auth makes of one", "password")
        core = self._core
        core.settings.remember("auth", value)
        core.record(reasons.PASSWORD)

    def do_prices(self, value, _source):
        rare("prices").store(self._core.settings, value)

    def do_reader(self, value, source):
        self._install("reader", source)
        core = self._core
        if value not in ("Learn", "Delete", None):
            raise Refused("the reader learns or deletes cards, or does neither", "reader")
        core.reader = _LEARN if value == "Learn" else _DELETE if value else 0
        core.configure()

    def do_swipe(self, value, source):
        self._install("swipe", source)
        core = self._core
        if not core.rfid:
            raise Refused("RFID reader not enabled", "rfid")
        card = check_card(value)
        core.rfid_last = card
        if core.rfid in (_LEARN, _DELETE):
            core.rfid_status = self._change(
                "add" if core.rfid == _LEARN else "remove", (card,))
            core.record(reasons.CARD_READ, core.rfid_status)
            return
        try:
            known = core.cards.find(card)
        except OSError:
            raise Refused("the cards cannot be read", "cards")
        core.rfid_status = core.access.swipe(core.rfid, card, known)
        core.apply_access()

    def do_cards(self, value, source):
        self._install("cards", source)
        if type(value) not in (tuple, list) or not value or value[0] not in _CHANGES:
            raise Refused("cards takes one of " + ", ".join(_CHANGES), "cards", list(_CHANGES))
        self._core.rfid_status = self._change(value[0], tuple(value[1:]))

    def _change(self, what, arguments):
        """Change the stored cards; returns the status clients know."""
        core = self._core
        if core.charger.c1:
            raise Refused("cards can be changed when nothing charges", "cards")
        try:
            status = getattr(rare("cards_admin"), what)(core.cards, *arguments) or 0
        except OSError:
            raise Refused("the cards could not be written", "cards")
        except TypeError:
            raise Refused("%s takes other values" % what, "cards")
        core.record(reasons.CARDS_CHANGED, core.cards.count)
        return status
