"""What a person meets: switch, cards, lock and light, with a core behind."""

import os

from evse import cards_admin, reasons
from evse.cards import Cards
from evse.charging import faults
from evse.charging.states import STATE_B, STATE_B1, STATE_C
from helpers_core import FULL, Bench, Board

PATH = "/tmp/microevse_front_test.csv"
ANNA = "04A1B2C3D4E5F6"
BERT = "04FFEEDDCCBBAA"
RELEASE, LOCK = -1, 1
LEVELS = ((1, "Solenoid"), (2, "Motor"))


def bench(settings=None, **keywords):
    """A charger with a front; config Fixed unless said otherwise."""
    values = {"max": 16, "config": "Fixed"}
    values.update(settings or {})
    one = Bench(values, board=Board(), **keywords)
    one.board.kind = one.settings.index("lock")
    for ending in ("", ".new", ".old"):
        try:
            os.remove(PATH + ending)
        except OSError:
            pass
    one.core.cards = Cards(PATH)
    cards_admin.add(one.core.cards, ANNA, "Anna")
    return one


def press(one, ms=300):
    one.run(300)
    one.board.pressed = True
    one.run(ms)
    one.board.pressed = False
    one.run(300)


def hold(one, card, ms=2500):
    """Hold a card, by its digits, in the field for ``ms``; then take it away for as long."""
    one.board.rom = bytes.fromhex(card) + b"\x00"
    one.run(ms)
    one.board.rom = None
    one.run(2500)


# ---- switch ----

def test_a_switch_that_is_disabled_still_stops_and_pauses_15_s():
    one = bench()
    one.obedient = True
    press(one)
    one.charge()
    press(one)
    one.run(1000)
    assert not one.core.charger.c1
    assert one.core.session.active
    one.run(12000)
    assert one.core.charger.state == STATE_B1
    one.until(lambda: one.core.charger.c1, 10000)
    assert one.core.access.state == 1


def test_access_by_a_button_toggles():
    one = bench({"switch": "Access B"})
    for state in (0, 1, 0, 1):
        press(one)
        assert one.core.access.state == state
        assert one.core.access.by == reasons.SWITCH
        assert one.settings.states["access"] == state


def test_access_by_a_toggle_follows_its_position_from_the_start():
    one = bench({"switch": "Access S"})
    one.run(500)
    assert one.core.access.state == 0
    one.board.pressed = True
    one.run(500)
    assert one.core.access.state == 1
    again = bench({"switch": "Access S"}, saved=one.saved())
    again.run(500)
    assert again.core.access.state == 0  # it was moved while the power was off


def test_a_bounce_or_a_glitch_is_nothing():
    one = bench({"switch": "Access B"})
    for _ in range(20):
        one.board.pressed = True
        one.run(60)
        one.board.pressed = False
        one.run(60)
    assert one.core.access.state == 1


def test_a_button_switches_between_smart_and_solar_and_held_it_stops():
    one = bench({"switch": "Sma-Sol B", "mains_met": "API", "mode": "Smart"})
    one.command("timer", None)
    press(one)
    assert one.status.mode == "Solar"
    press(one)
    assert one.status.mode == "Smart"
    one.house = 20
    one.obedient = True
    one.charge()
    one.board.pressed = True
    one.run(1000)
    assert one.core.charger.c1
    one.run(1500)
    assert not one.core.charger.c1  # held for 1.5 s: stop
    one.board.pressed = False
    one.run(1000)
    assert one.status.mode == "Smart"


def test_an_open_relay_limits_and_a_closed_one_does_not():
    one = bench({"switch": "Grid Relay"})
    one.run(500)
    assert one.core.relay_open
    one.charge()
    one.run(5000)
    assert one.core.charger.offered_da == 60
    one.board.pressed = True
    one.run(12000)
    assert one.core.charger.offered_da == 160
    one.board.pressed = False
    one.run(3000)
    assert one.core.charger.offered_da == 60
    one.command("set", ("switch", "Disabled"), "LCD")
    one.run(12000)
    assert one.core.charger.offered_da == 160  # another function: no relay any more


def test_the_custom_flag_by_button_and_by_toggle():
    one = bench({"switch": "Custom B"})
    for flag in (True, False, True):
        press(one)
        assert one.core.custom is flag
    one = bench({"switch": "Custom S"})
    one.board.pressed = True
    one.run(300)
    assert one.core.custom is True
    one.board.pressed = False
    one.run(300)
    assert one.core.custom is False


def test_a_button_held_at_power_up_is_no_press():
    for function in ("Disabled", "Access B", "Custom B"):
        one = bench({"switch": function})
        one.board.pressed = True
        one.run(3000)
        one.board.pressed = False
        one.run(1000)
        assert (one.core.access.state, one.core.custom) == (1, False)


