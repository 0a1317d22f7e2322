"""The door in: what each command takes from whom, and that a refused one changes nothing."""

import os

from evse import cards_admin, reasons
from evse.cards import Cards
from evse.charging import faults
from evse.power import readings as sources
from evse.settings import LEVEL, TABLE, Refused
from helpers_core import NOON_S, REMOTE, SOURCES, Bench, refused

PATH = "/tmp/microevse_commands_test.csv"
ANNA = "04A1B2C3D4E5F6"
BERT = "A1B2C3D4E5F6"
ALL = {"max": 16, "mains_met": "API", "ev_meter": "API", "contact_2": "Auto", "tz": "UTC0",
       "modem": "Experimental", "rfid": "EnableAll", "trust_lan": "Enabled"}

# Commands of level drive, and of level install, with values that are right.
DRIVE = (
    ("mode", ("Off", "normal", "SMART", "Pause", 0, 1, 3, 4, "0", "1", "3", "4")),
    ("access", ("Off", "On", "Pause")),
    ("override", (0, 60, 61, 160)),
    ("phases", (1, 3)),
    ("reading", (("mains", 1, 2, 3), ["ev", -1, 0, 9999], ("ev", 1, 2, 3, 230, 1),
                 ("ev", None, None, None, 2300, 4_000_000_000), ("mains", 1, 2, 3, None, 7))),
    ("timer", (None, ("Normal", 0, 0, 0), ("Smart", "", "", 0),
               (3, NOON_S + 99, NOON_S + 999, 1),
               ["Normal", "2026-09-22T13:00", "2026-09-23T13:00", True])),
    ("set", (("contact_2", "solar off"), ("contact_2", "Auto"), ("mode", "Smart"),
             ["mode", "normal"])),
)
INSTALL = (
    ("fault", ("reset",)),
    ("pwm", (-1, 0, 51, 1024)),
    ("ev_state", ({}, {"current_soc": 0}, {"current_soc": 20, "evccid": "x", "full_soc": 100})),
    ("custom", (True, False)),
    ("order", ((), (3, 0), [7, 6, 5, 4, 3, 2, 1, 0])),
    ("colour", (("off", 0, 0, 0), ["custom", 255, 255, 255])),
    ("swipe", (ANNA, "a1b2c3d4e5f6")),
    ("cards", (("add", ANNA), ["add", BERT, "Bert"], ("remove", BERT), ("load", [ANNA + ",Anna"]),
               ("clear",))),
    ("set", (("min", 7), ("max", "20"), ("trust_lan", "enabled"), ("tz", "UTC0"),
             ("static_ip", "192.168.1.50/24 192.168.1.1"), ("static_ip", ""),
             ("wifi_password", "12345678"), ("wifi_password", ""))),
)
WRONG = (
    ("mode", ("Turbo", 5, -1, 1.0, True, "", ("Normal",))),
    ("access", ("off", "ON", 0, 1, True, "")),
    ("override", (59, 161, -60, "60", 60.0, True, 1 << 40)),
    ("phases", (0, 2, "1", True, 1.0, 3.0)),
    ("fault", ("ignore", True, 1, "")),
    ("reading", ((), ("mains", 1, 2), ("mains", 1, 2, 3, 4, 5, 6, 7), ("moon", 1, 2, 3),
                 ("mains", 1, 2, "3"), ("mains", 1, 2, 10_000), ("mains", 1, -10_000, 3),
                 ("mains", 1, 2.0, 3), ("mains", True, 2, 3), ("mains", None, None, None),
                 ("ev", 1, None, 3, 5, 5), ("ev", 1, 2, 3, "x"), ("ev", 1, 2, 3, 5.5),
                 ("ev", 1, 2, 3, 5, "x"), ("ev", 1, 2, 3, 1 << 40),
                 ("ev", 1, 2, 3, 5, 1 << 60), ("ev", 1, 2, 3, True, 5), (["ev"], 1, 2, 3),
                 "evse", {"ev": 1, "a": 2, "b": 3, "c": 4})),
    ("battery", (None, "100", 1.5, True, 10_000, -10_000, ("mains", 1), 1 << 40)),
    ("intervals", (None, 5, "x", {}, (5,), ((0, 100), (0, 200)), ((60, 100), (0, 100)),
                   ((1440, 100),), ((-1, 100),), ((0, -1),), ((0, 32_001),), ((0, 1, 2),),
                   ((0, "x"),), ((True, 5),), tuple((n, 5) for n in range(25)))),
    ("order", (None, 5, "0", {}, (8,), (-1,), (1, 1), (True,), ("1",), (1.0,), tuple(range(9)))),
    ("timer", ("", 0, (), ("Normal", NOON_S + 99), ("Off", NOON_S + 99, 0, 0),
               ("Pause", NOON_S + 99, 0, 0),
               ("Turbo", NOON_S + 99, 0, 0), ("Normal", "soon", 0, 0),
               ("Normal", NOON_S + 99, "late", 0), ("Normal", NOON_S + 99, NOON_S + 99, 0),
               ("Normal", NOON_S + 999, NOON_S + 99, 0), ("Normal", NOON_S + 99, 0, 1),
               ("Normal", NOON_S + 60, NOON_S + 86400 + 120, 1), ("Normal", 1 << 33, 0, 0),
               ("Normal", None, 0, 0), ("Normal", 1.8e9, 0, 0), ("Normal", [], 0, 0),
               (None, NOON_S + 99, 0, 0))),
    ("clock", (NOON_S,)),  # it is known
    ("pwm", (-2, 1025, "51", 51.0, True, None)),
    ("ev_state", (None, 5, "x", [], {"current_soc": 101}, {"full_soc": "x"},
                  {"evccid": "x" * 33}, {"evccid": 5}, {"energy_request": -2})),
    ("custom", (0, 1, "true", None)),
    ("colour", ((), ("off", 1, 2), ("pink", 1, 2, 3), ("off", 1, 2, 256), ("off", -1, 2, 3),
                ("off", 1, 2, "3"), ("off", 1, 2, 3.0), ("off", True, 2, 3), (["off"], 1, 2, 3),
                "offf", None)),
    ("swipe", ("", "04A1", "0" * 12, "F" * 14, "G" * 12, ANNA + "0", None, 5, b"A1B2C3D4E5F6")),
    ("password", (None, 5, True, b"x", ("x",), "x" * 101)),
    ("cards", ((), None, "add", ("drop", ANNA), ("add",), ("add", "x"), ("add", ANNA, "a,b"),
               ("add", ANNA, 5), ("add", ANNA, "x" * 21), ("add", ANNA, "x", 1), ("remove",),
               ("remove", 5), ("clear", 1), ("load",), ("load", 5), ("load", ["x"]),
               ("load", [BERT, BERT]), ("load", BERT), (["add"], ANNA), ("__init__",))),
    ("set", (None, 5, (), "ab", "abc", ("max",), ("max", 16, 1), ("nonsense", 1), ("max", 5),
             ("max", 81), ("max", "x"), ("max", None), ("max", 16.0), ("max", True), ("min", 17),
             ("mode", "Turbo"), ("capacity", 9), ("contact_2", "Sometimes"), ("contact_2", 1),
             ("static_ip", "192.168.1.50"), ("static_ip", "1.2.3.4/24 1.2.4.1"),
             ("wifi_password", "1234567"), ("wifi_password", "x" * 65),
             ("tz", "nowhere"), ("tz", 5), ("tz", ""), ("tz", None), (None, 1), (["max"], 16),
             (("a", "b"), 1), ({}, 1), ("wifi_ssid", "x" * 33), ("wifi_ssid", 5),
             ("trust_lan", True))),
)
GARBAGE = (None, True, False, -1, 0, 1, 3.5, 1e300, 1 << 70, "", "x", "\x00", b"", b"reset", (),
           [], {}, (1,), ("a",) * 4, [[]] * 4, (None,) * 4, {"name": 1}, (("a", "b"), "c"),
           object(), len, Exception, range(4), iter(()))


