"""The twin's world: what is powered, what a car does with it, the lock, the card, the meters."""

import asyncio
import os
import sys
import tty
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from twin import card, hands, wire  # noqa: E402
from twin.arguments import BadCommand  # noqa: E402
from twin.car import Car, offer_ma  # noqa: E402
from twin.contactors import Contactors  # noqa: E402
from twin.grid import Grid  # noqa: E402
from twin.live import Clock, LiveWorld  # noqa: E402
from twin.lock import Lock  # noqa: E402
from twin.meter import MeterReading, MeterServer  # noqa: E402
from twin.plug import Plug  # noqa: E402
from twin.world import PP_MV, World  # noqa: E402

OFF = wire.FULL
TEN_A = wire.FULL * 10 // 60


def at_work(second=False, car=None, duty=TEN_A):
    """A world in which a car has charged for a minute."""
    world = World(car or Car(dead_s=1.0))
    world.contactors.second = second
    world.plug()
    world.outputs(duty, True, False, False)
    world.advance(5_000)
    world.outputs(duty, True, True, False)
    if second:
        world.advance(5_050)
        world.outputs(duty, True, True, True)
    world.advance(60_000)
    return world


def currents(world):
    return [world.ev_ma(phase) for phase in range(3)]


TEN = pytest.approx(10_000, abs=20)


# ---- contactors ----

@pytest.mark.parametrize("second, c1, c2, faults, powered", [
    (False, False, False, ("sound", "sound"), 0),
    (False, True, False, ("sound", "sound"), 7),
    (False, True, True, ("sound", "sound"), 7),
    (False, False, True, ("sound", "sound"), 0),
    (False, False, False, ("welded", "sound"), 7),
    (False, True, False, ("stuck", "sound"), 0),
    (False, True, False, ("sound", "welded"), 7),
    (True, True, False, ("sound", "sound"), 1),
    (True, True, True, ("sound", "sound"), 7),
    (True, False, True, ("sound", "sound"), 0),
    (True, True, False, ("sound", "welded"), 7),
    (True, False, False, ("sound", "welded"), 0),
    (True, True, True, ("sound", "stuck"), 1),
    (True, False, False, ("welded", "sound"), 1),
    (True, False, True, ("welded", "sound"), 7),
])
def test_what_the_contactors_let_through(second, c1, c2, faults, powered):
    pair = Contactors()
    pair.second = second
    pair.faults = list(faults)
    pair.command(c1, c2, 0)
    assert pair.powered() == powered


def counters(pair):
    return (pair.closings, pair.c2_closings, pair.under_load, pair.c2_under_load,
            pair.without_neutral)


@pytest.mark.parametrize("commands, counted", [
    ([(1, 0, 0), (1, 1, 0), (0, 0, 0)], (1, 1, 0, 0, 0)),
    ([(1, 1, 0), (0, 0, 9000)], (1, 1, 1, 0, 0)),
    ([(1, 0, 0), (1, 1, 9000)], (1, 1, 0, 1, 0)),
    ([(1, 1, 0), (1, 0, 9000)], (1, 1, 0, 1, 0)),
    ([(1, 1, 0), (1, 0, 900), (0, 0, 900)], (1, 1, 0, 0, 0)),
    ([(1, 1, 9000), (0, 0, 0)], (1, 1, 0, 0, 0)),
    ([(0, 1, 0), (1, 1, 0)], (1, 1, 0, 0, 1)),
    ([(1, 1, 0), (0, 1, 0), (0, 0, 0)], (1, 1, 0, 0, 1)),
])
def test_what_a_second_contactor_must_not_do_is_counted(commands, counted):
    pair = Contactors()
    pair.second = True
    for c1, c2, load in commands:
        pair.command(bool(c1), bool(c2), load)
    assert counters(pair) == counted


def test_an_output_without_a_contactor_breaks_no_rule():
    pair = Contactors()
    pair.command(False, True, 9000)
    pair.command(True, False, 9000)
    assert counters(pair) == (1, 0, 0, 0, 0)
    assert not pair.closed_2


# ---- the car at the contactors ----

