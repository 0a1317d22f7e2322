"""Runs on MicroPython: every item of the menu with each of its values, and all that it says.

An enum is shown with each name, a number at both ends of its range; every help text is scrolled
through. A real core answers, so that refusals are real ones.
"""

from evse import ticks
from evse.rare import rare
from evse.settings import ALLOWED, KEY, KIND, LCD, TABLE
from helpers_core import NOON_S, Bench
from screens_stage import Stage

_LEFT, _MIDDLE, _RIGHT = 1, 2, 4
_PRESS, _REPEAT = 8, 64
_LABEL = 2  # the page whose texts may be longer than the display: they scroll
_TICK_MS = 100
_ADDRESS = "192.168.178.123"
_MOST = 400  # presses

# Together they show every item, and its numbers at the end of their ranges.
_PROFILES = (
    {"mode": "Solar", "mains_met": "Sensorbox", "pwr_share": "Master", "circt_met": "Custom",
     "ev_meter": "Custom", "cap_mode": "Fixed"},
    {"mains_met": "Eastron3P"},
)
# Values shown by another item already.
_FEW = {"circt_met": 3, "ev_meter": 3}


class _Box:
    """A Sensorbox with a WLAN of its own."""

    def __init__(self, mode, ip, password):
        self.wifi_mode = mode
        self.ip = ip
        self.portal_password = password
        self.portal = bool(password)


def _tops(settings):
    """Settings with all numbers at their greatest."""
    values = {setting[KEY]: setting[ALLOWED][1] for setting in TABLE
              if setting[KIND] == "int" and setting[LCD]}
    values["em_function"] = 3
    values.update(settings)
    return values


def _slug(value):
    return "".join(letter if letter.isalpha() or letter.isdigit() else "_"
                   for letter in str(value).lower())