def bench(settings=None, clock_s=NOON_S):
    """A bench whose cards are ANNA alone, with all that commands need."""
    for ending in ("", ".new", ".old"):
        try:
            os.remove(PATH + ending)
        except OSError:
            pass
    one = Bench(ALL if settings is None else settings, clock_s=clock_s)
    one.core.cards = Cards(PATH)
    cards_admin.add(one.core.cards, ANNA, "Anna")
    one.run(1000)
    return one


def facts(one):
    """All that a command may change."""
    core = one.core
    charger = core.charger
    contactors = charger.contactors
    found = {"states": dict(one.settings.states), "changed": one.settings.changed,
             "fresh": list(one.settings.fresh), "override": core.override_da,
             "access": (core.access.state, core.access.by, core.access.card, charger.access),
             "timer": core.timer and (core.timer.state(), core.timer.pending),
             "palette": list(core.palette), "custom": core.custom, "relay": core.relay_open,
             "rfid": (core.rfid, core.rfid_status), "clock": core.new_clock_s,
             "phases": (contactors.auto, contactors.option, contactors.mode),
             "pwm": charger.pwm, "faults": charger.faults, "grant": charger.grant_da,
             "modem": charger.modem and charger.modem.__dict__.copy(),
             "readings": list(core.readings.count), "amps": [list(a) for a in core.readings.amps],
             "power": (core.mains_w, core.mains_wh, core.ev_w, core.ev_wh),
             "journal": one.journal.count, "limits": (charger.min_da, charger.max_da),
             "cards": list(cards_admin.export(core.cards)),
             "files": sorted([n for n in os.listdir("/tmp") if n.startswith("microevse_comm")])}
    for setting in TABLE:
        found[setting[0]] = one.settings.get(setting[0])
    return found


