"""Chargers that share one line: Master and Nodes as shipped, down to the bytes on the wire."""

from evse.charging import faults
from evse.charging.states import STATE_C
from helpers_line import Charger, Line

MASTER = {"pwr_share": "Master", "circuit": 32, "max": 16}


def group(number, settings=None):
    """A line with a Master and ``number`` - 1 nodes that have found each other."""
    line = Line()
    chargers = [Charger(line, dict(MASTER, **(settings or {})))]
    for n in range(1, number):
        chargers.append(Charger(line, {"pwr_share": "Node %d" % n, "max": 16}))
    line.run(4000)
    return line, chargers


def charging(chargers):
    return [charger.core.charger.state == STATE_C for charger in chargers]


def until(line, condition, limit_ms=30_000):
    """Let time pass until ``condition()``."""
    passed = 0
    while not condition():
        assert passed < limit_ms
        line.run(100)
        passed += 100
    return passed


def test_they_find_each_other_and_nobody_spoils_a_byte():
    line, chargers = group(3)
    assert list(chargers[0].core.group.state) == [0, 1, 1, 0, 0, 0, 0, 0]
    assert chargers[0].core.group.ours[1] and line.spoilt == 0
    for node in chargers[1:]:
        assert node.core.told_until is not None
        assert not node.core.charger.faults & faults.CT_NOCOMM


def test_a_node_charges_with_its_share():
    line, chargers = group(2)
    chargers[1].car = "C"
    until(line, lambda: charging(chargers)[1])
    until(line, lambda: chargers[1].grant == 160, 6000)
    chargers[0].car = "C"
    until(line, lambda: charging(chargers)[0])
    line.run(10_000)
    assert chargers[0].grant == chargers[1].grant == 160
    chargers[0].command("set", ("circuit", 20), "LCD")
    line.run(4_000)
    assert chargers[0].grant + chargers[1].grant <= 200
    assert chargers[1].core.charger.offered_da == chargers[1].grant
    assert line.spoilt == 0


def test_the_first_two_seconds_of_a_cut_line_change_nothing_and_eleven_stop_the_node():
    line, chargers = group(2)
    chargers[1].car = "C"
    until(line, lambda: charging(chargers)[1])
    chargers[1].port.cut = True
    line.run(8_000)
    assert charging(chargers)[1]
    line.run(10_000)
    assert not chargers[1].core.charger.c1 and chargers[0].core.group.state[1] == 2
    chargers[1].port.cut = False
    until(line, lambda: charging(chargers)[1], 60_000)


def test_what_a_lost_node_had_is_nobody_elses_until_it_is_off():
    line, chargers = group(3, {"circuit": 20})
    for node in chargers[1:]:
        node.car = "C"
    until(line, lambda: all(charging(chargers)[1:]))
    line.run(5000)
    chargers[1].port.cut = True
    for _ in range(400):
        line.run(100)
        drawn = [node.core.charger.offered_da if node.core.charger.c1 else 0 for node in chargers]
        assert sum(drawn) <= 200, drawn
    assert not chargers[1].core.charger.c1
    until(line, lambda: chargers[2].grant == 160)  # all that its own MAX lets it have


def test_a_master_without_power_stops_them_all_and_goes_on_when_it_is_back():
    line, chargers = group(3)
    for node in chargers[1:]:
        node.car = "C"
    until(line, lambda: all(charging(chargers)[1:]))
    chargers[0].kill()
    line.run(20_000)
    assert not any(node.core.charger.c1 for node in chargers[1:])
    chargers[0] = Charger(line, MASTER)
    until(line, lambda: all(charging(chargers)[1:]), 60_000)


def test_a_master_that_restarts_finds_them_charging_and_lets_them():
    line, chargers = group(3)
    for node in chargers[1:]:
        node.car = "C"
    until(line, lambda: all(node.grant == 160 for node in chargers[1:]))
    closed = [node.core.charger.contactors.c1_count for node in chargers]
    chargers[0].kill()
    line.run(6_000)
    chargers[0] = Charger(line, dict(MASTER, circuit=20))
    for _ in range(300):
        line.run(100)
        grants = chargers[0].core.regulator.grant_da
        assert grants[1] + grants[2] <= 200 or not chargers[0].core.group.state[2]
    assert all(charging(chargers)[1:])
    assert [node.core.charger.contactors.c1_count for node in chargers] == closed
    assert chargers[1].grant + chargers[2].grant <= 200