class Walk:
    """A menu over a real core, with the keys of a person."""

    def __init__(self, stage, settings, keep, **facts):
        self.stage = stage
        self.keep = keep
        self.bench = Bench(settings, clock_s=NOON_S)
        self.bench.run(1000)
        self.status = self.bench.status
        self.status.ip = _ADDRESS
        for fact, value in facts.items():
            setattr(self.status, fact, value)
        self.now = self.bench.now
        items = rare("panel.menu_items").Items(self.status, stage.texts)
        self.menu = rare("panel.menu").Menu(items, stage.canvas, self.status, stage.texts,
                                            self.bench.core.command)
        self.menu.tick(self.now)

    def press(self, key, event=_PRESS):
        """Press a key, and wait until what it stores is stored."""
        self.now = ticks.add(self.now, _TICK_MS)
        self.menu.key(event | key, self.now)
        while self.menu.storing:
            self.menu.tick(self.now)

    def wait(self, ms):
        """Let time pass."""
        for _ in range(ms // _TICK_MS):
            self.now = ticks.add(self.now, _TICK_MS)
            if self.menu.tick(self.now) and not self.menu.open:
                return

    def draw(self):
        """Draw, and return what is wrong."""
        canvas = self.stage.canvas
        canvas.start()
        for _ in self.menu.draw():
            pass
        return canvas.faults((_LABEL,))

    def shot(self, name, caption):
        """Draw, and keep the picture or tell what is wrong."""
        found = self.draw()
        if self.keep:
            self.stage.send("menu_" + name, caption, found)
        else:
            self.stage.wrong("menu_" + name, found)

    def words(self, page):
        """The large text on a page, without arrows."""
        self.draw()
        texts = [text for text in self.stage.canvas.texts
                 if text.page in (page, page + 1) and text.words not in "<>"]
        return " ".join(text.words for text in texts)

    def key(self):
        """The setting whose item is shown."""
        label = self.words(_LABEL)
        for setting in TABLE:
            if label and setting[LCD] == label:
                return setting
        return None

    def find(self, key):
        """Walk to the item of a setting."""
        for _ in range(_MOST):
            found = self.key()
            if (found[KEY] if found else "exit") == key:
                return
            self.press(_RIGHT)
        raise ValueError("no item for " + key)

    def item(self, setting):
        """Show one item with all its values."""
        key, label = setting[KEY], setting[LCD]
        self.shot(key, label)
        self.press(_MIDDLE)
        if key == "lcd_pin":
            for digit in range(4):
                self.shot("%s_%d" % (key, digit), label)
                self.press(_RIGHT)
        elif setting[KIND] == "int":
            self.press(_RIGHT)
            self.shot(key + "_least", label)
            self.press(_LEFT)
        else:
            first = self.words(4)
            words = first
            for number in range(len(setting[ALLOWED])):
                if number < _FEW.get(key, _MOST):
                    self.shot("%s_%s" % (key, _slug(words)), "%s: %s" % (label, words))
                self.press(_RIGHT)
                words = self.words(4)
                if words == first:
                    break
        self.press(_MIDDLE)

    def scroll(self, name, keep=()):
        """Look at all of a text that scrolls, and keep the pictures at some of its steps."""
        self.wait(5000)
        first, step = None, 0
        for _ in range(_MOST):
            self.now = ticks.add(self.now, _TICK_MS)
            if not self.menu.tick(self.now):
                continue
            self.stage.wrong(name + ", scrolled", self.draw())
            words = self.stage.canvas.text(_LABEL)
            if words == first and step:
                return
            if step in keep:
                self.shot("says_%s_text_%d" % (name, step), "Help, which scrolls")
            step += 1
            first = first or words


def _messages(stage, keep):
    """What the menu says beside its items."""
    walk = Walk(stage, {"mains_met": "API", "min": 16, "max": 16}, keep)
    walk.find("max")
    walk.press(_MIDDLE)
    walk.press(_LEFT)
    walk.press(_MIDDLE)
    walk.find("exit")
    walk.press(_MIDDLE)
    walk.shot("says_refused", "MAX was set below MIN; EXIT stores nothing of it")
    walk = Walk(stage, {"rfid": "EnableAll"}, keep)
    walk.bench.charge()
    walk.bench.status  # noqa: B018
    walk.find("rfid")
    walk.press(_MIDDLE)
    for _ in range(4):
        walk.press(_RIGHT)
    walk.press(_MIDDLE)
    walk.find("exit")
    walk.press(_MIDDLE)
    walk.shot("says_refused_cards", "Cards cannot be changed while the car charges")
    for steps, statuses in ((2, (0, 2, 4, 6)), (3, (0, 3, 5))):
        for status in statuses:
            walk = Walk(stage, {"rfid": "EnableAll"}, keep, rfid_status=status)
            walk.find("rfid")
            walk.press(_MIDDLE)
            for _ in range(steps):
                walk.press(_RIGHT)
            walk.shot("says_card_%d_%d" % (steps, status), "The reader learns cards"
                      if steps == 2 else "The reader deletes cards")
    for name, box in (("moment", _Box(0, "", "")), ("none", _Box(1, "", "")),
                      ("ip", _Box(1, "255.255.255.255", "")), ("portal", _Box(2, "", "1a2b3c4d"))):
        mode = "SetupWifi" if name == "portal" else "Enabled"
        walk = Walk(stage, {"mains_met": "Sensorbox", "sb2_wifi": mode}, keep,
                    box=lambda box=box: box)
        walk.find("sb2_wifi")
        walk.shot("says_sensorbox_" + name, "WiFi of the Sensorbox")
    for name, ip, wifi, clock_s in (
            ("joined", "255.255.255.255", "Enabled", NOON_S), ("no_wifi", "", "Enabled", NOON_S),
            ("no_time", _ADDRESS, "Enabled", 0), ("nothing", "", "Disabled", 0)):
        walk = Walk(stage, {"wifi": wifi}, keep, ip=ip, clock_s=clock_s, temp=-15)
        walk.shot("says_top_" + name, "The top line")
    walk = Walk(stage, {}, keep)
    walk.press(_MIDDLE)
    walk.press(_RIGHT)
    walk.shot("says_mode", "MODE has Smart and Solar with a mains meter only")
    walk = Walk(stage, {}, keep, portal=("SmartEVSE-123456", "k7pw4mzq", "192.168.4.1"))
    walk.shot("says_top_portal", "The top line while the set-up network is up")


def run(language):
    """Show all of the menu; only its English is kept, the others are looked through."""
    stage = Stage(language)
    keep = language == "en"
    seen = set()
    for settings in _PROFILES:
        walk = Walk(stage, _tops(settings), keep)
        while True:
            setting = walk.key()
            if not setting:
                if "exit" not in seen:
                    walk.shot("exit", "EXIT")
                    walk.scroll("exit")
                seen.add("exit")
                break
            if setting[KEY] not in seen:
                seen.add(setting[KEY])
                walk.item(setting)
                walk.scroll(setting[KEY], (0, 3) if setting[KEY] == "mode" else ())
            walk.press(_RIGHT)
    missing = [setting[KEY] for setting in TABLE if setting[LCD] and setting[KEY] not in seen]
    if missing:
        stage.wrong("menu", ["never shown: " + ", ".join(missing)])
    _messages(stage, keep)