def same(before, after, what):
    for key in before:
        assert before[key] == after[key], "%s changed %s: %r to %r" % (
            what, key, before[key], after[key])


def test_what_a_driver_may_do_everybody_may():
    for source in SOURCES:
        one = bench(dict(ALL, trust_lan="Disabled"))
        for name, values in DRIVE:
            for value in values:
                if name == "phases":
                    one.command("set", ("contact_2", "Auto"))
                one.command(name, value, source)
        one.run(2000)


def test_what_an_installer_may_do_needs_trust_from_afar():
    for source in SOURCES:
        for trust in ("Disabled", "Enabled"):
            for name, values in INSTALL:
                for value in values:
                    one = bench(dict(ALL, trust_lan=trust))
                    if source in REMOTE and trust == "Disabled":
                        before = facts(one)
                        refused(one, name, value, source)
                        same(before, facts(one), "%s %r from %s" % (name, value, source))
                    else:
                        one.command(name, value, source)


def test_trust_does_not_give_away_the_password():
    for source in SOURCES + ("PIN", "installer", "portal"):
        for trust in ("Disabled", "Enabled"):
            one = bench(dict(ALL, trust_lan=trust))
            before = facts(one)
            if source in ("LCD", "installer", "portal"):
                one.command("password", "1000$salt$hash", source)
                assert one.settings.states["auth"] == "1000$salt$hash"
                assert one.settings.fresh == ["auth"]
                assert one.journal.count == before["journal"] + 1
            else:
                refused(one, "password", "1000$salt$hash", source)
                same(before, facts(one), "password from " + source)


def test_each_setting_keeps_to_its_level():
    one = bench(dict(ALL, trust_lan="Disabled"))
    for setting in TABLE:
        key = setting[0]
        value = one.settings.get(key)
        if setting[LEVEL] == "install":
            for source in REMOTE:
                refused(one, "set", (key, value), source)
        else:
            one.command("set", (key, value), "REST")
        one.command("set", (key, value), "LCD")


