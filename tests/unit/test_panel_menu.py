"""The menu, by its buttons alone, with a real core behind: what it shows, keeps and stores."""

import gc
import os
import sys

from evse import cards_admin, ticks
from evse.cards import Cards
from evse.panel import buttons, canvas, texts
from evse.rare import rare
from evse.settings import ALLOWED, KEY, KIND, LCD, TABLE, Refused
from helpers_core import NOON_S, Bench, Board

CARDS = "/tmp/microevse_menu_test.csv"
ANNA = "04A1B2C3D4E5F6"
KEYS = {"<": buttons.LEFT, "o": buttons.MIDDLE, ">": buttons.RIGHT}
ITEMS = (
    "MODE", "CONFIG", "LOCK", "PWR SHARE", "MAINS MET", "GRID", "SB2 WIFI", "MAINS ADR",
    "CIRCT MET", "CIRCT ADR", "CIRCUIT", "EV METER", "EV ADDR", "BYTE ORD", "DATA TYPE",
    "FUNCTION", "VOL REGI", "VOL DIVI", "CUR REGI", "CUR DIVI", "POW REGI", "POW DIVI", "ENE REGI",
    "ENE DIVI", "MAINS", "MIN", "MAX", "START", "STOP", "IMPORT", "CONTACT 2", "SWITCH",
    "LED MODE", "RCMON", "RFID", "WIFI", "MAX TEMP", "MODEM", "CAP MODE", "CAPACITY", "CAP STOP",
    "LCD PIN", "EXIT")
LABELLED = [setting for setting in TABLE if setting[LCD]]
MINUTE_MS = 60_000
ENABLE_ALL, ENABLE_ONE, LEARN, DELETE = 1, 2, 3, 4


class Box:
    """A Sensorbox with WiFi, as the status shows it."""

    def __init__(self, mode=0, ip="", password="", portal=False):
        self.wifi_mode = mode
        self.ip = ip
        self.portal_password = password
        self.portal = portal