def test_a_car_draws_on_what_is_powered_when_it_begins():
    assert currents(at_work()) == [TEN] * 3
    assert currents(at_work(second=True)) == [TEN] * 3
    one = World(Car(dead_s=1.0))
    one.contactors.second = True
    one.plug()
    one.outputs(TEN_A, True, False, False)
    one.advance(5_000)
    one.outputs(TEN_A, True, True, False)
    one.advance(60_000)
    assert currents(one) == [TEN, 0, 0]
    assert one.ev_meter()[0] == pytest.approx(2300, abs=5)
    # A phase that comes later is not used before the car starts anew, one that goes is gone.
    one.outputs(TEN_A * 12 // 10, True, True, True)
    one.advance(120_000)
    assert currents(one) == [pytest.approx(12_000, abs=20), 0, 0]
    assert one.contactors.c2_under_load == 1
    three = at_work(second=True)
    three.outputs(TEN_A, True, True, False)
    three.advance(61_000)
    assert currents(three) == [TEN, 0, 0]


def test_a_car_on_the_phases_of_contactor_2_alone_needs_it():
    world = at_work(second=True, car=Car(phases=(2, 3), dead_s=1.0))
    assert currents(world) == [0, TEN, TEN]
    world.outputs(TEN_A, True, True, False)
    assert currents(world) == [0, 0, 0]
    world.advance(70_000)
    world.outputs(TEN_A, True, True, True)
    world.advance(80_000)
    assert currents(world) == [0, TEN, TEN]


def test_energy_is_counted_on_the_phases_in_use():
    world = at_work()
    before = world.ev_meter()[1]
    world.advance(60_000 + 3_600_000)
    assert world.ev_meter()[1] - before == pytest.approx(6900, abs=10)


def test_a_weld_is_seen_with_a_car_that_will_not_stop():
    world = at_work(car=Car(dead_s=1.0, ignores_stop=True))
    world.outputs(OFF, True, True, False)
    world.advance(70_000)
    assert currents(world) == [TEN] * 3 and world.pilot_mv()[0] == 6000
    hands.put(world, "contactor_1", "welded")
    world.outputs(OFF, True, False, False)
    world.advance(80_000)
    assert currents(world) == [TEN] * 3
    hands.put(world, "contactor_1", "sound")
    assert currents(world) == [0] * 3
    world.advance(81_000)
    assert world.pilot_mv()[0] == 9000
    assert world.contactors.under_load == 1


def test_a_car_that_will_not_stop_opens_its_switch_after_a_trip():
    world = at_work(car=Car(dead_s=1.0, ignores_stop=True))
    world.outputs(TEN_A, True, False, False)  # the guard opens before the PWM goes
    world.outputs(OFF, True, False, False)
    world.advance(65_000)
    assert not world.car.drawing_state


@pytest.mark.parametrize("ignores", [False, True])
def test_a_car_opens_its_switch_when_it_is_cut_off_while_it_stops(ignores):
    world = at_work(car=Car(dead_s=1.0, ignores_stop=ignores))
    world.outputs(OFF, True, True, False)
    world.advance(world.now + 500)
    world.outputs(OFF, True, False, False)
    world.advance(world.now + 500)
    assert not world.car.drawing_state


def test_a_stuck_contactor_lets_nothing_through():
    world = World(Car())
    hands.put(world, "contactor_1", "stuck")
    world.plug()
    world.outputs(TEN_A, True, False, False)
    world.advance(5_000)
    world.outputs(TEN_A, True, True, False)
    world.advance(65_000)
    assert world.car.drawing_state and currents(world) == [0] * 3


@pytest.mark.parametrize("quirks, amps", [
    ({"over_da": 25}, 12.5), ({"over_da": 25, "max_da": 80}, 10.5), ({"ignores_offer": True}, 16),
    ({"over_da": 0}, 10), ({"min_da": 110}, 0)])
def test_a_greedy_car(quirks, amps):
    world = at_work(car=Car(dead_s=1.0, **quirks))
    assert world.car.draw_ma == pytest.approx(amps * 1000, abs=20)


def test_a_quirk_shows_while_it_charges():
    world = at_work()
    hands.quirk(world, "over_da", 30)
    world.advance(61_000)
    assert world.car.draw_ma == TEN, "the dead time"
    world.advance(70_000)
    assert world.car.draw_ma == pytest.approx(13_000, abs=20)


# ---- sleeping cars ----

def asks(car, wake_at, until=200_000):
    """Whether ``car`` asks for energy after the line did ``wake_at``: [(duty, connected, ms)]."""
    world = World(car)
    world.plug()
    now = 0
    for duty, connected, lasts in wake_at:
        world.outputs(duty, connected, False, False)
        now += lasts
        world.advance(now)
    world.outputs(TEN_A, True, False, False)
    world.advance(until)
    return world.car.drawing_state


OFFER = (TEN_A, True, 60_000)
WAYS = {"short": (OFF, False, 2_900), "interruption": (OFF, False, 3_000),
        "long": (OFF, False, 8_000), "f": (0, True, 2_000), "brief f": (0, True, 1_900)}


@pytest.mark.parametrize("wake, good", [
    ("interruption", {"interruption", "long"}), ("long", {"long"}), ("f", {"f"}),
    ("never", set()), (None, set(WAYS))])
@pytest.mark.parametrize("way", WAYS)
def test_what_wakes_a_car(wake, good, way):
    car = Car(wake=wake, asleep=True)
    assert asks(car, [OFFER, WAYS[way]]) == (way in good)


@pytest.mark.parametrize("wait_s, asleep", [(599, False), (601, True)])
def test_a_car_falls_asleep_without_an_offer(wait_s, asleep):
    car = Car(wake="interruption")
    assert asks(car, [(OFF, True, wait_s * 1000)], 1_000_000) == (not asleep)


def test_a_sleeper_wakes_when_it_is_plugged_in_again_unless_it_always_sleeps():
    for asleep in (False, True):
        world = World(Car(wake="f", asleep=asleep))
        world.plug()
        world.outputs(OFF, True, False, False)
        world.advance(700_000)
        world.unplug()
        world.advance(701_000)
        world.plug()
        world.outputs(TEN_A, True, False, False)
        world.advance(710_000)
        assert world.car.drawing_state == (not asleep)


def test_a_hand_can_send_a_car_to_sleep_and_wake_it():
    world = World(Car(wake="never"))
    world.plug()
    hands.quirk(world, "asleep", True)
    world.outputs(TEN_A, True, False, False)
    world.advance(10_000)
    assert not world.car.drawing_state
    hands.quirk(world, "asleep", False)
    world.advance(20_000)
    assert world.car.drawing_state


# ---- the pilot line ----

def test_the_pilot_at_minus_12_volts_and_open():
    world = World(Car())
    world.outputs(0, True, False, False)
    assert world.pilot_mv()[1] == -12000
    world.plug()
    assert world.pilot_mv()[1] == -12000
    assert offer_ma(0) == 0
    world.outputs(OFF, False, False, False)
    assert world.pilot_mv() == (0, 0)
    hands.put(world, "floating_mv", 12000)
    assert world.pilot_mv() == (12000, 12000), "an open line may look like no car"
    hands.put(world, "short", True)
    assert world.pilot_mv() == (0, 0), "the short is on the side the board reads"


def test_a_car_stops_when_the_pilot_opens():
    world = at_work()
    world.outputs(TEN_A, False, True, False)
    world.advance(64_000)
    assert not world.car.drawing_state and world.car.draw_ma == 0


# ---- the lock ----

@pytest.mark.parametrize("kind, open_level, locked_level", [
    ("solenoid", True, False), ("motor", False, True), ("none", False, False)])
def test_the_feedback_of_each_lock(kind, open_level, locked_level):
    lock = Lock(kind)
    assert lock.sense() == open_level
    lock.drive(1, 1000)
    assert lock.next_change() == (None if kind == "none" else 1300)
    lock.step(1300)
    assert lock.sense() == locked_level
    assert lock.locked == (kind != "none")


def test_a_pulse_cut_short_and_a_jammed_lock_move_nothing():
    lock = Lock("motor")
    lock.drive(1, 0)
    lock.step(299)
    lock.drive(0, 299)
    lock.step(1000)
    assert not lock.locked
    lock.jammed = True
    lock.drive(1, 1000)
    lock.step(2000)
    assert not lock.locked
    lock.jammed = False
    lock.drive(0, 2000)
    lock.drive(1, 3000)
    lock.drive(1, 3200)  # the same drive goes on
    lock.step(3300)
    assert lock.locked and lock.pulses == 3
    lock.drive(-1, 4000)
    lock.drive(0, 4299)
    lock.step(4500)
    assert lock.locked
    lock.drive(-1, 5000)
    lock.step(5300)
    assert not lock.locked


def test_a_locked_plug_stays_and_the_car_can_go():
    world = World(Car())
    world.lock.kind = "solenoid"
    assert world.proximity_mv() == PP_MV["none"]
    world.plug()
    world.outputs(TEN_A, True, False, False)
    assert world.next_change() == 1500
    world.drive_lock(1)
    assert world.next_change() == 300
    world.advance(600)
    assert not world.unplug() and world.car.plugged
    assert world.unplug(at_car=True) and not world.car.plugged
    assert world.pilot_mv()[0] == 12000
    assert world.proximity_mv() == PP_MV["32 A"], "the cable is still in the socket"
    world.drive_lock(-1)
    world.advance(1200)
    assert world.unplug()
    assert world.proximity_mv() == PP_MV["none"]


# ---- monitor, card ----

def test_a_missing_monitor_looks_like_a_trip_that_never_ends():
    world = World(Car())
    assert not world.rcm_line()
    hands.put(world, "rcm", True)
    assert world.rcm_line()
    hands.put(world, "rcm", False)
    assert not world.rcm_line()
    hands.put(world, "rcm_fitted", False)
    assert world.rcm_line()


def test_a_card_says_its_number_and_a_checksum():
    assert card.crc8(bytes.fromhex("021CB801000000")) == 0xA2  # Maxim's application note 27
    old = card.rom("021CB8010000")
    assert old[:7].hex() == "01021cb8010000" and card.crc8(old) == 0
    new = card.rom("04a2b3c4d5e6f7")
    assert new[:7].hex() == "04a2b3c4d5e6f7" and card.crc8(new) == 0
    assert card.rom(None) == bytes(8)


@pytest.mark.parametrize("uid", ["", "1234", "04A2B3C4D5E6F", "04A2B3C4D5E6FG", 7, "0" * 16])
def test_a_card_that_is_none(uid):
    with pytest.raises(ValueError, match="12 or 14 hex digits"):
        card.rom(uid)


# ---- what hands may do ----

@pytest.mark.parametrize("table, name, value, words", [
    (hands.WORLD, "moon", 1, "moon is unknown; there are cable, card"),
    (hands.WORLD, "contactor_1", "broken", "one of sound, welded, stuck"),
    (hands.WORLD, "rcm", 1, "rcm is one of False, True"),
    (hands.WORLD, "temp_c", 200, "from -40 to 125"),
    (hands.WORLD, "temp_c", True, "from -40 to 125"),
    (hands.WORLD, "card", "12", "12 or 14"),
    (hands.CAR, "wake", "kiss", "one of None, interruption"),
    (hands.CAR, "over_da", None, "from 0 to 800"),
])
def test_hands_are_told_what_is_wrong(table, name, value, words):
    with pytest.raises(ValueError, match=words):
        hands.check(table, name, value)


def test_everything_hands_may_change_can_be_put():
    world = World(Car())
    for name, allowed in hands.WORLD.items():
        for value in (None, "04A2B3C4D5E6F7") if callable(allowed) else allowed:
            hands.put(world, name, value)
    for name, allowed in hands.CAR.items():
        for value in allowed:
            hands.quirk(world, name, value)
    assert world.temp_c == 125 and world.resistor_mv is None and world.switch
    assert world.contactors.faults == ["stuck", "stuck"] and world.lock.jammed


class Line:
    """Keeps the packets of a world."""

    def __init__(self):
        self.packets = []

    def sendto(self, packet, _):
        """A datagram leaves."""
        self.packets.append(packet)


@pytest.fixture
def live():
    """A live world of three chargers that nothing moves; ``live.line`` has the first's packets."""
    grid, clock = Grid(), Clock()
    one = LiveWorld(grid, [Plug(grid, clock) for _ in range(3)])
    for plug in one.plugs:
        plug.alive = True
        one.line = Line()
        plug.connection_made(one.line)
    one.line = one.plugs[0]._transport
    return one


def drive(live, evse, duty, flags):
    """The board of ``evse`` tells its outputs."""
    live.plugs[evse].datagram_received(
        wire.struct.pack(wire.OUTPUTS, wire.OUTPUTS_MAGIC, duty, flags, 1, 2, 3, 4, 0), None)


def sensed(live):
    return wire.struct.unpack(wire.SENSORS, live.line.packets[-1])


def test_the_sensors_carry_card_lock_monitor_and_switch(live):
    live.command("wiring", {"second": True})
    _, _, _, pp, temp, flags, _, _, _, rom = sensed(live)
    assert (pp, temp, flags, rom) == (3300, 250, 0, bytes(8))
    live.command("card", {"uid": "04A2B3C4D5E6F7"})
    assert sensed(live)[-1] == card.rom("04A2B3C4D5E6F7")
    live.command("lock", {"kind": "solenoid"})
    assert sensed(live)[5] == wire.FLAG_LOCK
    live.command("rcm_sensor", {"fitted": False})
    live.command("switch", {"pressed": True})
    live.command("button", {"which": "right", "pressed": True})
    assert sensed(live)[5] == (wire.FLAG_LOCK | wire.FLAG_RCM | wire.FLAG_SWITCH
                               | 4 << wire.BUTTON_SHIFT)
    live.command("temperature", {"celsius": -5})
    assert sensed(live)[4] == -50


def test_the_outputs_move_lock_and_contactors(live):
    live.command("wiring", {"second": True})
    live.command("lock", {"kind": "motor"})
    flags = wire.OUT_CONNECT | wire.OUT_C1 | wire.OUT_C2 | wire.OUT_LOCK
    drive(live, 0, OFF, flags)
    state = live.state()
    assert state["contactors"]["closed_1"] and state["contactors"]["closed_2"]
    assert state["lock"]["pulses"] == 1 and state["led"] == [1, 2, 3]
    live.plugs[0].power_off()
    drive(live, 0, OFF, flags)  # said before its end, heard after
    state = live.state()
    assert not state["contactors"]["closed_1"] and not state["contactors"]["closed_2"]
    assert not state["firmware"] and live.state(1)["firmware"]


def test_battery_and_circuit_on_the_page_and_at_the_meters(live):
    live.command("load", {"amps": [1, 2, 3]})
    live.command("battery", {"amps": -2})
    live.command("circuit", {"amps": [4, 0, 0.5]})
    site = live.state()["site"]
    assert site["battery_a"] == [-2, -2, -2] and site["circuit_load_a"] == [4, 0, 0.5]
    assert site["circuit_a"] == [4, 0, 0.5] and site["mains_a"] == [3, 0, 1.5]
    grid, plug = live.grid, live.plugs[0]
    assert grid.circuit_meter.measure().amps_ma == [4000, 0, 500]
    assert grid.meter.measure().amps_ma == [3000, 0, 1500]
    assert plug.ev_meter.measure().amps_ma == [0, 0, 0]
    plug.sub_panel = True
    assert plug.ev_meter.measure().amps_ma == [4000, 0, 500]
    grid.meter.order, grid.meter.sign = [1, 0, 2], [-1, 1, 1]
    assert grid.meter.measure().amps_ma == [0, 3000, 1500]


@pytest.mark.parametrize("name, arguments, words", [
    ("circuit", {"amps": [1, 2]}, "circuit takes one current or three"),
    ("circuit_meter", {"on": False}, "there is no circuit meter"),
    ("contactor", {"which": 3, "fault": "welded"}, "there are contactors 1 and 2"),
    ("contactor", {"which": 1, "fault": "gone"}, "one of sound"),
    ("quirk", {"key": "colour", "value": 1}, "colour is unknown"),
    ("card", {"uid": "xyz"}, "12 or 14 hex digits"),
    ("unplug", {"at": "roof"}, "at the socket or at the car"),
    ("lock", {"kind": "padlock"}, "lock is one of none"),
    ("plug", {"evse": 3}, "evse is a number from 0 to 2"),
    ("plug", {"evse": True}, "evse is a number from 0 to 2"),
    ("kill", {}, "no command is called kill"),
])
def test_the_page_is_told_what_is_wrong(live, name, arguments, words):
    with pytest.raises(BadCommand, match=words):
        live.command(name, arguments)


def test_the_page_is_told_that_the_lock_holds(live):
    live.command("lock", {"kind": "motor"})
    live.command("plug", {})
    live.plugs[0].world.lock.locked = True
    with pytest.raises(BadCommand, match="the lock holds the plug"):
        live.command("unplug", {})
    live.command("unplug", {"at": "car"})


def test_commands_and_states_are_about_the_plug_they_name(live):
    live.command("plug", {"evse": 1})
    live.command("temperature", {"celsius": 40, "evse": 2})
    assert [row["plugged"] for row in live.state()["chargers"]] == [False, True, False]
    assert [live.state(n)["board"]["temp_c"] for n in range(3)] == [25, 25, 40]
    assert live.state(1)["evse"] == 1 and live.state(1)["car"]["plugged"]


def charging(live, evse, amps):
    """The car of ``evse`` draws ``amps``, the world having moved on for 20 s."""
    live.command("plug", {"evse": evse})
    plug = live.plugs[evse]
    duty = wire.FULL * amps // 60 + 1
    drive(live, evse, duty, wire.OUT_CONNECT)
    plug.world.advance(plug.world.now + 5_000)
    plug.world.outputs(duty, True, True, False)
    plug.world.advance(plug.world.now + 15_000)


def test_the_record_holds_the_true_site_against_its_limits(live):
    live.command("record", {"mains": 20, "circuit": 16})
    live.plugs[1].world.rotation = (1, 2, 0)
    charging(live, 0, 8)
    live.command("car", {"evse": 1, "model": "one-phase 32 A"})
    charging(live, 1, 10)
    live.record.sample(0.1)
    record = live.state()["site"]["record"]
    assert record["circuit"]["worst_a"] == pytest.approx(2, abs=0.1)
    assert record["mains"]["worst_a"] == pytest.approx(8 + 10 + 1 - 20, abs=0.1)
    assert record["circuit"]["over_s"] == 0.1 and record["mains"]["over_s"] == 0
    live.command("circuit", {"amps": 3})
    for _ in range(4):
        live.record.sample(0.1)
    live.plugs[1].power_off()
    live.record.sample(0.1)
    live.record.sample(0.1)
    record = live.state()["site"]["record"]
    assert record["circuit"]["worst_a"] == pytest.approx(5, abs=0.1)
    assert record["circuit"]["longest_s"] == record["circuit"]["over_s"] == 0.5
    assert record["mains"]["worst_a"] == pytest.approx(2, abs=0.1)
    live.command("record", {"circuit": 30})
    assert live.state()["site"]["record"]["mains"] is None


def test_offers_count_whether_a_car_takes_them_or_not(live):
    live.command("record", {"circuit": 20})
    charging(live, 0, 16)
    live.plugs[0].world.car.max_ma = 6000
    live.record.sample(0.1)
    drive(live, 0, wire.FULL * 24 // 60 + 1, wire.OUT_CONNECT | wire.OUT_C1)
    live.record.sample(0.1)
    record = live.state()["site"]["record"]
    assert record["offers"]["worst_a"] == pytest.approx(4, abs=0.1)
    assert record["offers"]["over_s"] == 0.1 and record["circuit"]["over_s"] == 0


# ---- meters on one bus ----

def request(address, function=4, start=0, count=12):
    frame = bytes((address, function, start >> 8, start & 255, count >> 8, count & 255))
    crc = 0xFFFF
    for byte in frame:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return frame + bytes((crc & 255, crc >> 8))


async def answers(chunks):
    """What a meter at address 12 says to each of ``chunks``, bytes on its line."""
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    server = MeterServer(os.ttyname(slave), 12, MeterReading)
    await server.start()
    heard = []
    try:
        for chunk in chunks:
            os.write(master, chunk)
            said = b""
            # An answer takes a turn or two of the loop; silence is what has not come by then.
            for _ in range(20):
                await asyncio.sleep(0.01)
                try:
                    said += os.read(master, 512)
                except BlockingIOError:
                    if said:
                        break
            heard.append(said)
    finally:
        await server.close()
        os.close(master)
        os.close(slave)
    return heard


def test_a_meter_answers_after_half_a_frame_and_keeps_out_of_what_is_not_its():
    own, other = request(12), request(10)
    answer_of_10 = bytes((10, 4, 24)) + bytes(24) + b"\x12\x34"
    heard = asyncio.run(answers([own, own[:3], own, other, answer_of_10, own, b"\x0c" * 40, own,
                                 own[:-1] + b"\0", own[:4], own[4:], b"\x0c" * 260, own]))
    assert [len(said) for said in heard] == [29, 0, 29, 0, 0, 29, 0, 29, 0, 0, 29, 0, 29]
    assert all(said[:3] == b"\x0c\x04\x18" for said in heard if said)