def test_wrong_values_are_refused_with_a_sentence_and_change_nothing():
    one = bench()
    one.command("timer", ("Smart", NOON_S + 500, NOON_S + 900, 1))
    before = facts(one)
    for name, values in WRONG:
        for value in values:
            for source in ("REST", "LCD"):
                refusal = refused(one, name, value, source)
                assert len(refusal.reason) > 5, (name, value)
                assert type(refusal.field) is str, (name, value)
                same(before, facts(one), "%s %r" % (name, value))


class Panel:
    """A display that takes note."""

    lit_s = pressed = 0
    level = 90

    def __init__(self):
        self.pressed = []

    def screen(self):
        return b"x"

    def press(self, bit, down):
        self.pressed.append((bit, down))

    def light(self, count):
        self.pressed.append(count)


def test_buttons_are_for_the_installer_and_who_has_given_the_pin():
    one = bench(dict(ALL, trust_lan="Disabled"))
    one.core.panel = panel = Panel()
    for source in REMOTE:
        refused(one, "button", ("left", True), source)
        refused(one, "backlight", 1, source)
    assert panel.pressed == []
    for source in ("LCD", "installer", "PIN"):
        for number, name in enumerate(("left", "middle", "right")):
            for down in (True, False):
                one.command("button", (name, down), source)
                assert panel.pressed.pop() == (1 << number, down)
    one = bench(ALL)
    one.core.panel = panel = Panel()
    one.command("button", ["middle", True], "REST")
    one.command("backlight", 2, "REST")
    one.command("backlight", 0, "REST")
    assert panel.pressed == [(2, True), 2, 0]


def test_the_pin_opens_nothing_but_the_buttons():
    one = bench(dict(ALL, trust_lan="Disabled"))
    one.core.panel = Panel()
    for name, values in INSTALL:
        for value in values:
            refused(one, name, value, "PIN")
    refused(one, "backlight", 1, "PIN")


def test_wrong_buttons():
    one = bench(ALL)
    refused(one, "button", ("left", True), "LCD")  # there is none
    refused(one, "backlight", 1, "LCD")
    one.core.panel = panel = Panel()
    panel.screen = lambda: None
    refused(one, "button", ("left", True), "LCD")
    one.core.panel = panel = Panel()
    for value in (None, (), "left", ("left",), ("left", 1), ("left", True, 1), ("up", True),
                  (1, True), (["left"], True), (None, False), ("Left", True)):
        assert refused(one, "button", value, "LCD").field == "button", value
    for value in (None, -1, 721, "1", True, 1.5):
        assert refused(one, "backlight", value, "LCD").allowed == [0, 720], value
    assert panel.pressed == []


def test_locked_buttons_can_be_released_only():
    one = bench(dict(ALL, lcd_lock="Enabled"))
    one.core.panel = panel = Panel()
    for source in ("LCD", "REST", "PIN"):
        assert refused(one, "button", ("left", True), source).field == "lcd_lock"
        one.command("button", ("left", False), source)
    assert panel.pressed == [(1, False)] * 3


def test_the_home_battery_is_told_for_a_minute():
    one = bench()
    one.command("battery", -35)
    assert one.core.readings.amps[sources.BATTERY][0] == -35
    one.run(59_000)
    assert one.core.readings.fresh(sources.BATTERY, one.now)
    one.run(2000)
    assert not one.core.readings.fresh(sources.BATTERY, one.now)
    one.run(1500)
    assert [text for _, _, text, _, _ in one.status.events()
            if text == "home battery value expired"]


def test_intervals_are_kept_and_act():
    one = bench()
    one.command("intervals", [[0, 5000], [420, 2500]], "LCD")
    assert one.core.settings.states["intervals"] == ((0, 5000), (420, 2500))
    one.command("set", ("cap_mode", "Interval"), "LCD")
    assert one.core.capacity.intervals == ((0, 5000), (420, 2500))
    one.command("intervals", [], "LCD")
    assert one.core.capacity.intervals == ()