def test_noise_costs_time_but_nothing_else():
    line, chargers = group(3)
    line.noise = lambda number: number % 97 == 0
    for node in chargers[1:]:
        node.car = "C"
    until(line, lambda: all(charging(chargers)[1:]), 60_000)
    line.run(30_000)
    assert all(charging(chargers)[1:])
    rows = {row["name"]: row for row in chargers[0].bus.rows()}
    assert rows["node 1"]["crc"] or rows["node 1"]["timeouts"]


def test_a_mode_set_at_the_master_reaches_the_nodes_and_one_at_a_node_stays_there():
    line, chargers = group(3, {"mains_met": "API"})
    chargers[2].command("mode", "Pause")
    chargers[0].command("mode", "Smart")
    line.run(5000)
    assert [node.core.settings.get("mode") for node in chargers] == ["Smart", "Smart", "Normal"]
    chargers[1].command("mode", "Solar")
    line.run(5000)
    assert [node.core.settings.get("mode") for node in chargers] == ["Smart", "Solar", "Normal"]
    chargers[2].command("access", "On")
    line.run(5000)
    assert chargers[2].core.settings.get("mode") == "Smart"


def test_roles_change_while_it_runs():
    line, chargers = group(3)
    chargers[0].command("set", ("pwr_share", "Disabled"), "LCD")
    chargers[1].command("set", ("pwr_share", "Master"), "LCD")
    line.run(4000)
    assert chargers[0].bus.role is None
    assert chargers[1].core.group.state[2] == 1
    chargers[2].car = "C"
    until(line, lambda: charging(chargers)[2], 60_000)
    assert line.spoilt == 0


def test_a_master_that_was_none_for_a_moment_finds_its_nodes_again():
    line, chargers = group(2)
    for value in ("Disabled", "Master"):  # both before the bus has its next turn
        chargers[0].command("set", ("pwr_share", value), "LCD")
    line.run(4000)
    assert chargers[0].core.group.state[1] == 1
    chargers[1].car = "C"
    until(line, lambda: charging(chargers)[1])


def test_what_fails_while_a_role_is_built_is_tried_again():
    line = Line()
    charger = Charger(line, {"mains_met": "Eastron3P", "mode": "Smart"})
    bus = charger.bus
    line.run(500)
    assert [row["name"] for row in bus.rows()] == ["mains"]
    settings = charger.settings
    work = settings.keys
    charger.command("set", ("mains_adr", 20), "LCD")
    try:
        settings.keys = None  # whatever it is that fails
        line.run(500)
    except TypeError:
        pass
    else:
        raise AssertionError
    settings.keys = work
    line.stop(charger.tasks[0])
    charger.tasks[0] = line.start(bus.run())  # as the app does
    line.run(500)
    assert [row["address"] for row in bus.rows()] == [20]


def test_a_node_listens_without_the_parity_its_meter_had():
    line, chargers = group(1)
    single = Charger(line, {"mains_met": "Orno 516", "mode": "Smart"})
    line.run(3000)
    assert single.port.settings[-1] == (9600, "E"), single.port.settings
    single.command("set", ("pwr_share", "Node 1"), "LCD")
    until(line, lambda: chargers[0].core.group.state[1] == 1)
    assert single.port.settings[-1] == (9600, None)


def test_who_stops_being_master_waits_until_the_nodes_are_off():
    line, chargers = group(2)
    chargers[1].car = "C"
    until(line, lambda: charging(chargers)[1])
    chargers[0].command("set", ("pwr_share", "Disabled"), "LCD")
    chargers[0].car = "C"
    for _ in range(300):
        line.run(100)
        assert not (chargers[0].core.charger.c1 and chargers[1].core.charger.c1)
    assert charging(chargers)[0]


def test_a_node_needs_no_circuit_meter():
    line, chargers = group(1)
    node = Charger(line, {"pwr_share": "Node 1", "circt_met": "Eastron3P", "mode": "Smart",
                          "max": 16})
    node.car = "C"
    chargers[0].command("set", ("mains_met", "API"), "LCD")
    for _ in range(25):
        chargers[0].command("reading", ("mains", 10, 10, 10), "REST")
        line.run(1000)
    assert node.core.charger.c1 and not node.core.charger.faults


def test_why_a_node_waits_is_told_to_it():
    line, chargers = group(3, {"circuit": 10})
    chargers[1].car = "C"
    until(line, lambda: charging(chargers)[1])
    chargers[2].car = "C"
    line.run(8000)
    assert chargers[2].status.reason == chargers[0].core.regulator.grant_reason[2]
