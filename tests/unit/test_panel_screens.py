"""What the display shows outside the menu: found by drawing what is expected and comparing."""

import gc
import random

from evse import reasons
from evse.charging import faults
from evse.panel import texts
from evse.panel.canvas import CENTRE, LEFT, RIGHT, WIDTH, Canvas
from evse.panel.words import moment, rounded, span
from helpers_core import NOON_S, Bench, refused
from helpers_screens import Display, charging, situations, sunny

_SMART = {"mains_met": "API", "mode": "Smart", "max": 16, "tz": "UTC0"}
_SOLAR = {"mains_met": "API", "mode": "Solar", "max": 16, "import": 2, "tz": "UTC0"}
_SHOWN_BESIDE = (faults.LESS_6A, faults.BOOT_DELAY, faults.CLOCK, faults.UPDATE)
_ON_C = {"state_id": 2, "faults": 0, "reason": reasons.CHARGING}


def pages(canvas, first, number=1):
    return bytes(canvas.data[first * WIDTH:(first + number) * WIDTH])


def reads(display, text, page):
    """True when the large line on ``page`` is this text in the middle, and nothing else."""
    other = Canvas()
    other.large(text, page)
    return pages(display.canvas, page, 2) == pages(other, page, 2)


def below(display, text):
    """True when the small line at the bottom is this text."""
    other = Canvas()
    other.small(text, WIDTH // 2, 7, CENTRE)
    return pages(display.canvas, 7) == pages(other, 7)


def has(display, text, x, page, align=LEFT):
    """True when this small text is there, with nothing within a column of it."""
    other = Canvas()
    other.small(text, x, page, align)
    width = other.small_width(text)
    begin = x - width if align == RIGHT else x - (width + 1) // 2 if align == CENTRE else x
    begin, end = max(begin - 1, 0), min(begin + width + 1, WIDTH)
    return pages(display.canvas, page)[begin:end] == pages(other, page)[begin:end]


def framed(display, first, second, small=""):
    """True for the plain screen with these three lines."""
    other = Canvas()
    other.line(10)
    other.line(52)
    other.small(small, WIDTH // 2, 7, CENTRE)
    return (reads(display, first, 2) and reads(display, second, 4)
            and pages(display.canvas, 0, 2) == pages(other, 0, 2)
            and pages(display.canvas, 6, 2) == pages(other, 6, 2))


def dark(display, x0, y0, x1, y1):
    """How many dark pixels are from column ``x0`` and row ``y0`` to before ``x1`` and ``y1``."""
    data = display.canvas.data
    return sum(data[y // 8 * WIDTH + x] >> y % 8 & 1 for y in range(y0, y1)
               for x in range(x0, x1))


def at_rest(settings=None, **facts):
    """The display of a charger without a car."""
    bench = Bench(settings or {}, clock_s=NOON_S)
    bench.run(1000)
    return Display(bench, **facts)


def said(words):
    """What a generator of words returns."""
    while True:
        try:
            next(words)
        except StopIteration as end:
            return end.value


def mains(display, *amps):
    """The mains meter shows these dA."""
    display.bench.command("reading", ("mains",) + amps)
    display.bench.run(20)


# ---- which screen ----

def test_each_fault_is_shown_in_four_large_lines_or_beside_the_rest():
    display = at_rest()
    display.second()
    ordinary = bytes(display.canvas.data)
    seen = [ordinary]
    for bit, _, name, severity, _ in faults.FAULTS:
        display.facts["faults"] = bit
        display.screens.seconds = 0
        pictures = []
        for _ in range(8):
            display.second()
            picture = bytes(display.canvas.data)
            if picture not in pictures:
                pictures.append(picture)
        if bit in _SHOWN_BESIDE:
            assert not [picture for picture in pictures if picture[:WIDTH] != bytes(WIDTH)], name
            continue
        # Whatever stops charging covers the ordinary screen, the rest lets it through.
        assert (ordinary in pictures) == (severity == faults.STOPS_NOTHING), name
        assert len(pictures) == (2 if severity == faults.STOPS_NOTHING
                                 or bit == faults.RCM_TRIPPED else 1), name
        errors = [picture for picture in pictures if picture != ordinary]
        assert errors[0] not in seen, name  # each has words of its own
        seen.append(errors[0])
        for page in (0, 2, 4, 6):
            assert any(errors[0][page * WIDTH:(page + 2) * WIDTH]), name


def test_a_residual_current_takes_turns_with_how_to_reset_it():
    display = at_rest(faults=faults.RCM_TRIPPED)
    for second in range(1, 20):
        display.second()
        text = display.texts.get(texts.T_E_RESET if second // 4 % 2 else texts.T_E_RCM)
        for number, line in enumerate(text.split("|")):
            assert reads(display, line, 2 * number), (second, line)


def test_faults_take_turns():
    display = at_rest(faults=faults.TEMP_HIGH | faults.CIRCUIT_NOCOMM | faults.STORAGE)
    for turn, text in enumerate(2 * (texts.T_E_CIRCUIT, texts.T_E_TEMP, texts.T_E_STORAGE)):
        display.turn(turn)
        for part in range(4):
            assert reads(display, display.texts.get(text, part), 2 * part), (turn, part)


def test_what_has_just_failed_is_shown_at_once():
    display = at_rest(faults=0).second(3)
    display.facts["faults"] = faults.STORAGE
    assert reads(display.second(), "SETTINGS", 2)
    display.turn(1)
    assert reads(display, "READY TO", 2)
    display.facts["faults"] = faults.STORAGE | faults.CLOCK  # this one is not shown so
    assert reads(display.second(), "READY TO", 2)


def test_lost_data_of_the_mains_say_who_is_silent():
    for settings, text in (({"mains_met": "Eastron3P"}, texts.T_E_SERIAL),
                           ({"mains_met": "API"}, texts.T_E_MAINS),
                           ({"mains_met": "HomeWizrd"}, texts.T_E_MAINS),
                           ({"pwr_share": "Node 3"}, texts.T_E_MASTER)):
        display = at_rest(settings, faults=faults.CT_NOCOMM).second()
        for part in range(4):
            assert reads(display, display.texts.get(text, part), 2 * part), (settings, part)


def test_a_real_loss_of_the_meter_is_shown_and_its_return():
    bench = Bench(_SMART)
    bench.house = 20
    bench.run(5000)
    display = Display(bench).second()
    assert reads(display, "READY", 5)
    bench.house = None
    bench.run(15000)
    display.second()
    assert reads(display, "MAINS METER", 2)
    bench.house = 20
    bench.run(5000)
    display.second()
    assert reads(display, "READY", 5)


def test_a_held_button_says_what_it_will_do_before_everything_else():
    display = at_rest(faults=faults.TEMP_HIGH, update=3)
    for held, words in ((1, "to Stop"), (2, "for Menu"), (4, "to Start")):
        display.screens.held = held
        display.second()
        assert framed(display, "Hold 2 sec", words), words
    display.screens.held = 0
    display.second()
    assert reads(display, "HIGH TEMP", 0)


def test_set_up_and_update():
    display = at_rest({"tz": "UTC0"}, wizard=True).second()
    assert reads(display, "WELCOME", 2)
    display.facts["portal"] = ("SmartEVSE-123456", "k3v9wq7m", "192.168.4.1")
    display.facts["wizard"] = False
    display.second()
    assert reads(display, "k3v9wq7m", 4)
    assert has(display, "SmartEVSE-123456", 64, 2, CENTRE)
    assert below(display, "http://192.168.4.1/")
    assert has(display, "12:00", WIDTH, 0, RIGHT)
    display.facts["wizard"] = True  # both take turns
    assert reads(display.turn(1), "WELCOME", 2)
    assert reads(display.turn(2), "k3v9wq7m", 4)
    display.facts["update"] = 0
    bars = []
    for percent in (0, 45, 100):
        display.facts["update"] = percent
        display.second()
        assert reads(display, "UPDATE", 2)
        assert reads(display, "%d %%" % percent, 4)
        bars.append(dark(display, 14, 3, WIDTH - 14, 4))
    assert bars == [0, 45, 100]


# ---- plain ----

def test_ready_and_what_is_waited_for():
    bench = Bench({"max": 16})
    bench.run(1000)
    display = Display(bench).second()
    assert framed(display, "READY TO", "CHARGE", "no car connected")
    display.facts["delay_s"] = 12
    display.second()
    assert reads(display, "CHARGE 12", 4)
    display.facts["delay_s"] = 0
    bench.car = "B"
    bench.run(6000)
    display.second()
    assert framed(display, "READY TO", "CHARGE", "waits for the car")
    display.facts["faults"] = faults.LESS_6A
    display.facts["reason"] = reasons.TURN
    display.second()
    assert framed(display, "WAITING", "FOR POWER", "waits for its turn")
    display.facts["reason"] = reasons.NO_SUN
    display.second()
    assert reads(display, "FOR SOLAR", 4)


def test_charging_says_the_current_and_with_a_meter_power_and_energy():
    display = Display(charging({"max": 16}, meter=None))
    for _ in range(13):
        display.second()
        assert framed(display, "CHARGING", "16.0 A", "limit: MAX")
    display = Display(charging({"max": 16, "ev_meter": "Eastron3P"}))
    wh = display.bench.status.session_wh
    assert wh > 50
    for turn, text in enumerate(("16.0 A", "11.0 kW", rounded(wh, 1000, 1) + " kWh", "16.0 A")):
        assert reads(display.turn(turn), text, 4), text
    display.bench.core.relay_open = True
    display.second()
    assert reads(display, "LIMITED", 2)


def test_charging_until_the_timer_stops_it():
    bench = Bench({"max": 16, "tz": "UTC0"}, clock_s=NOON_S)
    bench.command("timer", ("Normal", NOON_S + 30, NOON_S + 7200, 0))
    bench.charge()
    display = Display(bench)
    seen = [below(display.turn(turn), line) for turn, line in
            ((0, "limit: MAX"), (1, "stops at 14:00"), (2, "limit: MAX"))]
    assert seen == [True] * 3


def test_pause_and_denied_leave_nothing_of_the_line_before():
    bench = charging({"max": 16}, meter=None)
    display = Display(bench).second()
    assert reads(display, "16.0 A", 4)
    bench.command("mode", "Pause")
    bench.run(100)
    display.second()
    assert reads(display, "PAUSE", 2)
    assert reads(display, texts.Texts("en").get(texts.T_PAUSE, 1), 4)
    bench.command("mode", "Off")
    bench.run(100)
    display.second()
    assert framed(display, "ACCESS", "DENIED")


def test_modem_states():
    display = at_rest()
    for state in (11, 12, 13):
        display.facts["state_id"] = state
        assert reads(display.second(), "COMM", 4)
    display.facts["state_id"] = 14
    assert reads(display.second(), "DENIED", 4)


def test_a_delayed_start_says_when_and_what_time_it_is():
    bench = Bench({"tz": "UTC0"}, clock_s=NOON_S)
    bench.car = "B"
    bench.run(2000)
    now = "Tue 22 Sep '26 12:00"
    for ahead_s, text in ((60 * 60, "13:00"), (24 * 3600 - 60, "11:59"), (25 * 3600, "Wed 13:00"),
                          (6 * 86400, "Mon 12:00"), (8 * 86400, "Wed 30 Sep"),
                          (100 * 86400, "Thu 31 Dec")):
        bench.command("mode", "Normal")
        bench.clock_s = NOON_S
        bench.command("timer", ("Normal", NOON_S + ahead_s, 0, 0))
        bench.run(1000)
        display = Display(bench).second()
        assert framed(display, "STARTING @", text, now), text
    # Without the time of day it says so.
    bench = Bench({"tz": "UTC0"})
    bench.command("timer", ("Normal", 1_800_000_000, 0, 0))
    bench.car = "B"
    bench.run(2000)
    display = Display(bench).second()
    assert framed(display, "STARTING @", "Fri 15 Jan", "waits for the clock")


def test_a_stop_that_is_still_to_come_is_no_delayed_start():
    display = at_rest(access=0, timer_start=NOON_S + 80000, timer_stop=NOON_S + 60)
    assert framed(display.second(), "ACCESS", "DENIED")


def test_cards():
    bench = Bench({"rfid": "EnableAll"})
    bench.command("mode", "Off")
    bench.run(1000)
    display = Display(bench).second()
    assert framed(display, "PRESENT", "RFID CARD")
    bench.core.rfid_status = 7
    assert framed(display.second(), "INVALID", "RFID CARD")
    bench.command("set", ("rfid", "Learn"), "LCD")
    for status, text in ((2, "Card stored"), (3, "Card deleted"), (5, "Card not in storage!")):
        bench.core.rfid_status = status
        assert framed(display.second(), "PRESENT", "RFID CARD", text), text
    bench.command("set", ("rfid", "Disabled"), "LCD")
    assert framed(display.second(), "ACCESS", "DENIED")


# ---- energy flow ----

def test_the_plain_screen_is_for_normal_and_without_access():
    display = at_rest(_SMART)
    mains(display, 0, 0, 0)
    assert reads(display.second(), "READY", 5)
    display.bench.command("mode", "Off")
    assert framed(display.second(), "ACCESS", "DENIED")
    display.bench.command("mode", "Normal")
    assert reads(display.second(), "READY TO", 2)


def test_phases_are_shown_rounded_and_in_solar_their_sum():
    display = at_rest(_SMART)
    mains(display, -125, 14, 15)
    for turn in range(3):
        display.turn(turn)
        for page, text in enumerate(("-13A", "1A", "2A")):
            assert has(display, text, 47, page, RIGHT), text
    display.bench.command("mode", "Solar")
    display.screens.seconds = 0
    assert has(display.turn(0), "-13A", 47, 0, RIGHT)
    display.turn(1)
    assert has(display, "Σ", 42, 1)
    assert has(display, "-10A", 47, 2, RIGHT)
    assert not dark(display, 20, 0, 47, 8)


def test_the_sun_shines_in_solar_only():
    display = at_rest(_SMART)
    mains(display, 0, 0, 0)
    assert not dark(display.second(), 74, 0, 87, 13)
    display.bench.command("mode", "Solar")
    assert dark(display.second(), 74, 0, 87, 13) > 20


def _blob(display, x0, x1):
    """The first column of the blob on the line, None without one."""
    found = [x for x in range(x0, x1) if dark(display, x, 25, x + 1, 27)]
    return found[0] if found else None


def test_energy_moves_from_the_grid_or_to_it():
    display = at_rest(_SMART)
    mains(display, 20, 20, 20)
    places = [_blob(display.second(), 19, 51) for _ in range(12)]
    assert [later - place for place, later in zip(places, places[1:])].count(3) >= 9
    assert min(places) >= 20 and max(places) <= 44
    mains(display, -20, -20, -20)
    places = [_blob(display.second(), 19, 51) for _ in range(12)]
    assert [later - place for place, later in zip(places, places[1:])].count(-3) >= 9
    assert min(places) >= 20 and max(places) <= 44
    for amps in ((1, 1, 1), (-3, 0, 0), (20, -20, 3)):
        mains(display, *amps)
        assert _blob(display.second(), 19, 51) is None, amps
    mains(display, 4, 0, 0)
    assert _blob(display.second(), 19, 51)


def test_energy_stands_still_while_no_second_passes():
    display = at_rest(_SMART)
    mains(display, 20, 20, 20)
    display.second()
    before = bytes(display.canvas.data)
    for _ in range(5):
        for _ in display.draw():
            pass
    assert bytes(display.canvas.data) == before


def test_the_car_gets_energy_in_state_c_only_and_is_joined_when_connected():
    display = at_rest(_SMART)
    mains(display, 0, 0, 0)
    display.second()
    assert dark(display, 73, 27, 96, 28) == 0
    assert dark(display, 96, 16, WIDTH, 32) > 50
    display.facts["state_id"] = 1
    display.second()
    assert dark(display, 73, 27, 96, 28) == 23
    assert _blob(display, 73, 95) is None
    assert not dark(display, 73, 16, 96, 24)
    display.facts.update(_ON_C)
    display.facts["offered_da"] = 135
    places = [_blob(display.second(), 73, 95) for _ in range(12)]
    assert min(places) >= 74 and max(places) <= 89 and len(set(places)) == 6
    assert has(display, "14A", 85, 2, CENTRE)


def test_without_a_meter_there_are_no_values_and_no_flow():
    display = at_rest({"pwr_share": "Node 1"}, mains_age_ms=-1, setting_mode_id=1, faults=0)
    display.second()
    assert not dark(display, 19, 0, 51, 27)
    assert dark(display, 18, 27, 51, 28) == 33


def test_energy_and_power_of_an_ev_meter():
    display = at_rest(_SOLAR, ev_age_ms=0, offered_da=160, phases_used=7, **_ON_C)
    mains(display, 0, 0, 0)
    for wh, watts, energy, power in ((0, 0, "0.0kWh", "0.0kW"),
                                     (12345, 3650, "12.3kWh", "3.7kW"),
                                     (99949, 9949, "99.9kWh", "9.9kW"),
                                     (99950, 9950, "100kWh", "10kW"),
                                     (999499, 22049, "999kWh", "22kW"),
                                     (9999900, 22000, "10.0MWh", "22kW")):
        display.facts["session_wh"] = wh
        display.facts["ev_w"] = watts
        display.screens.seconds = 0
        assert has(display.turn(0), energy, WIDTH, 1, RIGHT), energy
        assert has(display, "16A", 85, 2, CENTRE)
        assert has(display.turn(1), power, 85, 2, CENTRE), power
        assert not dark(display, 87, 0, 88, 16)  # the sun keeps its distance
    display.facts["ev_age_ms"] = -1
    display.screens.seconds = 0
    assert not dark(display.turn(1), 88, 8, WIDTH, 16)
    assert has(display, "16A", 85, 2, CENTRE)


def test_the_words_of_charging_take_turns():
    display = at_rest(_SMART, offered_da=160, phases_used=7, ev_w=22000, session_wh=9999900,
                      ev_age_ms=0, relay_open=True, **_ON_C)
    mains(display, 0, 0, 0)
    words = ("SMART 3P", "LIMITED", "CHARGING", "22.0 kW", "9999.90 kWh", "16.0 A", "SMART 3P")
    for turn, text in enumerate(words):
        assert reads(display.turn(turn), text, 5), text
    display.facts["ev_age_ms"] = -1
    display.facts["relay_open"] = False
    display.facts["phases_used"] = 2
    display.bench.command("mode", "Solar")
    display.screens.seconds = 0
    for turn, text in enumerate(("SOLAR 1P", "CHARGING", "16.0 A", "SOLAR 1P")):
        assert reads(display.turn(turn), text, 5), text
    display.facts["phases_used"] = 0
    display.screens.seconds = 0
    assert reads(display.turn(0), "SOLAR", 5)


def test_charging_begins_with_the_first_words():
    display = at_rest(_SMART, offered_da=160)
    mains(display, 0, 0, 0)
    display.second(50)
    display.facts.update(_ON_C)
    assert reads(display.second(), "SMART", 5)
    assert display.screens.seconds == 1


def test_waiting_pause_modem_and_phases():
    display = at_rest(_SMART, faults=faults.LESS_6A, reason=reasons.LIMIT_SHORTAGE,
                      limit=reasons.LIMIT_MAINS)
    mains(display, 0, 0, 0)
    for turn, text in enumerate(("WAITING", "FOR POWER", "WAITING")):
        assert reads(display.turn(turn), text, 5), text
    assert below(display, "limit: mains")
    display.facts["faults"] = 0
    display.facts["state_id"] = 12
    assert reads(display.second(), "MODEM", 5)
    display.facts["state_id"] = 9
    display.facts["reason"] = reasons.SWITCHING_PHASES
    for wish, text in ((1, "3P -> 1P"), (3, "1P -> 3P")):
        display.facts["phases_wish"] = wish
        assert reads(display.second(), text, 5)
    display.facts["delay_s"] = 8
    assert reads(display.second(), "1P -> 3P 8", 5)
    display.facts["reason"] = reasons.CAR_NOT_READY
    assert reads(display.second(), "READY 8", 5)
    display.bench.command("mode", "Pause")
    display.facts["reason"] = reasons.PAUSED
    assert reads(display.second(), "PAUSE", 5)
    assert below(display, "")


def test_waiting_for_the_sun():
    bench = sunny(-5)
    assert bench.status.reason == reasons.NO_SUN
    display = Display(bench)
    assert reads(display.turn(0), "WAITING", 5)
    assert below(display, "waits for more sun")
    assert reads(display.turn(1), "FOR SOLAR", 5)
    assert below(display, "sun 1.5 A")
    bench.house = 10
    bench.run(2000)
    assert below(display.turn(3), "sun 0.0 A")


def test_a_real_stop_for_want_of_sun_is_announced():
    bench = sunny(-120)
    assert bench.core.charger.c1
    display = Display(bench).second()
    assert not dark(display, 92, 0, WIDTH, 8)
    bench.house = -20
    bench.until(lambda: bench.status.solar_left_s > 0)
    left_s = bench.status.solar_left_s
    display.screens.seconds = 0
    display.turn(0)
    assert has(display, span(left_s), 100, 0)
    assert dark(display, 92, 0, 99, 7) > 10
    assert below(display, "stops in " + span(left_s))
    status = bench.status
    drawn = sum(status.solar_da(phase) for phase in range(3))
    assert drawn > 20
    assert below(display.turn(1), "import %s A > 2 A" % rounded(drawn, 10, 1))
    assert dark(display, 18, 27, 51, 28) == 33  # no dashes


def test_the_capacity_timer_dashes_the_line():
    display = at_rest(_SMART, capacity_left_s=65, offered_da=60, **_ON_C)
    mains(display, 0, 0, 0)
    display.turn(0)
    assert dark(display, 18, 27, 51, 28) == 17
    assert has(display, "1:05", 100, 0)
    assert below(display, "stops in 1:05")
    # The sooner of two stops.
    display.facts["solar_left_s"] = 20
    display.second()
    assert has(display, "0:20", 100, 0)
    display.facts["solar_left_s"] = 430
    display.second()
    assert has(display, "1:05", 100, 0)
    # By how much, while a limit is in force.
    display.facts["solar_left_s"] = 0
    bench = Bench({"mains_met": "API", "mode": "Smart", "cap_mode": "Fixed", "capacity": 30})
    bench.command("reading", ("mains", 333, 0, 0))
    bench.run(3000)
    display = Display(bench, capacity_left_s=65, **_ON_C)
    assert below(display.turn(1), "total 33.3 A > 30.0 A")


def test_sharing_says_who_has_what():
    document = dict(_SMART)
    document["pwr_share"] = "Master"
    bench = Bench(document)
    bench.house = 0
    bench.run(25000)
    for node, charges in ((1, True), (2, False)):
        bench.core.group.heard(node, True, charges, 1, 160, 0, bench.now)
    for _ in range(9):
        bench.core.group.missed(2, bench.now)
    bench.core.regulator.grant_da[1] = 125
    display = Display(bench)
    assert below(display.turn(0), "no car connected")
    assert below(display.turn(1), "Master: 1 of 2, 12.5 A")
    bench = Bench({"pwr_share": "Node 7"})
    bench.core.told(0, bench.now)
    bench.run(2000)
    display = Display(bench, grant_da=160)
    assert below(display.turn(1), "Node 7: 16.0 A")


# ---- numbers ----

def test_numbers_round_half_away_from_zero():
    for value, unit, decimals, text in (
            (0, 10, 0, "0"), (4, 10, 0, "0"), (5, 10, 0, "1"), (-4, 10, 0, "0"),
            (-5, 10, 0, "-1"), (-15, 10, 0, "-2"), (25, 10, 0, "3"), (-1999, 10, 1, "-199.9"),
            (-1999, 10, 0, "-200"), (-4, 1000, 1, "0.0"), (-50, 1000, 1, "-0.1"),
            (22000, 1000, 1, "22.0"), (9999900, 1000, 1, "9999.9"), (9999995, 1000, 2, "10000.00"),
            (1004, 1000, 2, "1.00"), (1005, 1000, 2, "1.01"), (45, 1000, 1, "0.0")):
        assert rounded(value, unit, decimals) == text, (value, unit, decimals)
    assert [span(s) for s in (0, 9, 60, 430, 5999, 10**6)] == ["0:00", "0:09", "1:00", "7:10",
                                                              "99:59", "99:59"]


def test_days_of_the_week():
    bench = Bench({"tz": "UTC0"})
    words = texts.Texts("en")
    day = 951_696_000 + 3600  # 28 February 2000, a Monday
    names = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    for number in list(range(40)) + [366, 365 * 30 + 11, 36600]:
        text = said(moment(bench.status, words, day + number * 86400))
        assert text[:3] == names[number % 7], number
    assert said(moment(bench.status, words, day + 86400)) == "Tue 29 Feb '00 01:00"


# ---- everything ----

def test_every_situation_can_be_drawn_in_every_language():
    pictures = []
    for language in ("en", "nl", "de"):
        names = []
        shown = []
        for name, display in situations(language):
            assert any(display.canvas.data), name
            assert name not in names
            names.append(name)
            shown.append(bytes(display.canvas.data))
        assert len(names) > 70
        pictures.append(shown)
    for first, second in ((0, 1), (0, 2), (1, 2)):
        same = sum(one == other for one, other in zip(pictures[first], pictures[second]))
        assert same < 12, same


class Counted(Canvas):
    """A canvas that counts the characters that were put on it."""

    def __init__(self):
        super().__init__()
        self.characters = 0

    def small(self, text, x, page, align=LEFT):
        """See Canvas."""
        self.characters += len(text)
        assert self.small_width(text) <= WIDTH, text
        assert 0 <= x <= WIDTH
        super().small(text, x, page, align)

    def large(self, text, page, x=None, clear=True):
        """See Canvas; the large font costs about the double."""
        self.characters += 2 * len(text)
        assert self.large_width(text) <= WIDTH, text
        super().large(text, page, x, clear)


def test_no_combination_of_states_breaks_or_clips_a_screen_nor_takes_long_at_once():
    random.seed(6)
    one = random.choice
    canvas = Counted()
    values = {
        "faults": (0, 0, 0, faults.LESS_6A, faults.LESS_6A | faults.EV_NOCOMM, faults.RCM_TRIPPED,
                   0xFFFFF, faults.CLOCK, faults.BOOT_DELAY),
        "state_id": tuple(range(15)) + (2, 2, 2, 2), "access": (0, 1, 1, 2),
        "setting_mode_id": (0, 1, 2), "reason": tuple(range(1, 20)) + tuple(range(25, 37)),
        "limit": (0,) + tuple(range(40, 59)), "offered_da": (0, 60, 800),
        "grant_da": (0, 800, 1999), "ev_age_ms": (-1, 500), "ev_w": (-1, 0, 22000, 55000),
        "session_wh": (0, 50, 9999900), "mains_age_ms": (-1, 0), "solar_left_s": (0, 0, 430, 3600),
        "capacity_left_s": (0, 0, 1, 3600), "delay_s": (0, 0, 600), "phases_used": (0, 1, 7),
        "phases": (0, 1, 3), "phases_wish": (1, 3), "relay_open": (False, True),
        "clock_s": (0, NOON_S), "timer_start": (0, NOON_S + 60, 4294967295),
        "timer_stop": (0, NOON_S + 600, 4294967295), "rfid_status": tuple(range(8)),
        "update": (None, None, None, None, None, None, 0, 100), "wizard": (False, False, True),
        "portal": (None, None, None, ("SmartEVSE-4294967295", "abcdefgh", "192.168.4.1")),
        "mains_fresh": (False, True)}
    worst = 0
    benches = [Bench(settings) for settings in (
        {"mains_met": "API", "mode": "Solar", "rfid": "EnableAll"},
        {"mains_met": "API", "pwr_share": "Master", "cap_mode": "Fixed", "capacity": 30},
        {"pwr_share": "Node 7", "rfid": "Learn"})]
    for bench in benches:
        bench.run(1000)
    for number in range(1500):
        bench = one(benches)
        if not bench.core.node:
            bench.command("reading", ("mains",) + tuple(
                one((-1999, -5, 0, 5, 1999)) for _ in range(3)))
        facts = {}
        for name in values:
            facts[name] = one(values[name])
        display = Display(bench, one(("en", "nl", "de")), canvas, **facts)
        display.screens.seconds = one((0, 3, 7, 11, 15, 19, 23))
        display.screens.held = one((0, 0, 0, 0, 1, 2, 4))
        try:
            canvas.characters = 0
            for _ in display.draw():
                worst = max(worst, canvas.characters)
                canvas.characters = 0
        except Exception:
            print(number, facts)
            raise
        display.texts.close()
    assert worst <= 30, worst


def test_a_lost_file_of_texts_breaks_nothing():
    for _, display in situations():
        used = display.screens.texts
        display.screens.texts = texts.Texts("en")
        display.screens.texts.close()
        display.second(9)
        display.screens.texts = used
    display = at_rest(access=0, timer_start=NOON_S + 9 * 86400, clock_s=NOON_S)
    display.texts.close()
    assert framed(display.second(), "?", "? 1 ?", "? 22 ? '26 14:00")


def test_drawing_keeps_nothing():
    display = at_rest(_SOLAR, offered_da=160, ev_age_ms=0, ev_w=3000, session_wh=1234, **_ON_C)
    mains(display, -10, -10, -10)

    def work():
        for number in range(500):
            display.facts["access"] = number % 3
            display.facts["faults"] = 16 if number % 50 == 0 else 0
            display.second()

    work()
    gc.collect()
    before = gc.mem_alloc()
    work()
    gc.collect()
    assert gc.mem_alloc() <= before


def test_nothing_of_it_changes_the_charger():
    assert refused(Bench(), "screen", 1).field == "name"
    bench = Bench(_SMART)
    bench.run(1000)
    count, changes = bench.journal.count, bench.settings.changes
    Display(bench).second(20)
    assert (bench.journal.count, bench.settings.changes) == (count, changes)