def test_solar_needs_a_mains_meter_or_a_master():
    one = Bench({"mains_met": "Disabled"})
    for mode in ("Smart", "Solar", 2, "3"):
        assert "mains meter" in refused(one, "mode", mode, "REST").reason
    one.command("set", ("pwr_share", "Node 2"), "LCD")
    one.command("mode", "Solar")
    assert one.status.mode == "Solar"


def test_garbage_is_refused_or_harmless():
    one = bench()
    names = [name for name, _ in WRONG] + ["", "__init__", "nonsense", None, 5, ["mode"], b"mode"]
    for name in names:
        for value in GARBAGE:
            before = facts(one)
            try:
                one.core.command(name, value, "REST")
            except Refused:
                same(before, facts(one), "%s %r" % (name, value))
        one.run(1000)
    assert one.status.rfid_status in range(8)


def test_the_sender_of_a_mode_is_known():
    for source, by in (("switch", "at the switch"), ("REST", "stopped by command")):
        one = bench()
        one.command("mode", "Off", source)
        assert [text for _, _, text, a, _ in one.status.events() if text == by]


def test_a_mode_number_is_the_one_clients_know():
    for value, mode, access in ((0, "Normal", 0), (1, "Normal", 1), (3, "Smart", 1),
                                (4, "Smart", 2), ("1", "Normal", 1), ("pause", "Normal", 2)):
        one = bench()
        if value == 4:
            one.command("mode", "Smart")
        one.command("mode", value)
        assert (one.settings.get("mode"), one.core.access.state) == (mode, access), value


def test_a_mode_by_the_setting_ends_override_and_timer_and_switches_nothing_on_or_off():
    for access, state in (("Off", 0), ("On", 1), ("Pause", 2)):
        one = bench()
        one.command("override", 80)
        one.command("timer", ("Normal", NOON_S + 500, 0, 0))
        one.command("access", access)
        one.command("set", ("mode", "Smart"))
        assert one.core.timer is None
        assert (one.core.override_da, one.core.access.state) == (0, state)
        assert one.status.setting("mode") == "Smart"


def test_readings_need_a_meter_that_is_fed_over_the_network():
    one = bench(dict(ALL, mains_met="ABB", ev_meter="Disabled"))
    for source in SOURCES:
        for name, key in (("mains", "mains_met"), ("ev", "ev_meter")):
            if source == "bus":
                one.command("reading", (name, 1, 2, 3), source)
            else:
                assert refused(one, "reading", (name, 1, 2, 3), source).field == key


def test_energy_alone_leaves_the_currents_and_their_age():
    one = bench()
    one.command("reading", ("ev", 50, 60, 70, 4000, 1000))
    one.run(3000)
    one.command("reading", ("ev", None, None, None, 4100, 1001))
    status = one.status
    assert [status.ev_da(phase) for phase in range(3)] == [50, 60, 70]
    assert (status.ev_w, status.ev_wh) == (4100, 1001)
    assert status.ev_age_ms >= 3000


def test_a_reading_is_used_for_eleven_seconds():
    one = bench()
    one.command("reading", ("mains", 1, 2, 3))
    one.run(10990)
    assert one.status.mains_fresh
    one.run(20)
    assert not one.status.mains_fresh


def test_the_clock_is_taken_once_and_only_while_unknown():
    one = bench(clock_s=0)
    for value in (0, -1, 1_749_999_999, 4_000_000_000, "x", None, True, 1.8e9):
        refused(one, "clock", value)
    one.command("clock", NOON_S, "REST")
    one.run(1000)
    assert one.status.clock_s >= NOON_S
    refused(one, "clock", NOON_S + 3600, "LCD")