class Hand:
    """A person before the display of a charger with these settings; the menu has just opened."""

    def __init__(self, settings=None, language="en", command=None, **keywords):
        self.bench = Bench(settings, **keywords)
        self.status = self.bench.status
        self.canvas = canvas.Canvas()
        self.texts = texts.Texts(language)
        self.command = command or self.bench.core.command
        self.enter()

    def enter(self):
        self.items = rare("panel.menu_items").Items(self.status, self.texts)
        self.menu = rare("panel.menu").Menu(self.items, self.canvas, self.status, self.texts,
                                            self.command)

    def press(self, keys):
        for key in keys:
            self.menu.key(buttons.PRESS | KEYS[key], self.bench.now)
            self.bench.run(50)
            self.menu.key(buttons.SHORT | KEYS[key], self.bench.now)
            self.bench.run(50)
            self.menu.tick(self.bench.now)

    def hold(self, key, repeats):
        """Hold a key down until it has repeated so often."""
        self.menu.key(buttons.PRESS | KEYS[key], self.bench.now)
        for _ in range(repeats):
            self.menu.key(buttons.REPEAT | KEYS[key], self.bench.now)

    def wait(self, ms):
        """Let time pass at the pace of the panel; True when something had to be drawn anew."""
        redraw = False
        for _ in range(ms // 100):
            self.bench.run(100)
            if not self.bench.now % 1000 // 100:
                self.status.refresh()
            redraw = self.menu.tick(self.bench.now) or redraw
        return redraw

    def key(self):
        return self.items.key(self.menu.at)

    def walk(self):
        """The keys of all items that are shown, beginning with the present one."""
        first = self.key()
        found = [first]
        for _ in range(len(ITEMS)):
            self.press(">")
            if self.key() == first:
                return found
            found.append(self.key())
        raise AssertionError("no way round: %s" % found)

    def go(self, key, way=">"):
        for _ in range(len(ITEMS)):
            if self.key() == key:
                return
            self.press(way)
        raise AssertionError("%s is not shown" % key)

    def choose(self, key, value, way=">"):
        """Go to an item, change it step by step, and end the editing."""
        self.go(key)
        self.press("o")
        for _ in range(700):
            if self.items.get(key) == value:
                break
            self.press(way)
        assert self.items.get(key) == value, (key, self.items.get(key))
        self.press("o")

    def exit(self):
        self.go("exit", "<")
        self.press("o")
        while self.menu.storing:
            self.menu.tick(self.bench.now)

    def draw(self):
        self.status.refresh()
        steps = 0
        for step in self.menu.draw():
            assert step is None
            steps += 1
        assert steps >= 3
        return self.canvas

    def shows(self, text, page, small=False):
        """True when the display has exactly this text, in the middle or left, on a page."""
        self.draw()
        other = canvas.Canvas()
        if small:
            other.small(text, 0, page)
            width = other.small_width(text)
            return self.part(self.canvas, page, 1, 0, width) == self.part(other, page, 1, 0, width)
        other.large(text, page)
        return self.part(self.canvas, page, 2, 9, 119) == self.part(other, page, 2, 9, 119)

    @staticmethod
    def part(it, page, pages, x0, x1):
        return [bytes(it.page(number))[x0:x1] for number in range(page, page + pages)]

    def line(self, text):
        """True when the top line begins with this text, or is empty."""
        if not text:
            self.draw()
            return not any(self.canvas.page(0))
        return self.shows(text, 0, True)

    def stored(self, key):
        return self.bench.settings.get(key)

    def all_stored(self):
        return [self.stored(setting[KEY]) for setting in TABLE]


def reaches(hand, key):
    return key in hand.walk()


# ---- what is there ----

def test_all_items_are_there_in_the_order_people_know():
    hand = Hand()
    labels = [hand.items.label(at) for at in range(hand.items.count + 1)]
    assert tuple(labels) == ITEMS
    assert sorted(labels[:-1]) == sorted(setting[LCD] for setting in LABELLED)


def test_factory_defaults_show_what_makes_sense_then():
    assert Hand().walk() == [
        "mode", "config", "lock", "mains_met", "circt_met", "ev_meter", "max", "contact_2",
        "switch", "led_mode", "rcmon", "rfid", "wifi", "max_temp", "modem", "lcd_pin", "exit"]


SMART = {"mains_met": "Eastron3P"}
NODE = {"pwr_share": "Node 1"}
BOTH = {"pwr_share": "Node 1", "mains_met": "Custom", "circt_met": "Custom", "ev_meter": "Custom",
        "mode": "Solar", "cap_mode": "Fixed", "capacity": 30, "ev_meter_role": "Sub-panel"}


def with_(base, **more):
    made = dict(base)
    made.update(more)
    return made


# Settings, and items that are shown with them, and that are not.
VISIBLE = (
    ({}, "mode config lock mains_met circt_met ev_meter contact_2 max switch rfid lcd_pin modem",
     ("pwr_share mains min mains_adr grid sb2_wifi circt_adr circuit ev_adr start stop import "
     "cap_mode capacity cap_stop em_function")),
    ({"config": "Fixed"}, "", "lock"),
    (SMART, "pwr_share mains min mains_adr cap_mode", "grid sb2_wifi capacity cap_stop start"),
    ({"mains_met": "Sensorbox"}, "pwr_share mains min grid sb2_wifi", "mains_adr"),
    ({"mains_met": "API"}, "pwr_share mains min", "mains_adr grid sb2_wifi"),
    ({"mains_met": "HomeWizrd"}, "pwr_share mains min", "mains_adr grid sb2_wifi"),
    (NODE, "mode pwr_share ev_meter max switch config rfid",
     "mains_met mains mains_adr grid circt_met circt_adr circuit min contact_2 start cap_mode"),
    (BOTH, "pwr_share ev_meter ev_adr",
     ("mains_met mains_adr circt_met circt_adr circuit start stop import contact_2 cap_mode "
     "capacity cap_stop em_function min mains")),
    (with_(SMART, pwr_share="Master"), "pwr_share circuit mains min contact_2", "circt_adr"),
    (with_(SMART, mode="Smart"), "", "start stop import"),
    (with_(SMART, mode="Solar"), "start stop import contact_2", ""),
    (with_(SMART, mode="Solar", contact_2="Auto"), "start contact_2", ""),
    ({"circt_met": "ABB"}, "circt_adr circuit", "mains"),
    ({"circt_met": "API"}, "circuit", "circt_adr"),
    ({"circt_met": "HomeWizrd"}, "circuit", "circt_adr"),
    ({"ev_meter": "ABB"}, "ev_adr", "circuit"),
    ({"ev_meter": "API"}, "", "ev_adr circuit"),
    ({"ev_meter": "HomeWizrd"}, "", "ev_adr"),
    ({"ev_meter": "ABB", "ev_meter_role": "Sub-panel"}, "ev_adr circuit", ""),
    ({"ev_meter_role": "Sub-panel"}, "", "circuit"),
    ({"mains_met": "Custom"}, "em_byte_order em_data_type em_function em_e_divisor", ""),
    ({"circt_met": "Custom"}, "em_byte_order em_i_register", ""),
    ({"ev_meter": "Custom"}, "em_byte_order em_p_register", ""),
    (with_(SMART, cap_mode="Fixed"), "cap_mode capacity", "cap_stop"),
    (with_(SMART, cap_mode="Fixed", capacity=30), "capacity cap_stop", ""),
    (with_(SMART, cap_mode="Interval", capacity=30), "cap_mode", "capacity cap_stop"),
    (with_(SMART, cap_mode="Flanders", capacity=30), "", "capacity cap_stop"),
    ({"cap_mode": "Fixed", "capacity": 30}, "", "cap_mode capacity cap_stop"),
)


def test_each_item_is_shown_when_it_should_be():
    for settings, shown, hidden in VISIBLE:
        found = Hand(settings).walk()
        for key in shown.split():
            assert key in found, (settings, key)
        for key in hidden.split():
            assert key not in found, (settings, key)


def test_what_is_shown_follows_the_draft():
    hand = Hand()
    assert not reaches(hand, "mains")
    hand.choose("mains_met", "Sensorbox")
    assert hand.stored("mains_met") == "Disabled"
    found = hand.walk()
    assert "mains" in found
    assert "sb2_wifi" in found
    assert "mains_adr" not in found
    hand.choose("mains_met", "Eastron3P")
    assert reaches(hand, "mains_adr")
    hand.choose("mode", "Solar")
    assert reaches(hand, "start")
    hand.choose("pwr_share", "Node 3")
    found = hand.walk()
    assert "mains_met" not in found
    assert "start" not in found
    assert "pwr_share" in found


def test_smart_and_solar_are_offered_only_with_a_mains_meter():
    def offered(settings):
        hand = Hand(settings)
        hand.press("o")
        names = []
        for _ in range(3):
            names.append(hand.items.get("mode"))
            hand.press(">")
        return names

    assert offered({}) == ["Normal"] * 3
    assert offered(SMART) == ["Normal", "Smart", "Solar"]
    assert offered(NODE) == ["Normal", "Smart", "Solar"]


def test_a_mode_goes_with_its_meter_and_comes_back_with_it():
    hand = Hand(with_(SMART, mode="Solar"))
    hand.choose("mains_met", "Disabled")
    assert hand.items.get("mode") == "Normal"
    assert not reaches(hand, "start")
    hand.choose("mains_met", "API")
    assert hand.items.get("mode") == "Solar"
    hand.choose("mains_met", "Disabled")
    hand.exit()
    assert not hand.menu.open
    assert (hand.stored("mode"), hand.stored("mains_met")) == ("Normal", "Disabled")


# ---- changing ----

def test_from_factory_defaults_to_smart_by_buttons_alone():
    hand = Hand()
    bench = hand.bench
    for keys in (">>>", "o", ">" * 4, "o",  # MAINS MET: past LOCK; PWR SHARE is still hidden
                 ">", "o", ">", "o"):  # MAINS ADR 11
        hand.press(keys)
    assert hand.items.draft == {"mains_met": "Eastron3P", "mains_adr": 11}
    hand.choose("mode", "Smart")
    hand.choose("mains", 30)
    hand.choose("max", 16)
    hand.choose("config", "Fixed")
    hand.press(">" * 30)
    hand.exit()
    assert not hand.menu.open
    assert not hand.menu.open
    changed = [setting[KEY] for setting in TABLE if hand.stored(setting[KEY]) != setting[2]]
    assert sorted(changed) == ["config", "mains", "mains_adr", "mains_met", "max", "mode"]
    bench.house = 200
    bench.charge()
    bench.run(90_000)
    status = bench.status
    assert status.mode == "Smart"
    assert 60 <= status.offered_da <= 100, status.offered_da


def test_every_value_of_every_setting_is_reached_shown_and_stored_by_buttons():
    # With these everything is shown at once, but for the box's own.
    base = {"mode": "Solar", "mains_met": "Custom", "circt_met": "Custom", "ev_meter": "Custom",
            "cap_mode": "Fixed", "capacity": 30, "max": 20}
    for setting in LABELLED:
        key = setting[KEY]
        if key == "lcd_pin" or key.endswith("_register"):
            continue  # by digits, and by thousands: tests of their own
        hand = Hand(with_(base, mains_met="Sensorbox") if key in ("grid", "sb2_wifi") else base)
        low, high = (0, len(setting[ALLOWED]) - 1) if setting[KIND] == "enum" else setting[ALLOWED]
        hand.go(key)
        hand.press("o")
        seen = [hand.items.get(key)]
        pictures = []
        while True:
            hand.draw()
            pictures.append(b"".join(hand.part(hand.canvas, 4, 2, 9, 119)))
            assert any(pictures[-1]), (key, seen)
            hand.menu.key(buttons.PRESS | buttons.RIGHT, hand.bench.now)
            if hand.items.get(key) == seen[0]:
                break
            seen.append(hand.items.get(key))
            assert len(seen) <= 700, (key, seen)
        expected = (setting[ALLOWED] if setting[KIND] == "enum" else range(low, high + 1))
        missing = [value for value in expected if value not in seen]
        assert missing == {"circt_met": ["Sensorbox"], "ev_meter": ["Sensorbox"],
                           "capacity": list(range(1, 10))}.get(key, []), (key, missing)
        assert len(set(pictures)) == len(pictures), key
        hand.press("<")  # to the last but one, round the end
        last = hand.items.get(key)
        assert last == seen[-1], key
        if key == "rfid":
            continue
        hand.press("o")
        hand.exit()
        if key == "min":
            continue  # 16 of 20, or refused: another test
        assert hand.stored(key) == last, key


def test_registers_of_five_digits_are_reached_by_holding_the_key():
    hand = Hand({"ev_meter": "Custom"})
    for key, top in (("em_u_register", 65530), ("em_e_register", 65534)):
        hand.go(key)
        hand.press("o")
        hand.press("<")
        assert hand.items.get(key) == top
        hand.press(">>>")
        assert hand.items.get(key) == 2
        hand.hold(">", 115)  # 5 or 6 s
        assert 40_000 <= hand.items.get(key) <= 50_000, hand.items.get(key)
        assert hand.items.get(key) % 100 == 0
        hand.hold("<", 74)
        assert hand.items.get(key) % 10 == 0
        hand.hold(">", 300)
        hand.press("o")
    hand.go("em_i_register")
    hand.press("o")
    hand.hold(">", 165)
    hand.hold("<", 3)
    hand.press("o")
    value = hand.items.get("em_i_register")
    assert value % 1000 == 996 or value == 65526, value
    hand.exit()
    assert hand.stored("em_i_register") == value


def test_a_held_key_stops_at_the_end_of_a_range_before_it_goes_round():
    hand = Hand({"ev_meter": "Custom", "em_p_register": 64_900})
    hand.go("em_p_register")
    hand.press("o")
    seen = []
    hand.hold(">", 100)
    for _ in range(4):
        hand.menu.key(buttons.REPEAT | buttons.RIGHT, hand.bench.now)
        seen.append(hand.items.get("em_p_register"))
    hand.hold(">", 0)
    assert all(0 <= value <= 65_534 for value in seen)
    hand = Hand(SMART)
    hand.go("mains")
    hand.press("o")
    hand.hold(">", 60)
    assert hand.items.get("mains") == 86  # one by one, however long it is held


def test_values_are_in_words_and_units():
    base = {"mode": "Solar", "mains_met": "Custom", "circt_met": "Custom", "ev_meter": "Custom",
            "cap_mode": "Fixed", "capacity": 30, "cap_stop": 15, "mains_adr": 247,
            "em_u_register": 4095, "em_i_divisor": -3, "em_function": 3, "lcd_pin": 42}
    hand = Hand(base)
    for key, words in (("mode", "Solar"), ("start", "-4 A"), ("stop", "10 min"),
                       ("import", "0 A"), ("mains_adr", "247 (F7)"), ("circt_adr", "13 (0D)"),
                       ("max_temp", "65 C"), ("capacity", "30 A"), ("cap_stop", "15 min"),
                       ("em_i_divisor", "10^-3"), ("em_p_divisor", "10^0"),
                       ("em_byte_order", "LBF & LWF"), ("em_i_register", "0 (00)"),
                       ("em_u_register", "4095 (FFF)"), ("lcd_pin", "0042"), ("mains", "25 A"),
                       ("em_function", "3:Holding"), ("contact_2", "Not present"),
                       ("mains_met", "Custom"), ("exit", "MENU")):
        at = hand.items.find(key) if key != "exit" else hand.items.count
        assert hand.items.words(at) == words, (key, hand.items.words(at))
    hand = Hand(with_(base, start=0, stop=0, capacity=0, em_p_register=65_530))
    for key, words in (("start", "0 A"), ("stop", "Disabled"), ("capacity", "Disabled"),
                       ("cap_stop", "15 min"), ("em_p_register", "65530 FFFA")):
        assert hand.items.words(hand.items.find(key)) == words, key
    hand.go("start")
    assert hand.shows("START", 2)
    assert hand.shows("0 A", 4)
    hand.go("em_p_register")  # as much as two sizes can show between the arrows
    hand.draw()
    other = canvas.Canvas()
    other.large("65530", 4, 19)
    other.small("FFFA", 19 + other.large_width("65530") + 4, 5)
    assert hand.part(hand.canvas, 4, 2, 9, 119) == hand.part(other, 4, 2, 9, 119)


def test_the_way_is_round_in_both_directions():
    hand = Hand()
    assert hand.key() == "mode"
    hand.press("<")
    assert hand.key() == "exit"
    hand.press(">")
    assert hand.key() == "mode"
    hand.press("o<")
    assert hand.items.get("mode") == "Normal"
    hand.press("o>o<")
    assert (hand.key(), hand.items.get("config")) == ("config", "Fixed")
    hand.press("<")
    assert hand.items.get("config") == "Socket"
    assert not hand.items.draft


def test_only_single_keys_act():
    hand = Hand()
    for event in (buttons.PRESS, buttons.PRESS | 5, buttons.PRESS | 3, buttons.BOTH | 5,
                  buttons.SHORT | 4, buttons.HELD | 4, buttons.HELD | 2, buttons.REPEAT | 2, 0):
        hand.menu.key(event, hand.bench.now)
        assert (hand.key(), hand.menu.editing) == ("mode", False), event
    hand.menu.key(buttons.REPEAT | buttons.RIGHT, hand.bench.now)
    assert hand.key() == "config"


def test_what_is_forbidden_is_skipped():
    hand = Hand(with_(SMART, cap_mode="Fixed"))
    hand.go("capacity")
    hand.press("o>")
    assert hand.items.get("capacity") == 10
    hand.press("<")
    assert hand.items.get("capacity") == 0
    hand.press("<")
    assert hand.items.get("capacity") == 600
    hand.press(">o")
    for key in ("ev_meter", "circt_met"):
        hand.go(key)
        hand.press("o>")
        assert hand.items.get(key) == "Phoenix C"
        hand.press("<<>o")
        assert hand.items.get(key) == "Disabled"
    assert not hand.items.draft
    node = Hand(NODE)
    for key, names in (("switch", ("Grid Relay",)), ("ev_meter", ("Orno 516", "Orno 517"))):
        node.go(key)
        node.press("o")
        seen = []
        for _ in range(25):
            node.press(">")
            seen.append(node.items.get(key))
        node.press("o")
        assert "Custom" in seen or "Custom B" in seen
        assert not [name for name in names if name in seen]


def test_the_pin_is_edited_digit_by_digit():
    hand = Hand({"lcd_pin": 907})
    hand.go("lcd_pin")
    assert not hand.menu.secret
    assert hand.shows("0907", 4)
    assert hand.menu.secret
    assert not bar(hand)
    hand.press("o")
    assert bar(hand) == (39, 49)
    hand.press("<")
    assert hand.items.get("lcd_pin") == 1907
    hand.press("><")
    assert bar(hand) == (52, 62)
    assert hand.items.get("lcd_pin") == 1007
    hand.press(">><")
    assert bar(hand) == (78, 88)
    assert hand.items.get("lcd_pin") == 1008
    hand.press(">")
    assert bar(hand) == (39, 49)
    hand.press("<" * 9)
    assert hand.items.get("lcd_pin") == 8
    hand.press(">>oo")
    assert bar(hand) == (39, 49)
    hand.press(">o")
    assert hand.shows("0008", 4)
    hand.exit()
    assert hand.stored("lcd_pin") == 8


def bar(hand):
    """(first, last) column of the bar under a digit, where it does not lie on the line."""
    hand.draw()
    found = [x for x, rows in enumerate(hand.canvas.page(6)) if rows & 0b11 == 0b11]
    return (found[0], found[-1]) if found else None


def test_what_vanishes_makes_room_for_the_nearest():
    hand = Hand(with_(SMART, mode="Solar"))
    hand.go("lock")
    hand.bench.command("set", ("config", "Fixed"), "LCD")  # somebody else, from afar
    hand.wait(1100)
    assert hand.key() == "config"
    hand.go("start")
    hand.bench.command("mode", "Smart")
    hand.press(">")
    assert hand.key() == "max"
    hand.go("mains")
    hand.press("o")
    hand.bench.command("set", ("mains_met", "Disabled"), "LCD")
    hand.wait(2000)
    assert hand.key() == "mains"  # what is being changed stays
    hand.press(">o")
    assert hand.key() == "max", hand.key()
    assert hand.menu.open


def test_what_hides_itself_stays_until_its_editing_ends():
    hand = Hand(NODE)
    hand.go("pwr_share")
    hand.press("o<<")
    assert (hand.key(), hand.items.get("pwr_share")) == ("pwr_share", "Disabled")
    hand.press("o")
    assert hand.key() == "lock"
    assert reaches(hand, "mains_met")


# ---- the end ----

def test_nothing_is_stored_without_exit():
    hand = Hand(SMART)
    before = hand.all_stored()
    hand.choose("mode", "Solar")
    hand.choose("max", 20)
    hand.choose("wifi", "Enabled")
    hand.go("stop")
    hand.wait(2 * MINUTE_MS - 2000)
    assert hand.menu.open
    assert hand.wait(3000)
    assert not hand.menu.open
    assert hand.all_stored() == before
    hand.enter()
    assert hand.items.get("max") == 13
    hand.press("o>")
    hand.menu.close(hand.bench.now)
    assert hand.all_stored() == before


def test_each_key_starts_the_two_minutes_again():
    hand = Hand()
    for _ in range(3):
        hand.wait(100_000)
        hand.press(">")
    hand.press("o")
    hand.wait(121_000)
    assert not hand.menu.open
    hand.enter()
    assert not hand.menu.editing


def test_exit_stores_and_nothing_else_happens():
    hand = Hand()
    changes = hand.bench.settings.changes
    hand.exit()
    assert not hand.menu.open
    assert hand.bench.settings.changes == changes
    hand.enter()
    hand.choose("led_mode", "Public")
    hand.bench.command("access", "Off")
    hand.exit()
    assert hand.stored("led_mode") == "Public"
    assert hand.bench.settings.changes == changes + 1
    assert hand.bench.status.access == 0  # only a mode that was changed is a command


def test_min_above_max_is_refused_in_words_and_nothing_is_stored():
    hand = Hand(with_(SMART, max=10))
    before = hand.all_stored()
    hand.choose("switch", "Access B")
    hand.choose("min", 12)
    hand.exit()
    assert hand.menu.open
    assert hand.key() == "min"
    assert not hand.menu.editing
    assert hand.all_stored() == before
    assert says(hand, "MIN is above MAX", "MIN", "12 A")
    hand.wait(20_000)
    assert says(hand, "MIN is above MAX", "MIN", "12 A")
    hand.press("o")
    assert hand.line("  ")
    assert not hand.shows("Not stored", 7, True)
    hand.press("<<<o")
    hand.exit()
    assert not hand.menu.open
    assert (hand.stored("min"), hand.stored("switch")) == (9, "Access B")


def says(hand, reason, label, value):
    """True when a refusal is shown beside the item it is about."""
    return (hand.line(reason) and hand.shows("Not stored", 7, True)
            and hand.shows(label, 2) and hand.shows(value, 4))


def test_min_and_max_are_stored_in_the_order_that_works():
    for first, last in (((6, 8), (14, 20)), ((14, 20), (6, 8)), ((6, 13), (13, 13)),
                        ((10, 10), (6, 6)), ((6, 6), (10, 10)), ((8, 16), (10, 12))):
        hand = Hand(with_(SMART, min=first[0], max=first[1]))
        hand.choose("min", last[0])
        hand.choose("max", last[1])
        hand.exit()
        assert not hand.menu.open, (first, last)
        assert (hand.stored("min"), hand.stored("max")) == last


def test_a_hidden_min_gives_way_to_max():
    hand = Hand({"min": 16, "max": 16})
    hand.choose("max", 10, "<")
    hand.exit()
    assert not hand.menu.open
    assert (hand.stored("min"), hand.stored("max")) == (10, 10)


def test_what_is_refused_on_the_way_takes_all_back():
    hand = Hand(SMART)
    before = hand.all_stored()
    asked = []
    real = hand.command

    def command(name, value, source):
        asked.append(value)
        if value == ("rcmon", "Enabled"):
            raise Refused("no sensor here", "rcmon")
        real(name, value, source)

    hand.command = command
    hand.enter()
    hand.choose("mains", 40)
    hand.choose("max", 20)
    hand.choose("rcmon", "Enabled")
    hand.choose("mode", "Smart")
    hand.exit()
    assert hand.menu.open
    assert hand.key() == "rcmon"
    assert hand.all_stored() == before
    assert asked == [("mains", 40), ("rcmon", "Enabled"), ("mains", 25)], asked
    hand.choose("rcmon", "Disabled")
    hand.exit()
    assert not hand.menu.open
    assert (hand.stored("mains"), hand.stored("max"), hand.stored("mode")) == (40, 20, "Smart")


def test_what_the_core_refuses_is_shown_in_its_words():
    reason = "the moon is not where it should be"

    def command(name, value, source):
        raise Refused(reason, "moon")

    hand = Hand(SMART, command=command)
    hand.choose("max", 20)
    hand.exit()
    assert hand.menu.open
    assert hand.key() == "exit"
    assert says(hand, reason[:20], "EXIT", "MENU")
    hand.wait(1000)
    assert says(hand, reason[1:21], "EXIT", "MENU")
    hand.wait(1500)
    assert says(hand, reason[6:], "EXIT", "MENU")
    hand.wait(2000)
    assert says(hand, reason[:20], "EXIT", "MENU")


def test_a_mode_that_was_changed_switches_nothing_on():
    hand = Hand(SMART)
    hand.bench.command("access", "Off")
    hand.choose("mode", "Solar")
    hand.exit()
    assert hand.stored("mode") == "Solar"
    assert hand.bench.status.access == 0


def test_a_mode_that_went_with_its_meter_comes_back_with_it():
    hand = Hand(with_(SMART, mode="Smart"))
    real = hand.command

    def command(name, value, source):
        if value[0] == "rcmon":
            raise OSError(28)
        real(name, value, source)

    hand.command = command
    hand.enter()
    before = hand.all_stored()
    hand.choose("mains_met", "Disabled")
    hand.choose("rcmon", "Enabled")
    try:
        hand.exit()
        raise AssertionError("nothing was raised")
    except OSError:
        pass
    assert hand.all_stored() == before and hand.stored("mode") == "Smart"


# ---- cards ----

def with_cards(settings=None, **keywords):
    hand = Hand(settings, **keywords)
    for ending in ("", ".new", ".old"):
        try:
            os.remove(CARDS + ending)
        except OSError:
            pass
    hand.bench.core.cards = Cards(CARDS)
    return hand


def test_learn_and_delete_act_while_they_are_selected():
    hand = with_cards({"rfid": "EnableAll"}, board=Board())
    bench = hand.bench
    hand.go("rfid")
    hand.press("o>")
    assert (hand.items.get("rfid"), hand.stored("rfid")) == ("EnableOne", "EnableAll")
    assert not hand.line("Ready to read card")
    hand.press(">")
    assert bench.core.rfid == LEARN
    assert hand.line("Ready to read card")
    assert hand.shows("Learn", 4)
    swipe(hand)
    assert bench.core.cards.find(ANNA)
    assert hand.line("Card stored")
    swipe(hand)
    assert hand.line("Card already stored!")
    hand.press(">")
    assert bench.core.rfid == DELETE
    swipe(hand)
    assert not bench.core.cards.find(ANNA)
    assert hand.line("Card deleted")
    hand.press("o")
    assert hand.items.get("rfid") == "EnableAll"
    assert not hand.items.draft
    hand.press("o>>o")
    assert bench.core.rfid == ENABLE_ALL
    assert not bench.core.settings.changed  # a power cut meanwhile would have changed nothing
    hand.press("o>>>>o")  # on to DeleteAll
    assert (hand.stored("rfid"), hand.items.get("rfid")) == ("EnableAll", "DeleteAll")


def swipe(hand):
    hand.wait(2500)
    hand.bench.board.rom = bytes.fromhex(ANNA) + b"\x00"
    hand.wait(1500)
    hand.bench.board.rom = None


def test_the_reader_goes_back_however_the_menu_is_left():
    hand = with_cards({"rfid": "EnableOne"})
    hand.go("rfid")
    hand.press("o>")
    assert hand.bench.core.rfid == LEARN
    hand.menu.close(hand.bench.now)
    assert hand.bench.core.rfid == ENABLE_ONE
    hand.enter()
    hand.go("rfid")
    hand.press("o<o")
    hand.press("o>>o")  # EnableAll had been chosen before the cards were learnt
    assert hand.items.get("rfid") == "EnableAll"
    hand.exit()
    assert hand.stored("rfid") == "EnableAll"


def test_the_menu_stays_while_cards_come_and_then_learns_no_more():
    hand = with_cards({"rfid": "EnableAll"}, board=Board())
    hand.go("rfid")
    hand.press("o>>")
    for _ in range(4):
        hand.wait(MINUTE_MS)
        swipe(hand)
    assert hand.menu.open and hand.bench.core.rfid == LEARN
    hand.wait(2 * MINUTE_MS + 2000)
    assert not hand.menu.open
    assert hand.bench.core.rfid == ENABLE_ALL


def test_all_cards_are_deleted_only_on_exit_and_only_when_nothing_charges():
    hand = with_cards(with_(SMART, config="Fixed"))
    bench = hand.bench
    cards_admin.add(bench.core.cards, ANNA)
    hand.choose("rfid", "DeleteAll", "<")
    hand.choose("max", 20)
    assert hand.stored("rfid") == "Disabled"
    assert bench.core.cards.find(ANNA)
    bench.command("mode", "Smart")
    bench.house = 0
    bench.charge()
    bench.command("override", 80)
    hand.choose("mode", "Solar")
    hand.exit()
    assert hand.menu.open
    assert hand.key() == "rfid"
    assert (hand.stored("mode"), bench.core.override_da) == ("Smart", 80)
    assert bench.core.cards.find(ANNA)
    assert hand.stored("max") == 13
    assert says(hand, "Not while charging", "RFID", "DeleteAll")
    bench.unplug()
    hand.exit()
    assert not hand.menu.open
    assert not bench.core.cards.find(ANNA)
    assert (hand.stored("max"), hand.stored("rfid")) == (20, "Disabled")


def test_cards_are_deleted_only_when_all_else_is_stored():
    hand = with_cards()
    cards_admin.add(hand.bench.core.cards, ANNA)
    real = hand.command

    def command(name, value, source):
        if value[0] == "max_temp":
            raise Refused("too hot", "max_temp")
        real(name, value, source)

    hand.command = command
    hand.enter()
    hand.choose("rfid", "DeleteAll", "<")
    hand.choose("max_temp", 70)
    hand.exit()
    assert hand.key() == "max_temp"
    assert hand.bench.core.cards.find(ANNA)


# ---- what is shown ----

def test_help_comes_after_five_seconds_and_any_key_brings_the_label_back():
    hand = Hand()
    hand.go("config")
    hand.wait(4500)
    assert hand.shows("CONFIG", 2)
    hand.wait(400)
    help_text = hand.texts.help("config")
    seen = []
    for _ in range(300):
        hand.draw()
        picture = b"".join(hand.part(hand.canvas, 2, 2, 0, 128))
        if not seen or seen[-1][0] != picture:
            seen.append([picture, 0])
        seen[-1][1] += 1
        hand.wait(100)
    other = canvas.Canvas()
    for offset, (picture, times) in enumerate(seen):
        if offset and picture == seen[0][0]:
            break
        other.large(help_text[offset:], 2, 2)
        assert picture == b"".join(hand.part(other, 2, 2, 0, 128)), offset
        assert times >= 2
    assert other.large_width(help_text[offset - 1:]) <= 126
    assert seen[0][1] in (9, 10, 11), seen[0][1]
    assert seen[1][1] in (3, 4)
    assert 19 <= seen[offset - 1][1] <= 21
    assert offset > 20
    hand.press(">")
    assert hand.shows("LOCK", 2)
    hand.press("o")
    hand.wait(8000)
    assert hand.shows("LOCK", 2)  # none while a value is changed


def test_arrows_are_where_the_keys_act():
    hand = Hand()
    for keys, with_arrows, without in (("", 2, 4), ("o", 4, 2), ("o", 2, 4)):
        hand.press(keys)
        hand.draw()
        for x in (0, 120):
            assert any(hand.part(hand.canvas, with_arrows, 1, x, x + 8)[0]), (keys, x)
            assert not any(hand.part(hand.canvas, without, 2, x, x + 8)[0]), (keys, x)


def test_the_top_line_tells_address_and_time():
    hand = Hand({"tz": "UTC0"}, clock_s=NOON_S)
    assert not hand.line("")
    hand.status.ip = "192.168.178.211"
    hand.bench.run(1000)
    assert hand.line("192.168.178.211")
    other = canvas.Canvas()
    other.small("12:00", 128, 0, canvas.RIGHT)
    assert hand.part(hand.canvas, 0, 1, 95, 128) == hand.part(other, 0, 1, 95, 128)
    hand.status.ip = ""
    assert Hand({"wifi": "Enabled"}).line("Not connected to WiFi")
    hand = Hand()
    hand.draw()
    other.blank()
    other.small("--:--", 128, 0, canvas.RIGHT)
    assert hand.part(hand.canvas, 0, 1, 0, 128) == hand.part(other, 0, 1, 0, 128)


def test_the_top_line_explains_contact_2():
    hand = Hand()
    hand.go("contact_2")
    assert not hand.line("Three-phase Charging")
    hand.press("o")
    for words in ("Three-phase Charging", "Single-phase Charging", "Solar 1P - Smart 3P",
                  "Three-phase Charging", "Auto 3P <> 1P Charging"):
        assert hand.line(words), words
        hand.press(">")


def test_the_top_line_says_why_there_is_only_normal():
    hand = Hand()
    hand.press("o")
    assert hand.line("Smart, Solar: MAINS MET")
    hand.press("o")
    assert not hand.line("Smart")
    hand.choose("mains_met", "API")
    hand.go("mode")
    hand.press("o")
    assert not hand.line("Smart")


def test_the_top_line_tells_of_the_boxes_wifi():
    hand = Hand({"mains_met": "Sensorbox", "sb2_wifi": "Enabled"})
    hand.go("sb2_wifi")
    hand.status.box = lambda: Box(0)
    assert hand.line("one moment please...")
    hand.status.box = lambda: Box(1, "10.0.0.7")
    assert hand.line("SB2: 10.0.0.7")
    hand.status.box = lambda: Box(1)
    assert hand.line("Not connected to WiFi")
    hand.press("o>")
    assert hand.line("Portal starts on EXIT")
    hand.bench.command("set", ("sb2_wifi", "SetupWifi"), "LCD")
    hand.menu.close(hand.bench.now)
    hand.enter()
    hand.go("sb2_wifi")
    hand.status.box = lambda: Box(2)
    assert hand.line("one moment please...")
    assert not hand.menu.secret
    hand.status.box = lambda: Box(2, password="0badcafe", portal=True)
    assert hand.line("Portal PW: 0badcafe")
    assert hand.menu.secret


def test_the_menu_stays_while_a_portal_is_wanted_or_open():
    hand = Hand({"mains_met": "Sensorbox"})
    hand.choose("wifi", "SetupWifi")
    assert hand.line("Portal starts on EXIT")
    hand.wait(3 * MINUTE_MS)
    assert hand.menu.open
    hand.press(">")
    hand.wait(121_000)
    assert not hand.menu.open
    hand.enter()
    hand.status.portal = ("SmartEVSE-1", "deadbeef", "192.168.4.1")
    hand.wait(3 * MINUTE_MS)
    assert hand.menu.open
    assert hand.line("Portal PW: deadbeef")
    assert hand.menu.secret
    hand.status.portal = None
    hand.draw()
    assert not hand.menu.secret
    hand.status.box = lambda: Box(2, portal=True)
    hand.wait(3 * MINUTE_MS)
    assert hand.menu.open
    hand.status.box = tuple
    hand.wait(121_000)
    assert not hand.menu.open


def test_the_bottom_line_tells_temperature_and_version():
    hand = Hand()
    hand.bench.core.temperature_dc = -120
    hand.draw()
    other = canvas.Canvas()
    other.small("-12°C", 0, 7)
    other.small("v4.0.0", 128, 7, canvas.RIGHT)
    assert hand.part(hand.canvas, 7, 1, 0, 128) == hand.part(other, 7, 1, 0, 128)
    for y in (10, 52):
        assert all(column >> y % 8 & 1 for column in hand.canvas.page(y // 8)), y


def test_no_text_runs_into_another_in_any_language():
    base = {"mode": "Solar", "mains_met": "Custom", "circt_met": "Custom", "ev_meter": "Custom",
            "cap_mode": "Fixed", "capacity": 600, "cap_stop": 60}
    for language in ("en", "nl", "de"):
        hand = Hand(base, language)
        items = hand.items
        for at in range(items.count + 1):
            wide(hand, items.label(at), 108)
            assert hand.texts.help(items.key(at)) not in ("", "?"), (language, items.key(at))
            if at == items.count:
                wide(hand, items.words(at), 108)
                continue
            setting = items.spec(at)
            key = setting[KEY]
            if setting[KIND] == "enum":
                values = setting[ALLOWED]
            else:
                values = (setting[ALLOWED][0], 0, 4095, 4096, 0xDDDD, setting[ALLOWED][1])
            for value in values:
                if type(value) is int and value not in range(setting[ALLOWED][0],
                                                             setting[ALLOWED][1] + 1):
                    continue
                items.draft[key] = value
                words = items.words(at)
                head, _, rest = words.partition(" ")
                assert (hand.canvas.large_width(words) <= 108 or rest
                        and hand.canvas.large_width(head) + 4 + hand.canvas.small_width(rest)
                        <= 108), (language, key, words)
                assert "?" not in words
            items.draft.pop(key)


def wide(hand, text, most):
    assert 0 < hand.canvas.large_width(text) <= most, text


# ---- anything at all ----

class Dice:
    """Numbers that look random and are the same each time."""

    def __init__(self, seed):
        self._seed = seed

    def __call__(self, below):
        self._seed = (self._seed * 1_103_515_245 + 12_345) & 0x7FFFFFFF
        return (self._seed >> 8) % below


def test_two_thousand_keys_change_nothing_without_exit():
    for seed in range(4):
        dice = Dice(seed)
        hand = with_cards(with_(SMART, mode="Solar", ev_meter="Custom") if seed & 1 else {})
        before = hand.all_stored()
        edits = 0
        for _ in range(2000):
            event = (1 << dice(8)) | (1 << dice(3)) | (dice(8) if dice(20) == 0 else 0)
            if hand.key() == "exit" and event & 7 == 2 and event & buttons.PRESS:
                continue
            hand.menu.key(event, hand.bench.now)
            hand.bench.now = ticks.add(hand.bench.now, dice(6000) if dice(10) == 0 else 10)
            hand.menu.tick(hand.bench.now)
            edits += hand.menu.editing
            if dice(8) == 0:
                hand.draw()
            assert hand.menu.open
        assert edits > 200
        hand.menu.close(hand.bench.now)
        assert hand.all_stored() == before, seed


def test_any_order_of_keys_can_be_stored():
    for seed in range(60):
        dice = Dice(seed)
        hand = with_cards(with_(SMART, mode="Solar", ev_meter="Custom") if seed & 1 else {})
        for _ in range(150):
            if hand.key() == "exit" and dice(3):
                hand.press("<")
                continue
            hand.press("<o>"[dice(3)])
            if not hand.menu.open:
                assert not hand.menu.open
                hand.enter()
        if hand.menu.editing:
            hand.press("o")
        expected = {key: hand.items.get(key) for key in hand.items.draft}
        hand.exit()
        if hand.menu.open:
            assert hand.key() == "min", hand.key()
            continue
        for key, value in expected.items():
            if (key, value) != ("rfid", "DeleteAll") and key != "min":
                assert hand.stored(key) == value, (seed, key, value)
        hand.bench.run(1000)


def test_memory_stays_as_it_is():
    hand = Hand(SMART)

    def use(times):
        for _ in range(times):
            hand.enter()
            for key in ">>o>o<o<o>>>>>o><<o":
                hand.menu.key(buttons.PRESS | KEYS[key], hand.bench.now)
            hand.draw()
            hand.menu.tick(hand.bench.now)
            hand.menu.close(hand.bench.now)
        hand.menu = hand.items = None
        gc.collect()
        gc.collect()
        return gc.mem_alloc()

    use(5)
    before = use(5)
    assert use(100) <= before + 64
    assert "evse.panel.menu" not in sys.modules
    assert "evse.panel.menu_items" not in sys.modules
