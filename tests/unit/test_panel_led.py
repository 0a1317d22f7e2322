"""The colours of the LED: every pattern of both schemes, as a function of state and time."""

from array import array

import micropython

from evse.charging import faults
from evse.panel import led

STANDARD, PUBLIC = 0, 1
OFF, ON, PAUSE = 0, 1, 2
NORMAL, SMART, SOLAR = 0, 1, 2
A, B, C, D, ACTSTART, B1, C1, MODEM_REQUEST, MODEM_WAIT, MODEM_DONE, MODEM_DENIED = (
    0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14)
RED, GREEN, BLUE, GREY, ORANGE = 0xFF0000, 0x00FF00, 0x0000FF, 0x808080, 0xFF8000
PALETTE = array("i", (0x000000, 0x00FF00, 0x00FF00, 0xFFAA00, 0x0000FF))
ODD = array("i", (0x102030, 0x112233, 0x445566, 0x778899, 0xAABBCC))
WHOLE = 2560  # ms after which every pattern has repeated
ALARMS = 0
for _fault in faults.FAULTS:
    if _fault[0] & faults.BLOCKING & ~(faults.BOOT_DELAY | faults.UPDATE):
        ALARMS |= _fault[0]


def colour(scheme=STANDARD, state=A, bits=0, access=ON, mode=NORMAL, custom=False, flash=0,
           palette=PALETTE, now=0):
    return led.colour(scheme, state, bits, access, mode, custom, flash, palette, now)


def over(period=WHOLE, **inputs):
    """The colours each 10 ms of one ``period``."""
    return [colour(now=now, **inputs) for now in range(0, period, 10)]


def steady(**inputs):
    """The one colour shown at all times; None when it changes."""
    seen = set(over(**inputs))
    return seen.pop() if len(seen) == 1 else None