def test_pwm_and_ev_state_need_a_modem():
    one = bench(dict(ALL, modem="Not present"))
    for name, value in (("pwm", 51), ("ev_state", {"current_soc": 20})):
        assert "modem" in refused(one, name, value, "LCD").reason
    one.command("set", ("modem", "Experimental"))
    one.command("ev_state", {"current_soc": 20, "evccid": "me"})
    state = one.status.ev_state()
    assert (state["initial_soc"], state["evccid"]) == (20, "me")


def test_a_duty_set_by_hand_goes_with_the_modem():
    one = bench()
    one.command("pwm", 0)
    one.command("set", ("modem", "Not present"))
    one.command("set", ("modem", "Experimental"))
    assert one.core.charger.pwm == -1


def test_phases_are_for_the_automatic():
    one = bench(dict(ALL, contact_2="Always On"))
    assert refused(one, "phases", 1).field == "phases"
    one.command("set", ("contact_2", "Auto"))
    one.command("phases", 1)
    assert one.core.charger.contactors.auto == 1


def test_colours_land_in_their_place():
    one = bench()
    for place, name in enumerate(("off", "normal", "smart", "solar", "custom")):
        one.command("colour", (name, place, 2, 255))
        assert one.status.palette[place] == place << 16 | 0x02FF


def test_cards_are_changed_only_while_nothing_charges():
    one = bench(dict(ALL, modem="Not present"))
    one.charge()
    before = facts(one)
    for value in (("add", BERT), ("remove", ANNA), ("clear",), ("load", [])):
        assert "charges" in refused(one, "cards", value, "LCD").reason
        same(before, facts(one), value)
    refused(one, "set", ("rfid", "DeleteAll"), "LCD")
    same(before, facts(one), "DeleteAll")
    for mode in ("Learn", "Delete"):
        one.command("set", ("rfid", mode), "LCD")
        before = facts(one)
        refused(one, "swipe", BERT)
        same(before, facts(one), mode)
        assert one.core.charger.c1


def test_learn_and_delete_by_swiping_and_delete_all_by_the_setting():
    one = bench()
    one.command("set", ("rfid", "Learn"))
    for card, status in ((BERT, 2), (BERT, 4)):
        one.command("swipe", card)
        assert (one.status.rfid_status, one.status.rfid_last) == (status, card)
    assert list(one.status.cards_csv()) == [ANNA + ",Anna", BERT]
    one.command("set", ("rfid", "Delete"))
    for card, status in ((ANNA, 3), (ANNA, 5)):
        one.command("swipe", card)
        assert one.status.rfid_status == status
    assert list(one.status.cards_csv()) == [BERT]
    one.command("set", ("rfid", "DeleteAll"))
    assert list(one.status.cards_csv()) == []
    assert one.settings.get("rfid") == "Disabled"
    refused(one, "swipe", BERT, "card")


def test_cards_that_cannot_be_written_or_read_are_refused():
    one = bench()
    one.core.cards.path = "/tmp/no such folder/cards.csv"
    before = facts(one)
    for value in (("add", BERT), ("load", [BERT]), ("clear",)):
        assert "written" in refused(one, "cards", value).reason
    refused(one, "set", ("rfid", "DeleteAll"))
    same(before, facts(one), "cards")
    one.core.cards.name = "/tmp/no such folder/cards.csv"
    assert "read" in refused(one, "swipe", ANNA).reason


def test_a_list_of_cards_leaves_a_status_clients_know():
    one = bench()
    for value in (("load", [BERT]), ("clear",), ("add", ANNA)):
        one.command("cards", value)
        assert one.status.rfid_status in range(8), value


def test_an_override_below_a_new_min_does_not_keep_the_car_waiting():
    one = bench(dict(ALL, rfid="Disabled", modem="Not present"))
    one.command("override", 60)
    one.command("set", ("min", 10))
    one.charge()
    one.run(3000)
    assert one.core.charger.offered_da >= 100