def test_a_press_resets_a_residual_current_that_has_gone():
    one = bench({"rcmon": "Enabled"})
    one.run(1000)
    one.rcm = True
    one.run(1000)
    press(one)
    assert one.core.charger.faults & faults.RCM_TRIPPED
    one.rcm = False
    press(one)
    assert not one.core.charger.faults & faults.RCM_TRIPPED


def test_a_press_is_no_reset_of_a_weld():
    one = bench()
    one.run(1000)
    one.core.fault(faults.WELDED, True)
    press(one)
    assert one.core.charger.faults & faults.WELDED


# ---- cards ----

def test_a_card_switches_on_then_off_once_each_time_it_is_held():
    one = bench({"rfid": "EnableAll"})
    one.command("access", "Off")
    one.run(1000)
    for state in (1, 0, 1):
        hold(one, ANNA, 10000)
        assert one.core.access.state == state
        assert one.status.rfid_last == ANNA
    assert one.core.access.by == reasons.CARD


def test_one_bad_reading_is_not_a_card_taken_away():
    one = bench({"rfid": "EnableAll"})
    one.command("access", "Off")
    one.board.rom = bytes.fromhex(ANNA) + b"\x00"
    one.run(3000)
    for _ in range(5):
        one.board.rom = None
        one.run(1000)
        one.board.rom = bytes.fromhex(ANNA) + b"\x00"
        one.run(2000)
        assert one.core.access.state == 1


def test_a_press_while_a_card_lies_there_does_not_present_it_again():
    one = bench({"rfid": "EnableAll"})
    one.command("access", "Off")
    one.board.rom = bytes.fromhex(ANNA) + b"\x00"
    one.run(3000)
    one.board.pressed = True
    one.run(4000)
    one.board.pressed = False
    one.run(3000)
    assert one.core.access.state == 1


def test_another_card_acts_at_once():
    one = bench({"rfid": "EnableAll"})
    one.command("cards", ("add", BERT), "LCD")
    one.command("access", "Off")
    one.board.rom = bytes.fromhex(ANNA) + b"\x00"
    one.run(2000)
    assert one.core.access.state == 1
    one.board.rom = bytes.fromhex(BERT) + b"\x00"
    one.run(1500)
    assert one.core.access.state == 0


def test_an_unknown_card_changes_nothing_and_is_shown():
    one = bench({"rfid": "EnableAll", "led_mode": "Public"})
    one.command("access", "Off")
    one.run(1000)
    one.board.rom = bytes.fromhex(BERT) + b"\x00"
    one.until(lambda: one.status.rfid_status == 7, 1500)
    one.run(100)
    assert one.core.access.state == 0
    assert one.board.rgb[-1] == (255, 0, 0)
    one.run(2200)
    assert one.board.rgb[-1] != (255, 0, 0)
    one.board.rom = None
    one.run(3000)
    assert one.status.rfid_status == 0


def test_a_known_card_is_shown_green_for_a_second():
    one = bench({"rfid": "EnableAll", "led_mode": "Public"})
    one.car = "B"
    one.run(5000)
    one.command("access", "Off")
    one.run(1000)
    one.board.rom = bytes.fromhex(ANNA) + b"\x00"
    one.until(lambda: one.core.access.state == 1, 1500)
    one.run(200)
    assert one.board.rgb[-1] == (0, 255, 0)
    one.run(1200)
    assert one.board.rgb[-1] == (0, 0, 255)


def test_learning_and_deleting_are_refused_while_charging():
    for mode in ("Learn", "Delete"):
        one = bench()
        one.charge()
        one.command("set", ("rfid", mode), "LCD")
        before = list(cards_admin.export(one.core.cards))
        for card in (ANNA, BERT):
            one.board.rom = bytes.fromhex(card) + b"\x00"
            one.run(1500)
            assert one.status.rfid_status == 7
        assert list(cards_admin.export(one.core.cards)) == before
        assert one.core.charger.c1


def test_learning_and_deleting_by_holding_the_card():
    one = bench({"rfid": "Learn"})
    one.board.rom = bytes.fromhex(BERT) + b"\x00"
    one.until(lambda: one.status.rfid_status == 2, 1500)
    one.run(2500)
    assert one.status.rfid_status == 2  # once
    assert one.core.cards.count == 2
    assert one.core.access.state == 1
    one.board.rom = None
    one.run(3000)
    one.command("set", ("rfid", "Delete"), "LCD")
    one.board.rom = bytes.fromhex(BERT) + b"\x00"
    one.until(lambda: one.status.rfid_status == 3, 1500)
    assert one.core.cards.find(BERT) is None


def test_a_reader_that_is_disabled_is_not_read():
    one = bench()
    one.board.read_card = None
    one.run(3000)


