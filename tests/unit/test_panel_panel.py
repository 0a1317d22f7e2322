"""The panel with a charger behind: pages, keys, light, lock, remote buttons, broken displays."""

import gc

from evse import ticks
from evse.charging import faults
from evse.panel import led, panel
from evse.panel.canvas import Canvas
from helpers_panel import Desk

LEFT, MIDDLE, RIGHT = 1, 2, 4
LONG_MS = 130_000  # longer than the light is on
SMART = {"mode": "Smart", "mains_met": "API", "max": 16, "config": "Fixed"}
NORMAL = {"max": 16, "config": "Fixed"}


def drawn(desk):
    """What a fresh canvas shows of the same charger."""
    return bytes(desk.panel.screen())


def large(desk):
    """The large words on the display; smaller ones below take turns."""
    return bytes(desk.display.data[256:768])


# ---- the display ----


def test_the_first_picture_is_all_there():
    desk = Desk(NORMAL)
    desk.run(100)
    assert sorted(page for _, page in desk.display.pages) == list(range(8))
    assert bytes(desk.display.data) == drawn(desk) and any(desk.display.data)


def test_only_what_changed_is_sent():
    desk = Desk(NORMAL)
    desk.run(1500)
    del desk.display.pages[:]
    desk.run(10_000)
    assert not desk.display.pages  # nobody touched it, nothing happened
    desk.command("access", "Off")
    desk.run(100)
    pages = [page for _, page in desk.display.pages]
    assert pages and set(pages) <= {2, 3, 4, 5, 7} and len(set(pages)) == len(pages)
    assert bytes(desk.display.data) == drawn(desk)


def test_a_change_is_seen_at_once():
    desk = Desk(NORMAL)
    desk.run(1300)
    for name in ("Off", "On", "Pause"):
        del desk.display.pages[:]
        begin = desk.now
        desk.command("access", name)
        desk.run(400)
        at = [ticks.diff(tick, begin) for tick, _ in desk.display.pages]
        assert at and max(at) <= 60, (name, at)


