"""The external switch: debounce and press lengths, and all functions x events x states."""

from evse.charging.switch import (
    ACCESS_OFF,
    ACCESS_ON,
    CUSTOM_OFF,
    CUSTOM_ON,
    CUSTOM_TOGGLE,
    LONG,
    MODE_SMART,
    MODE_SOLAR,
    NOTHING,
    PRESSED,
    RELAY_OFF,
    RELAY_ON,
    RELEASED,
    STOP,
    Switch,
    action,
)

MASK = 0x3FFFFFFF
STARTS = (0, 0x1FFFFF00, MASK - 1500, MASK - 119, MASK)
DISABLED, ACCESS_B, ACCESS_S, SMA_SOL_B, SMA_SOL_S, GRID_RELAY, CUSTOM_B, CUSTOM_S = range(8)
BUTTONS = (DISABLED, ACCESS_B, SMA_SOL_B, CUSTOM_B)
TOGGLES = (ACCESS_S, SMA_SOL_S, GRID_RELAY, CUSTOM_S)
OFF, ON, PAUSE = range(3)
NORMAL, SMART, SOLAR = range(3)


class Line:
    """A switch on its line, read every 20 ms."""

    def __init__(self, function, now=0):
        self.switch = Switch()
        self.switch.choose(function)
        self.now = now

    def hold(self, pressed, ms, period=20):
        """Hold the line for ``ms``; returns the events as (ms since the change, event)."""
        events = []
        for at in range(0, ms, period):
            event = self.switch.feed(pressed, self.now)
            if event:
                events.append((at, event))
            self.now = (self.now + period) & MASK
        return events


def test_a_short_press_of_a_button():
    for function in BUTTONS:
        for start in STARTS:
            line = Line(function, start)
            assert line.hold(False, 1000) == []
            assert line.hold(True, 500) == [(120, PRESSED)]
            assert line.hold(False, 5000) == [(120, RELEASED)]


def test_a_long_press_is_told_once_and_its_release_is_none():
    for function in BUTTONS:
        for start in STARTS:
            line = Line(function, start)
            line.hold(False, 200)
            assert line.hold(True, 20000) == [(120, PRESSED), (1500, LONG)]
            assert line.hold(False, 1000) == []
            assert line.hold(True, 200) == [(120, PRESSED)]


def test_a_toggle_knows_two_positions_only():
    for function in TOGGLES:
        for start in STARTS:
            line = Line(function, start)
            assert line.hold(False, 1000) == [(120, RELEASED)]
            assert line.hold(True, 5000) == [(120, PRESSED)]
            assert line.hold(False, 1000) == [(120, RELEASED)]


def test_the_position_of_a_toggle_counts_at_power_up():
    for function in TOGGLES:
        assert Line(function).hold(True, 5000) == [(120, PRESSED)]
        assert Line(function).hold(False, 5000) == [(120, RELEASED)]


def test_a_button_held_at_power_up_does_nothing():
    for function in BUTTONS:
        line = Line(function)
        assert line.hold(True, 5000) == []
        assert line.hold(False, 1000) == []
        assert line.hold(True, 1000) == [(120, PRESSED)]


def test_another_function_starts_anew():
    line = Line(CUSTOM_B)
    line.hold(False, 200)
    line.hold(True, 200)
    line.switch.choose(CUSTOM_S)
    assert line.switch.function == CUSTOM_S
    assert line.hold(True, 400) == [(120, PRESSED)]
    line.switch.choose(SMA_SOL_B)
    assert line.hold(True, 4000) == []
    assert line.hold(False, 400) == []


def test_disturbances_shorter_than_the_debounce_are_nothing():
    for function in range(8):
        for level in (False, True):
            line = Line(function, 7777)
            line.hold(level, 400)
            for ms in (20, 60, 100, 120):
                assert line.hold(not level, ms) == [], (function, ms)
                assert not [event for _, event in line.hold(level, 400)
                            if event != LONG], (function, ms)


def test_a_line_that_flickers_gives_no_event():
    line = Line(ACCESS_S)
    for _ in range(500):
        assert line.hold(True, 60) == [] and line.hold(False, 60) == []


def test_a_disturbance_does_not_lengthen_a_long_press():
    line = Line(SMA_SOL_B)
    line.hold(False, 200)
    assert line.hold(True, 1000) == [(120, PRESSED)]
    assert line.hold(False, 40) == []
    assert line.hold(True, 1000) == [(460, LONG)]


def test_late_readings_do_not_pass_for_a_steady_level():
    line = Line(ACCESS_B)
    line.hold(False, 200)
    assert line.hold(True, 1600, 400) == []  # four readings in 1.6 s
    assert line.hold(True, 20) == [(0, PRESSED)]


def test_frequent_readings_do_not_shorten_the_debounce():
    line = Line(ACCESS_B)
    line.hold(False, 200, 5)
    assert line.hold(True, 200, 5) == [(120, PRESSED)]


def test_ticks_that_wrap_while_nothing_happens():
    line = Line(SMA_SOL_B)
    line.hold(False, 200)
    line.hold(True, 2000)
    line.now = (line.now + MASK - 3000) & MASK  # 12 days held; the stamp looks like the future
    assert line.hold(True, 10000) == []
    assert line.hold(False, 400) == []
    line.now = (line.now + MASK - 100) & MASK
    assert line.hold(True, 400) == [(120, PRESSED)]


def _expected(function, event, access, mode, charging):
    """What the table of the reference says, a line for each function."""
    on = access == ON
    button = {
        DISABLED: {PRESSED: STOP if charging else NOTHING},
        ACCESS_B: {PRESSED: ACCESS_OFF if on else ACCESS_ON},
        ACCESS_S: {PRESSED: ACCESS_ON, RELEASED: ACCESS_OFF},
        SMA_SOL_B: {
            RELEASED: {SMART: MODE_SOLAR, SOLAR: MODE_SMART}.get(mode, NOTHING) if on else NOTHING,
            LONG: STOP if charging else NOTHING,
        },
        SMA_SOL_S: {
            PRESSED: MODE_SMART if on and mode == SOLAR else NOTHING,
            RELEASED: MODE_SOLAR if on and mode == SMART else NOTHING,
        },
        GRID_RELAY: {PRESSED: RELAY_ON, RELEASED: RELAY_OFF},
        CUSTOM_B: {PRESSED: CUSTOM_TOGGLE},
        CUSTOM_S: {PRESSED: CUSTOM_ON, RELEASED: CUSTOM_OFF},
    }
    return button[function].get(event, NOTHING)


def test_every_function_with_every_event_in_every_state():
    cases = 0
    for function in range(8):
        for event in (0, PRESSED, RELEASED, LONG):
            for access in (OFF, ON, PAUSE):
                for mode in (NORMAL, SMART, SOLAR):
                    for charging in (False, True):
                        case = (function, event, access, mode, charging)
                        assert action(*case) == _expected(*case), case
                        cases += 1
    assert cases == 8 * 4 * 3 * 3 * 2


def test_a_stop_needs_a_charging_car():
    for function in range(8):
        for event in (0, PRESSED, RELEASED, LONG):
            assert action(function, event, ON, SMART, False) != STOP


def test_actions_differ():
    codes = {NOTHING, STOP, ACCESS_OFF, ACCESS_ON, MODE_SMART, MODE_SOLAR, RELAY_OFF, RELAY_ON,
             CUSTOM_OFF, CUSTOM_ON, CUSTOM_TOGGLE}
    assert len(codes) == 11 and NOTHING == 0