def test_with_cards_access_ends_a_minute_after_the_car_has_gone():
    one = bench({"rfid": "EnableAll"})
    one.command("access", "Off")
    hold(one, ANNA)
    one.charge()
    one.unplug()
    one.run(50000)
    assert one.core.access.state == 1
    one.run(15000)
    assert one.core.access.state == 0
    assert one.settings.states["access"] == 0


# ---- lock ----

def locked(one):
    return one.board.bolt


def socket(lock="Solenoid", settings=None, **keywords):
    values = {"config": "Socket", "lock": lock}
    values.update(settings or {})
    return bench(values, **keywords)


def test_the_plug_is_locked_before_it_charges_and_released_after():
    for kind, name in LEVELS:
        one = socket(name)
        assert one.board.kind == kind
        one.run(5000)
        assert not locked(one)
        one.car = "B"
        while one.core.charger.state != STATE_C:
            one.run(10)
            if not locked(one):
                assert not one.core.charger.c1
            if one.core.charger.state == STATE_B:
                one.car = "C"
        assert locked(one)
        assert one.status.lock_state == "locked"
        one.run(5000)
        one.car = "B"
        one.run(5000)
        assert locked(one)
        one.car = "A"
        one.run(900)
        assert locked(one)
        one.run(3000)
        assert not locked(one)
        assert one.status.lock_state == "unlocked"
        assert one.board.pulses[-1] == RELEASE


def test_a_lock_that_does_not_lock_blocks_and_says_so():
    one = socket()
    one.board.jammed = True
    one.car = "B"
    one.run(6000)
    one.car = "C"
    one.run(4000)
    assert not one.core.charger.c1
    assert one.status.reason_text() == "waits for the lock"
    one.run(40000)
    assert one.status.faults & faults.LOCK
    assert one.core.charger.state == STATE_B1
    assert 5 <= one.board.pulses.count(LOCK) <= 6
    one.board.jammed = False
    one.car = "B"
    one.run(70000)
    assert not one.status.faults & faults.LOCK
    one.car = "C"
    one.run(3000)
    assert one.core.charger.c1


def test_a_lock_that_does_not_release_is_shown_and_stops_nothing():
    one = socket()
    one.charge()
    one.board.jammed = True
    one.unplug()
    one.run(40000)
    assert one.status.faults & faults.LOCK_STUCK
    one.charge()
    assert not one.status.faults & faults.LOCK_STUCK


def test_after_power_up_it_releases_only_once_no_car_is_there():
    for kind, name in LEVELS:
        one = socket(name, delay_s=30)
        one.board.bolt = True
        one.car = "B"
        one.run(60000)
        assert locked(one)
        assert RELEASE not in one.board.pulses
        one.unplug()
        one.run(3000)
        assert not locked(one)
        one = socket(name)
        one.board.bolt = True
        one.car = "short"
        one.run(20000)
        assert locked(one)
        assert one.board.pulses == []
        one.car = "A"
        one.run(900)
        assert one.board.pulses == []
        one.run(3000)
        assert not locked(one)


def test_a_welded_contactor_keeps_the_plug():
    one = socket()
    one.charge()
    one.core.fault(faults.WELDED, True)
    one.car = "B"
    one.run(3000)
    one.unplug()
    one.run(10000)
    assert locked(one)
    assert RELEASE not in one.board.pulses
    one.command("fault", "reset", "LCD")
    one.run(4000)
    assert not locked(one)


def test_a_cable_that_is_locked_for_good_stays():
    one = socket(settings={"cable_lock": "Enabled"})
    one.charge()
    one.car = "B"
    one.run(3000)
    one.command("access", "Off")
    one.run(3000)
    one.unplug()
    one.run(10000)
    assert locked(one)
    one.command("set", ("cable_lock", "Disabled"), "LCD")
    one.run(4000)
    assert not locked(one)


def test_with_one_card_for_one_car_access_off_releases_but_never_under_load():
    one = socket(settings={"rfid": "EnableOne"})
    one.command("access", "Off")
    hold(one, ANNA)
    one.charge()
    assert locked(one)
    one.board.rom = bytes.fromhex(ANNA) + b"\x00"
    one.until(lambda: one.core.access.state == 0, 3000)
    del one.board.pulses[:]
    assert one.core.charger.c1
    while one.core.charger.c1:
        assert locked(one)
        assert RELEASE not in one.board.pulses
        one.run(10)
    one.car = "B"
    one.run(5000)
    assert not locked(one)


def test_otherwise_access_off_keeps_the_plug_until_the_car_is_unplugged():
    for rfid in ("Disabled", "EnableAll"):
        one = socket(settings={"rfid": rfid})
        one.charge()
        one.obedient = True
        one.command("access", "Off")
        one.run(5000)
        assert not one.core.charger.c1
        assert locked(one)
        one.unplug()
        one.run(3000)
        assert not locked(one)