def test_it_moves_once_a_second():
    desk = Desk(SMART)
    desk.house = 100
    desk.run(1500)
    del desk.display.pages[:]
    begin = desk.now
    desk.run(10_000)
    seconds = {ticks.diff(tick, begin) // 1000 for tick, _ in desk.display.pages}
    assert len(seconds) >= 9, seconds


def test_one_step_a_turn():
    desk = Desk(NORMAL)
    desk.run(100)
    desk.panel.notice()
    show = desk.panel.show()
    turns = 0
    most = 0
    for _ in range(200):
        before = len(desk.display.pages)
        if show.send(None):
            desk.now = ticks.add(desk.now, 10)
        most = max(most, len(desk.display.pages) - before)
        turns += 1
    assert most == 1 and len(desk.display.pages) > 8


def test_a_page_that_takes_several_calls():
    desk = Desk(NORMAL)
    desk.display.parts = 4
    desk.run(100)
    assert bytes(desk.display.data) == drawn(desk)


def test_it_says_when_the_picture_is_half_done():
    desk = Desk(NORMAL)
    desk.run(1300)
    assert not desk.panel.drawing
    show = desk.panel.show()
    half = 0
    pictures = set()
    for _ in range(60):
        show.send(None)
        if desk.panel.drawing:
            assert not pictures
            half += 1
        elif half:
            pictures.add(drawn(desk))
    assert half > 3 and len(pictures) == 1


def test_after_contactors_opened_it_is_set_up_anew_without_a_wait():
    desk = Desk(NORMAL)
    desk.obedient = True
    desk.charge()
    desk.run(1000)
    assert len(desk.display.calls) == 1
    desk.display.setup = 30
    desk.car = "B"
    desk.run(500)
    assert not desk.core.charger.c1 and len(desk.display.calls) == 2
    assert bytes(desk.display.data) == drawn(desk)
    desk.car = "A"
    desk.run(3000)
    assert len(desk.display.calls) == 2  # nothing was switched


def test_language_by_setting():
    desk = Desk(NORMAL)
    desk.run(1100)
    desk.command("access", "Off")
    desk.run(1100)
    pictures = []
    for language in ("en", "nl", "de", "en"):
        desk.command("set", ("language", language), "LCD")
        desk.run(1200)
        pictures.append(large(desk))
    assert len(set(pictures)) == 3 and pictures[0] == pictures[3]


# ---- keys ----


def test_left_held_stops_and_right_held_starts():
    for display in (True, False):
        desk = Desk(NORMAL, display)
        desk.run(500)
        desk.press(LEFT, 1900)
        assert desk.core.access.state == 1
        desk.press(LEFT, 2100)
        assert desk.core.access.state == 0 and desk.settings.get("mode") == "Normal"
        desk.press(RIGHT, 1900)
        assert desk.core.access.state == 0
        desk.press(RIGHT, 2100)
        assert desk.core.access.state == 1
        desk.command("access", "Pause")
        desk.press(RIGHT, 2100)
        assert desk.core.access.state == 1


def test_hold_screens():
    desk = Desk(NORMAL)
    desk.run(500)
    calm = large(desk)
    seen = set()
    for button in (LEFT, MIDDLE, RIGHT):
        desk.board.bits = button
        desk.run(400)
        seen.add(large(desk))
        desk.board.bits = 0
        desk.run(200)
        assert large(desk) == calm
    assert len(seen) == 3 and calm not in seen
    for pair in (LEFT | MIDDLE, MIDDLE | RIGHT):
        desk.board.bits = MIDDLE
        desk.run(300)
        desk.board.bits = pair
        desk.run(300)
        assert large(desk) == calm, pair
        desk.board.bits = 0
        desk.run(200)


def test_left_short_swaps_smart_and_solar():
    desk = Desk(SMART)
    desk.house = 100
    desk.run(500)
    for mode in ("Solar", "Smart", "Solar"):
        desk.press(LEFT)
        assert desk.settings.get("mode") == mode
    for button in (MIDDLE, RIGHT):
        desk.press(button)
        assert desk.settings.get("mode") == "Solar"
    desk = Desk(NORMAL)
    desk.run(500)
    desk.press(LEFT)
    assert desk.settings.get("mode") == "Normal" and desk.core.access.state == 1


def test_left_and_right_renew_the_display_and_never_stop():
    for first in (LEFT, RIGHT, LEFT | RIGHT):
        desk = Desk(SMART)
        desk.house = 100
        desk.run(500)
        count = len(desk.display.calls)
        desk.board.bits = first
        desk.run(100)
        desk.press(LEFT | RIGHT, 4000)
        assert len(desk.display.calls) == count + 1
        assert desk.core.access.state == 1 and desk.settings.get("mode") == "Smart"
        assert bytes(desk.display.data) == drawn(desk)


def test_any_button_resets_a_trip_and_does_nothing_else():
    for lock in ("Disabled", "Enabled"):
        for button in (LEFT, MIDDLE, RIGHT):
            values = dict(SMART)
            values.update({"rcmon": "Enabled", "lcd_lock": lock})
            desk = Desk(values)
            desk.house = 100
            desk.run(1500)
            desk.rcm = True
            desk.run(1500)
            assert desk.core.charger.faults & faults.RCM_TRIPPED
            desk.press(button)
            assert desk.core.charger.faults & faults.RCM_TRIPPED  # it is still there
            desk.rcm = False
            desk.run(1000)
            mode = desk.settings.get("mode")
            desk.press(button, 3000)
            assert not desk.core.charger.faults & faults.RCM_TRIPPED
            assert desk.core.access.state == 1 and desk.settings.get("mode") == mode
            assert not desk.panel.secret


def test_no_button_from_afar_resets_a_trip():
    desk = Desk(dict(SMART, rcmon="Enabled"))
    desk.house = 100
    desk.run(1500)
    desk.rcm = True
    desk.run(1500)
    desk.rcm = False
    for button in (LEFT, MIDDLE, RIGHT):
        desk.panel.press(button, True)
        desk.run(200)
        desk.panel.press(button, False)
        desk.run(1000)
        assert desk.core.charger.faults & faults.RCM_TRIPPED, button


# ---- what is asked at the display ----

QUESTION = ("v4.1.0", "3F2A 91BC 77D0 01EE", 0)


def asked(settings=SMART):
    """A desk at which an update without a known signature waits for an answer."""
    desk = Desk(settings)
    desk.house = 100
    desk.run(1500)
    desk.calm = large(desk)
    desk.status.confirm = QUESTION
    desk.run(200)
    return desk


def untouched(desk):
    """Nothing was done that these buttons do at other times."""
    return desk.settings.get("mode") == "Smart" and desk.core.access.state == 1


def test_a_question_is_seen_and_lights_the_display():
    desk = Desk(NORMAL)
    desk.run(LONG_MS)
    assert not desk.panel.level
    before = large(desk)
    desk.status.confirm = QUESTION
    desk.run(200)
    assert desk.panel.level and large(desk) != before
    asking = large(desk)
    desk.board.bits = LEFT
    desk.run(500)
    assert large(desk) == asking  # not what holding it does at other times
    desk.status.confirm = None
    desk.run(1200)
    assert large(desk) != asking


def test_yes_is_held_for_two_seconds():
    desk = asked(NORMAL)
    desk.press(MIDDLE, 1900)
    assert desk.status.confirm is QUESTION
    desk.press(MIDDLE, 2200)
    assert desk.status.confirm is True
    desk.status.confirm = None
    desk.run(1200)
    assert large(desk) == desk.calm  # no menu


def test_either_of_the_others_is_no():
    for button in (LEFT, RIGHT):
        desk = asked()
        desk.press(button)
        assert desk.status.confirm is False
        assert untouched(desk)


def test_no_button_from_afar_answers():
    desk = Desk(SMART)
    desk.house = 100
    desk.run(1500)
    desk.panel.press(MIDDLE, True)
    desk.run(200)
    desk.status.confirm = QUESTION
    desk.run(2500)
    for button in (LEFT, MIDDLE, RIGHT):
        desk.panel.press(button, True)
        desk.run(2500)
        desk.panel.press(button, False)
        desk.run(200)
    desk.panel.press(MIDDLE, True)
    desk.press(MIDDLE, 1900)  # nor does it help the one who stands there
    assert desk.status.confirm is QUESTION
    assert untouched(desk)


def test_what_was_held_before_is_no_answer():
    for button in (MIDDLE, LEFT):
        desk = Desk(SMART)
        desk.run(1500)
        desk.board.bits = button
        desk.run(500)
        desk.status.confirm = QUESTION
        desk.run(3000)
        desk.board.bits = 0
        desk.run(200)
        assert desk.status.confirm is QUESTION
        assert untouched(desk)


def test_who_is_in_the_menu_answers_nothing():
    desk = Desk(NORMAL)
    desk.run(1500)
    desk.press(MIDDLE, 2200)
    menu = drawn(desk)
    desk.status.confirm = QUESTION
    desk.run(200)
    assert drawn(desk) == menu
    desk.press(RIGHT)
    desk.press(MIDDLE, 2200)
    assert drawn(desk) != menu and desk.status.confirm is QUESTION


def test_no_button_resets_a_weld():
    desk = Desk(NORMAL)
    desk.run(500)
    desk.core.fault(faults.WELDED, True)
    for button in (LEFT, MIDDLE, RIGHT):
        desk.press(button)
        assert desk.core.charger.faults & faults.WELDED


def test_the_lock_leaves_buttons_without_effect():
    for settings, mode in ((SMART, "Smart"), (NORMAL, "Normal")):
        desk = Desk(dict(settings, lcd_lock="Enabled"))
        desk.house = 100
        desk.run(500)
        calm = large(desk)
        for button in (LEFT, MIDDLE, RIGHT):
            for ms in (150, 2500):
                desk.board.bits = button
                desk.run(ms)
                assert mode == "Smart" or large(desk) == calm  # its picture moves
                desk.board.bits = 0
                desk.run(150)
        assert desk.core.access.state == 1 and desk.settings.get("mode") == mode
        assert len(desk.display.calls) == 1


def test_middle_and_right_at_power_up_change_the_lock():
    for before, after in (("Disabled", "Enabled"), ("Enabled", "Disabled")):
        desk = Desk(dict(NORMAL, lcd_lock=before))
        desk.board.bits = MIDDLE | RIGHT
        desk.run(3000)
        assert desk.settings.get("lcd_lock") == after
        desk.board.bits = 0
        desk.run(200)
        desk.press(MIDDLE | RIGHT, 3000)  # once it runs it means nothing
        assert desk.settings.get("lcd_lock") == after and desk.core.access.state == 1


# ---- the menu ----


def test_the_menu_comes_by_holding_and_goes_by_exit():
    desk = Desk(NORMAL)
    desk.run(1000)
    calm = drawn(desk)
    desk.press(MIDDLE, 2200)
    menu = drawn(desk)
    assert menu != calm and bytes(desk.display.data) == menu
    desk.press(LEFT)  # from the first item back to EXIT
    exit_item = drawn(desk)
    assert exit_item != menu
    desk.press(MIDDLE)
    assert bytes(desk.display.data) == calm
    desk.press(LEFT, 2100)
    assert desk.core.access.state == 0  # and the buttons do again what they did


def test_the_menu_goes_after_two_minutes_and_keeps_nothing():
    desk = Desk(NORMAL)
    desk.run(1000)
    calm = drawn(desk)
    desk.press(MIDDLE, 2200)
    desk.press(MIDDLE)
    desk.press(RIGHT)
    before = desk.settings.changes
    desk.run(119_000)
    assert drawn(desk) != calm
    desk.run(2500)
    assert drawn(desk) == calm and desk.settings.changes == before


def test_the_menus_memory_comes_back():
    desk = Desk(NORMAL)
    desk.run(1000)

    def visit():
        desk.press(MIDDLE, 2200)
        desk.press(LEFT)
        desk.press(MIDDLE)
        desk.run(1000)
        desk.display.pages = []
        gc.collect()
        return gc.mem_alloc()

    sizes = [visit() for _ in range(6)]
    assert max(sizes[3:]) - min(sizes[3:]) < 256, sizes


def test_without_a_display_there_is_no_menu():
    desk = Desk(NORMAL, display=False)
    desk.run(500)
    desk.press(MIDDLE, 2500)
    desk.press(LEFT, 2500)
    assert desk.core.access.state == 0 and desk.panel.screen() is None


# ---- buttons from afar ----


def test_remote_buttons_are_buttons():
    desk = Desk(SMART)
    desk.house = 100
    desk.run(500)
    desk.panel.press(LEFT, True)
    desk.run(200)
    assert desk.panel.pressed == LEFT
    desk.panel.press(LEFT, False)
    desk.run(100)
    assert desk.settings.get("mode") == "Solar" and desk.panel.pressed == 0
    desk.panel.press(LEFT, True)
    desk.run(2200)
    assert desk.core.access.state == 0
    desk.panel.press(LEFT, False)
    desk.run(100)
    desk.panel.press(RIGHT, True)  # one here, one there
    desk.board.bits = LEFT
    desk.run(100)
    assert desk.panel.pressed == LEFT | RIGHT
    desk.board.bits = 0
    desk.panel.press(RIGHT, False)
    desk.run(100)
    assert desk.core.access.state == 0 and desk.panel.pressed == 0


def test_quick_clicks_from_afar_count_each_in_order():
    desk = Desk(SMART)
    desk.run(1000)
    desk.press(MIDDLE, 2200)
    for button in (MIDDLE, RIGHT, MIDDLE, LEFT):  # all between two samples: MODE, and on to EXIT
        desk.panel.press(button, True)
        desk.panel.press(button, False)
    desk.run(300)
    assert desk.settings.get("mode") == "Smart"
    desk.press(MIDDLE)
    assert desk.settings.get("mode") == "Solar"


def test_however_many_clicks_come_at_once_the_last_release_counts():
    desk = Desk(SMART)
    desk.run(500)
    for _ in range(50):
        desk.panel.press(MIDDLE, True)
        desk.panel.press(MIDDLE, False)
    desk.panel.press(RIGHT, True)
    desk.run(300)
    assert desk.panel.pressed == RIGHT
    desk.panel.press(RIGHT, False)
    desk.run(300)
    assert desk.panel.pressed == 0


def test_who_falls_silent_has_let_go():
    desk = Desk(NORMAL)
    desk.run(500)
    desk.panel.press(MIDDLE, True)
    desk.run(3900)
    assert desk.panel.pressed == MIDDLE
    desk.panel.press(MIDDLE, True)  # says it again
    desk.run(3900)
    assert desk.panel.pressed == MIDDLE
    desk.run(200)
    assert desk.panel.pressed == 0


# ---- light ----


def dark(desk):
    """Make it dark at once."""
    desk.run(1000)
    desk.panel.light(0)
    desk.run(100)
    assert desk.panel.level == 0 and desk.board.levels[-1][1] == 0


def test_the_light_goes_out_slowly_after_two_minutes():
    for most in (10, 180, 255):
        desk = Desk(dict(NORMAL, backlight_max=most))
        begin = desk.now
        desk.run(100)
        assert desk.panel.level == most and desk.panel.lit_s == 120
        desk.run(122_000)
        levels = desk.board.levels
        assert levels[0][1] == most == max(level for _, level in levels)
        falling = [level for _, level in levels]
        assert falling == sorted(falling, reverse=True) and len(set(falling)) == len(falling)
        assert len(falling) > min(most, 40) * 2 // 3
        times = [ticks.diff(tick, begin) for tick, _ in levels]
        assert 119_000 <= times[1] <= 119_400 and 119_700 <= times[-1] <= 120_050, times
        assert desk.panel.lit_s == 0


def test_what_lights_it():
    events = (lambda desk: desk.press(MIDDLE), lambda desk: desk.command("access", "Off"),
              lambda desk: desk.command("mode", "Solar"), lambda desk: setattr(desk, "car", "B"),
              lambda desk: setattr(desk.board, "pressed", True),
              lambda desk: desk.panel.light(1))
    for number, event in enumerate(events):
        desk = Desk(SMART)
        desk.house = 100
        dark(desk)
        event(desk)
        desk.run(1000)
        assert desk.panel.level == 180, number
        assert 118 <= desk.panel.lit_s <= 120


def test_a_card_lights_it():
    from evse.cards import Cards
    desk = Desk(dict(NORMAL, rfid="EnableAll"))
    desk.core.cards = Cards("/tmp/microevse_panel_test.csv")
    desk.command("access", "Off")
    dark(desk)
    desk.board.rom = bytes.fromhex("04A1B2C3D4E5F6") + b"\0"
    desk.run(1200)
    assert desk.panel.level == 180


def test_it_is_lit_while_charging_and_while_something_is_wrong():
    desk = Desk(NORMAL)
    desk.obedient = True
    desk.charge()
    desk.run(LONG_MS)
    assert desk.panel.level == 180 and desk.panel.lit_s >= 119
    desk = Desk(NORMAL)
    desk.temperature = 800
    desk.run(LONG_MS)
    assert desk.panel.level == 180
    desk = Desk(SMART)
    desk.house = 300  # nothing left for a car
    desk.car = "B"
    desk.run(LONG_MS)
    assert desk.core.charger.faults == faults.LESS_6A and desk.panel.level == 0


def test_light_by_command():
    desk = Desk(NORMAL)
    desk.run(1000)
    desk.panel.light(0)
    desk.run(20)
    assert desk.panel.level == 0 and desk.panel.lit_s == 0
    desk.panel.light(3)
    desk.run(20)
    assert desk.panel.level == 180 and desk.panel.lit_s == 360
    desk.press(MIDDLE)
    assert desk.panel.lit_s == 360  # a button makes it no shorter
    desk.panel.light(10**9)
    desk.run(2000)
    assert desk.panel.lit_s > 100_000
    desk.panel.light(-1)
    desk.run(20)
    assert desk.panel.level == 0


def test_the_ease_is_the_leds():
    assert led.ease(0) == 0 and led.ease(127) > 250
    rising = [led.ease(step) for step in range(128)]
    assert rising == sorted(rising)


# ---- what breaks ----


def test_a_display_that_fails_harms_nobody_and_comes_back():
    desk = Desk(NORMAL)
    desk.run(500)
    desk.display.broken = True
    desk.press(LEFT, 2200)
    assert desk.core.access.state == 0 and not desk.problems
    desk.press(RIGHT, 2200)
    assert desk.core.access.state == 1
    desk.display.broken = False
    desk.run(10_500)
    assert bytes(desk.display.data) == drawn(desk) and len(desk.display.calls) >= 2


def test_a_picture_that_cannot_be_drawn_harms_no_button():
    desk = Desk(NORMAL)
    desk.run(500)
    large = Canvas.large

    def broken(*arguments):
        raise ValueError("drawing")

    Canvas.large = broken
    try:
        desk.run(1000)
        assert desk.problems
        desk.press(LEFT, 2200)
        assert desk.core.access.state == 0
        desk.run(5000)
    finally:
        Canvas.large = large
    count = len(desk.problems)
    desk.run(3000)
    assert len(desk.problems) == count and bytes(desk.display.data) == drawn(desk)


def test_a_menu_whose_picture_cannot_be_drawn_is_left():
    desk = Desk(NORMAL)
    desk.run(500)
    calm = large(desk)
    desk.press(MIDDLE, 2200)
    small = Canvas.small

    def broken(*arguments):
        raise ValueError("drawing")

    Canvas.small = broken
    desk.run(1500)
    Canvas.small = small
    assert len(desk.problems) == 1, desk.problems
    desk.run(2500)
    assert large(desk) == calm and len(desk.problems) == 1


def test_a_menu_there_is_no_room_for_is_not_opened():
    desk = Desk(NORMAL)
    desk.run(500)

    def full(name):
        raise MemoryError("memory allocation failed")

    rare = panel.rare
    panel.rare = full
    try:
        desk.press(MIDDLE, 2200)
    finally:
        panel.rare = rare
    desk.press(LEFT, 2200)
    assert desk.core.access.state == 0 and not desk.problems


def test_a_refusal_is_survived():
    desk = Desk(NORMAL)
    desk.run(500)
    desk.core.charger.faults |= faults.RCM_TRIPPED
    desk.rcm = True
    desk.settings.set("rcmon", "Enabled")
    desk.core.configure()
    desk.run(100)
    desk.press(LEFT, 2200)
    assert desk.core.access.state == 0  # no reset, so it is a button like always


# ---- what it must agree with ----


def test_its_faults_are_those_of_the_registry():
    assert panel.TRIPPED == faults.RCM_TRIPPED
    assert panel.WAITS == faults.LESS_6A | faults.BOOT_DELAY | faults.CLOCK