def dim(rgb, level=40):
    return ((rgb >> 16) * level // 255 << 16 | (rgb >> 8 & 255) * level // 255 << 8
            | (rgb & 255) * level // 255)


def test_every_alarm_flashes_red_whatever_else_holds():
    for fault in faults.FAULTS:
        bit = fault[0]
        for scheme in (STANDARD, PUBLIC):
            for access in (OFF, ON, PAUSE):
                for flash in (0, 1, 2, 3):
                    shown = over(128, scheme=scheme, state=C, bits=bit, access=access,
                                 custom=True, flash=flash)
                    if bit & ALARMS:
                        assert set(shown) == {RED, 0}, fault[2]
                    else:
                        assert RED not in shown or flash == 2, fault[2]


def test_an_alarm_is_red_half_of_128_ms():
    shown = [colour(bits=faults.RCM_TRIPPED, now=now) for now in range(128)]
    assert shown.count(RED) == 64
    assert shown[:64] == [RED] * 64
    assert [colour(bits=faults.RCM_TRIPPED, now=now) for now in range(128, 256)] == shown


def test_an_alarm_goes_before_waiting():
    assert RED in over(bits=faults.LESS_6A | faults.TEMP_HIGH)


def test_switched_off_shows_the_colour_of_off():
    for state in (A, B, B1, MODEM_DENIED):
        assert steady(state=state, access=OFF) == 0
        assert steady(state=state, access=OFF, palette=ODD) == 0x102030
        assert steady(state=state, access=OFF, bits=faults.LESS_6A, palette=ODD) == 0x102030


def test_switched_off_with_the_custom_button_shows_its_colour():
    for scheme in (STANDARD, PUBLIC):
        assert steady(scheme=scheme, access=OFF, custom=True, palette=ODD) == 0xAABBCC


def test_the_custom_button_colours_the_pattern_while_on():
    assert steady(state=A, custom=True, palette=ODD) == dim(0xAABBCC)
    assert steady(state=C, custom=True) is None
    assert set(over(state=B1, bits=faults.LESS_6A, custom=True, palette=ODD)) == {0xAABBCC, 0}
    assert steady(scheme=PUBLIC, state=B, custom=True) == BLUE


def test_a_denied_car():
    assert steady(state=MODEM_DENIED, palette=ODD) == 0x102030
    assert steady(scheme=PUBLIC, state=MODEM_DENIED) == RED


def test_waiting_blinks_a_tenth_of_the_time_in_the_colour_of_the_mode():
    for bit in (faults.LESS_6A, faults.BOOT_DELAY, faults.CLOCK, faults.UPDATE):
        shown = [colour(state=B1, bits=bit, mode=SOLAR, now=now) for now in range(1280)]
        assert set(shown) == {0xFFAA00, 0}
        assert shown.count(0xFFAA00) == 125
        # One blink in each period, not a flicker.
        assert sum(1 for n in range(1279) if not shown[n] and shown[n + 1]) == 1
        assert [colour(state=B1, bits=bit, mode=SOLAR, now=now)
                for now in range(1280, 2560)] == shown


def test_waiting_in_public_blinks_orange():
    for mode in (NORMAL, SMART, SOLAR):
        for access in (OFF, ON, PAUSE):
            assert set(over(scheme=PUBLIC, state=B1, bits=faults.LESS_6A, mode=mode,
                            access=access)) == {ORANGE, 0}


def test_faults_that_stop_nothing_and_let_it_charge_leave_the_pattern_alone():
    for bit in (faults.NO_CURRENT, faults.LOCK_STUCK, faults.STORAGE):
        for scheme in (STANDARD, PUBLIC):
            for state in (A, B, C):
                assert over(scheme=scheme, state=state, bits=bit) == over(scheme=scheme,
                                                                           state=state)


def test_the_colour_of_the_mode():
    for mode, shade in ((NORMAL, 0x112233), (SMART, 0x445566), (SOLAR, 0x778899)):
        assert steady(state=B, mode=mode, palette=ODD) == shade
        assert steady(state=A, mode=mode, palette=ODD) == dim(shade)
        assert steady(state=B, mode=mode, custom=True, palette=ODD) == 0xAABBCC


def test_all_states_but_charging_are_steady():
    for state in range(16):
        for scheme, shade in ((STANDARD, GREEN), (PUBLIC, BLUE)):
            if state == A:
                assert steady(scheme=scheme, state=A) == dim(GREEN)
            elif state == C:
                assert steady(scheme=scheme, state=C) is None
            elif state != MODEM_DENIED:
                assert steady(scheme=scheme, state=state) == shade, state


def test_paused_looks_as_on():
    for scheme in (STANDARD, PUBLIC):
        for state in range(15):
            assert over(scheme=scheme, state=state, access=PAUSE) == over(scheme=scheme,
                                                                          state=state)


def test_charging_fades_from_dark_to_full_and_back():
    shown = over(1280, state=C)
    green = [rgb >> 8 for rgb in shown]
    assert min(green) == 0
    assert max(green) >= 250
    top = green.index(max(green))
    assert 58 <= top <= 70
    assert green[:top + 1] == sorted(green[:top + 1])
    assert green[top:] == sorted(green[top:], reverse=True)
    # Slow at both ends, fast between: an ease, not a ramp.
    assert green[8] < 16
    assert green[32] - green[28] > 20
    assert over(2560, state=C)[128:] == shown
    assert green[16] == 2 * (64 * 65 // 256)


def test_solar_fades_half_as_fast():
    fast = over(2560, state=C, mode=SMART)
    slow = over(2560, state=C, mode=SOLAR)
    assert [rgb >> 8 & 255 for rgb in fast[:128:16]] == [
        (rgb >> 16 & 255) for rgb in slow[:256:32]]
    assert len(set(slow[:128])) > 50
    assert slow[:128] != slow[128:]


def test_public_charging_fades_blue_in_every_mode():
    for mode in (NORMAL, SMART, SOLAR):
        shown = over(scheme=PUBLIC, state=C, mode=mode)
        assert max(shown) <= BLUE
        assert max(shown) >= 250
        assert shown[:128] == shown[128:]


def test_public_shows_what_became_of_a_card():
    for flash, shade in ((1, GREEN), (2, RED), (3, GREY)):
        for access in (OFF, ON):
            for bits in (0, faults.LESS_6A):
                assert steady(scheme=PUBLIC, state=B, access=access, bits=bits,
                              flash=flash) == shade
        assert steady(state=B, flash=flash) == GREEN  # Standard has no such signal


def test_public_is_not_dark_when_switched_off():
    assert steady(scheme=PUBLIC, state=A, access=OFF) == dim(GREEN)
    assert steady(scheme=PUBLIC, state=B1, access=OFF) == BLUE


def test_every_colour_is_a_colour_and_costs_no_memory():
    checked = 0
    schemes = (STANDARD, PUBLIC)
    modes = (NORMAL, SMART, SOLAR)
    micropython.heap_lock()
    try:
        for scheme in schemes:
            for state in range(16):
                for mode in modes:
                    for now in (0, 63, 1279, 0x1FFFFFFF, 0x3FFFFFFF):
                        rgb = led.colour(scheme, state, 0, ON, mode, False, 0, ODD, now)
                        checked += 0 <= rgb <= 0xFFFFFF
                        led.colour(scheme, state, 1, OFF, mode, True, 3, ODD, now)
                        led.colour(scheme, state, 16, ON, mode, True, 3, ODD, now)
    finally:
        micropython.heap_unlock()
    assert checked == 2 * 16 * 3 * 5