def test_a_fixed_cable_has_no_lock():
    one = bench({"lock": "Motor"})
    one.charge()
    assert one.board.pulses == []
    assert one.status.lock_state == ""


def test_a_lock_set_up_while_a_car_is_there_locks():
    one = socket("Disabled")
    one.board.kind = 1
    one.car = "B"
    one.run(6000)
    assert one.board.pulses == []
    one.command("set", ("lock", "Solenoid"), "LCD")
    one.run(3000)
    assert locked(one)
    one.car = "C"
    one.run(2000)
    assert one.core.charger.c1


# ---- light ----

def test_the_light_changes_with_the_state_and_is_set_only_when_it_does():
    one = bench({"led_mode": "Public"})
    one.run(1000)
    assert one.board.rgb == [(0, 40, 0)]
    one.car = "B"
    one.run(6000)
    assert one.board.rgb[-1] == (0, 0, 255)
    count = len(one.board.rgb)
    one.run(2000)
    assert len(one.board.rgb) == count
    one.car = "C"
    one.run(5000)
    assert len(one.board.rgb) > count + 50  # it fades
    assert not [rgb for rgb in one.board.rgb[count:] if rgb[0] or rgb[1]]


def test_a_fault_flashes_red_in_both_schemes():
    for scheme in ("Standard", "Public"):
        one = bench({"led_mode": scheme})
        one.run(1000)
        one.core.fault(faults.WELDED, True)
        del one.board.rgb[:]
        one.run(2000)
        assert {(255, 0, 0), (0, 0, 0)} == set(one.board.rgb)
        assert len(one.board.rgb) >= 25


def test_standard_shows_the_mode_s_colour_and_the_custom_one():
    one = bench()
    one.command("colour", ("normal", 250, 0, 0), "LCD")
    one.car = "B"
    one.run(6000)
    assert one.board.rgb[-1] == (250, 0, 0)
    one.command("custom", True, "LCD")
    one.run(100)
    assert one.board.rgb[-1] == (0, 0, 255)
    one.command("custom", False, "LCD")
    one.command("access", "Off")
    one.run(5000)
    assert one.board.rgb[-1] == (0, 0, 0)


def test_settings_reach_the_front_while_it_runs():
    one = bench()
    one.run(1000)
    one.command("set", ("switch", "Custom B"), "LCD")
    one.command("set", ("led_mode", "Public"), "LCD")
    press(one)
    assert one.core.custom
    one.command("custom", False, "LCD")
    one.run(100)
    assert one.board.rgb[-1] == (0, 40, 0)
    assert one.core.charger.duty == FULL


def test_a_card_that_is_learnt_or_deleted_shines_grey_and_shortly():
    for function, status in (("Learn", 2), ("Delete", 5)):
        one = bench({"rfid": function, "led_mode": "Public"})
        one.run(1000)
        del one.board.rgb[:]
        hold(one, BERT)
        assert one.core.rfid_status in (0, status)
        assert one.board.rgb.count((128, 128, 128)) == 1, one.board.rgb
        assert (0, 255, 0) not in one.board.rgb and (255, 0, 0) not in one.board.rgb
        at = one.board.rgb.index((128, 128, 128))
        assert at + 1 < len(one.board.rgb)


class Panel:
    """Notes what it is told: (light, opened)."""

    def __init__(self):
        self.told = []

    def notice(self, light=True, opened=False):
        self.told.append((light, opened))


def test_the_panel_hears_of_what_people_want_to_see():
    one = bench({"rfid": "EnableAll"})
    panel = one.core.panel = Panel()
    one.run(1000)
    del panel.told[:]
    one.run(3000)
    assert not panel.told
    press(one)
    assert panel.told == [(True, False)]
    del panel.told[:]
    hold(one, ANNA)
    assert panel.told == [(True, False)] * 2  # the card, and what it did
    del panel.told[:]
    one.core.fault(faults.CLOCK, True)
    one.run(100)
    assert panel.told == [(False, False)]


def test_the_panel_hears_of_contactors_that_open():
    one = bench()
    one.obedient = True
    panel = one.core.panel = Panel()
    for ending in ("access", "car"):
        one.charge()
        assert not [opened for _, opened in panel.told if opened]
        if ending == "access":
            one.command("access", "Off")
            one.until(lambda: not one.core.charger.c1)
        else:
            one.car = "A"
        one.run(8000)
        assert [opened for _, opened in panel.told if opened] == [True], panel.told
        del panel.told[:]
        one.command("access", "On")
        one.unplug()
        one.run(20_000)
        del panel.told[:]