def test_a_reset_is_refused_while_a_residual_current_is_there():
    one = bench(dict(ALL, rcmon="Enabled"))
    one.run(1000)
    one.rcm = True
    one.run(1000)
    before = facts(one)
    for source in SOURCES:
        refused(one, "fault", "reset", source)
    same(before, facts(one), "reset")
    one.rcm = False
    one.run(1000)
    one.command("fault", "reset", "switch")
    assert not one.core.charger.faults & faults.RCM_TRIPPED


# ---- the board ----


def test_nothing_charges_while_an_update_is_written():
    one = Bench(ALL)
    for wrong in (True, None, "", "end", 1):
        assert refused(one, "update", wrong, "LCD").field == "update"
    one.settings.set("trust_lan", "Disabled")
    for source in REMOTE:
        assert refused(one, "update", "begin", source).field == "update"
    assert not one.core.charger.faults & faults.UPDATE
    for end, code, confirmed in (("written", reasons.UPDATE_WRITTEN, 0),
                                 ("confirmed", reasons.UPDATE_WRITTEN, 1),
                                 ("failed", reasons.UPDATE_FAILED, 0)):
        one.command("update", "begin", "installer")
        assert one.core.charger.faults & faults.BLOCKING == faults.UPDATE
        one.command("update", end, "update")  # whatever has become of the rights meanwhile
        assert not one.core.charger.faults & faults.UPDATE
        assert (code, confirmed, 0) in [event[2:] for event in one.core.journal.events()]
    one.core.charger.c1 = True
    assert "charges" in refused(one, "update", "begin", "installer").reason
    assert not one.core.charger.faults & faults.UPDATE


def test_a_restart_is_the_installers_and_is_only_noted():
    one = bench(dict(ALL, trust_lan="Disabled"))
    for source in ("REST", "MQTT", "bus"):
        assert refused(one, "restart", None, source).field == "restart"
    assert not one.core.restart
    for source in ("LCD", "installer", "portal"):
        one.core.restart = False
        one.command("restart", None, source)
        assert one.core.restart  # who has the board restarts it once nothing is closed


def test_erasing_takes_all_but_the_wear_of_the_contactors():
    one = bench(dict(ALL, trust_lan="Disabled"))
    one.settings.set("max", 20)
    one.settings.remember("wear", (7, 8))
    one.settings.remember("auth", "1$2$3")
    one.command("cards", ("add", ANNA), "LCD")
    for source, value in (("REST", "settings"), ("MQTT", "settings"), ("installer", "all")):
        assert refused(one, "erase", value, source).field == "erase"
    assert one.settings.get("max") == 20 and one.core.cards.find(ANNA)
    one.command("erase", "settings", "installer")
    assert one.settings.untouched() and one.core.restart
    assert one.settings.states["wear"] == (7, 8) and not one.settings.states["auth"]
    assert not one.core.cards.find(ANNA)


def test_nothing_is_erased_while_the_car_charges():
    one = bench(dict(ALL, modem="Not present", rfid="Disabled"))
    one.charge()
    assert "charges" in refused(one, "erase", "settings", "LCD").reason
    assert not one.settings.untouched() and not one.core.restart


def test_locked_means_the_password_for_whoever_comes_over_rest():
    one = bench(dict(ALL, trust_lan="Disabled", drive_locked="Enabled"))
    assert refused(one, "mode", "Smart", "REST").field == "drive_locked"
    for source in ("installer", "portal", "LCD", "MQTT", "card"):
        one.command("mode", "Smart", source)
    one.settings.set("trust_lan", "Enabled")
    one.command("mode", "Smart", "REST")


def test_the_time_server_may_put_the_clock_right():
    one = bench()
    one.clock_s = NOON_S
    one.run(1000)
    assert refused(one, "clock", NOON_S + 60, "REST").field == "clock"
    one.command("clock", NOON_S + 60, "NTP")
    assert one.core.new_clock_s == NOON_S + 60
