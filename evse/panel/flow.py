"""The picture of Smart and Solar: grid, house, sun and car, and what flows between them."""

from micropython import const

from evse import reasons
from evse.panel import glyphs
from evse.panel.canvas import CENTRE, RIGHT, WIDTH
from evse.panel.texts import (
    T_CHARGING,
    T_FOR_POWER,
    T_FOR_SOLAR,
    T_LIMITED,
    T_MODEM,
    T_PAUSE,
    T_READY,
    T_SMART,
    T_SOLAR,
    T_WAITING,
)
from evse.panel.words import rounded, span, why

_STATE_A = const(0)
_STATE_C = const(2)
_MODEM_FIRST = const(11)
_MODEM_LAST = const(14)
_PAUSE = const(2)
_SOLAR = const(2)
_LESS_6A = const(1)

# Columns and rows of the picture.
_GROUND = const(27)
_GRID_X = const(18)
_HOUSE_X = const(51)
_SUN_X = const(74)
_CLOCK_X = const(92)
_TIMER_X = const(100)
_HOUSE_END = const(73)
_CAR_X = const(96)
_VALUES_END = const(47)
_SUM_X = const(42)
_POWER_X = const(85)
_ENERGY_WIDTH = const(39)
_FLOWS_DA = const(3)  # what is less shows no flow
_PLAIN_W = const(9950)  # from here on without decimals


def flow(canvas, status, texts, blobs, phase):
    """Draw it all; a generator that yields between the elements.

    ``blobs`` are the columns of the energy on its way from the grid and to the car.
    """
    get = texts.get
    state = status.state_id
    solar = status.setting_mode_id == _SOLAR
    metered = status.ev_age_ms >= 0
    watts = max(0, status.ev_w)
    canvas.blank(0, 4)
    canvas.picture(glyphs.PYLON, 0, 0)
    canvas.picture(glyphs.HOUSE, _HOUSE_X, 0)
    canvas.picture(glyphs.CAR, _CAR_X, 2)
    yield
    if solar:
        canvas.picture(glyphs.SUN, _SUN_X, 0)
    left_s = status.solar_left_s
    if status.capacity_left_s and (not left_s or status.capacity_left_s < left_s):
        left_s = status.capacity_left_s
    canvas.line(_GROUND, _GRID_X, _HOUSE_X, status.capacity_left_s > 0)
    if left_s:
        canvas.picture(glyphs.CLOCK, _CLOCK_X, 0)
        canvas.small(span(left_s), _TIMER_X, 0)
    yield
    if status.mains_age_ms >= 0:
        total = status.mains_da(0) + status.mains_da(1) + status.mains_da(2)
        if abs(total) > _FLOWS_DA:
            canvas.small("·", blobs[0], 3)
        if solar and phase & 1:
            canvas.small("Σ", _SUM_X, 1)
            canvas.small(rounded(total, 10) + "A", _VALUES_END, 2, RIGHT)
        else:
            for line in range(3):
                canvas.small(rounded(status.mains_da(line), 10) + "A", _VALUES_END, line, RIGHT)
                yield
    if metered:
        # As much of the energy as has room beside the sun.
        wh = status.session_wh
        text = rounded(wh, 1000, 1) + "kWh"
        if canvas.small_width(text) > _ENERGY_WIDTH:
            text = rounded(wh, 1000) + "kWh" if wh < 999500 else rounded(wh, 1000000, 1) + "MWh"
        canvas.small(text, WIDTH, 1, RIGHT)
        yield
    if state != _STATE_A:
        canvas.line(_GROUND, _HOUSE_END, _CAR_X)
    if state == _STATE_C:
        canvas.small("·", blobs[1], 3)
        if metered and phase & 1:
            text = rounded(watts, 1000, 1 if watts < _PLAIN_W else 0) + "kW"
        else:
            text = rounded(status.offered_da, 10) + "A"
        canvas.small(text, _POWER_X, 2, CENTRE)
    yield

    canvas.blank(4, 1)
    if status.faults & _LESS_6A:
        sun = status.reason == reasons.NO_SUN
        text = get(T_WAITING if not phase & 1 else T_FOR_SOLAR if sun else T_FOR_POWER)
    elif _MODEM_FIRST <= state <= _MODEM_LAST:
        text = get(T_MODEM, 0)
    elif status.access == _PAUSE:
        text = get(T_PAUSE, 0)
    elif state != _STATE_C:
        if status.reason == reasons.SWITCHING_PHASES:
            text = "1P -> 3P" if status.phases_wish == 3 else "3P -> 1P"
        else:
            text = get(T_READY)
        if status.delay_s:
            text = "%s %d" % (text, status.delay_s)
    else:
        steps = "m" + ("l" if status.relay_open else "") + "c" + ("pe" if metered else "") + "a"
        step = steps[phase % len(steps)]
        if step == "m":
            text = get(T_SOLAR if solar else T_SMART)
            used = status.phases_used
            used = (used & 1) + (used >> 1 & 1) + (used >> 2) or status.phases
            if used:
                text = "%s %dP" % (text, used)
        elif step == "p":
            text = rounded(watts, 1000, 1) + " kW"
        elif step == "e":
            text = rounded(status.session_wh, 1000, 2) + " kWh"
            if canvas.large_width(text) > WIDTH:
                text = rounded(status.session_wh, 1000, 1) + " kWh"
        elif step == "a":
            text = rounded(status.offered_da, 10, 1) + " A"
        else:
            text = get(T_LIMITED if step == "l" else T_CHARGING)
    yield
    canvas.large(text, 5)
    yield
    text = yield from why(status, texts, phase)
    canvas.blank(7, 1)
    canvas.small(text, WIDTH // 2, 7, CENTRE)
    yield
