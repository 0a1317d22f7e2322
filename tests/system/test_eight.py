"""Eight chargers on one bus in real time: one Master, seven Nodes, a meter of each kind.

The world's own record, a sample each 100 ms, judges the true currents; the longest time between
two answers of the mains meter on the wires judges the cycle. All else is waited for.
"""

import os
import signal

import pytest

EVSES = 8
MIN_A = 6
MAINS_A, CIRCUIT_A = 63, 56
HOUSE_A = 14  # what it leaves of the mains is more than each one's minimum, and less than all have
# Of DESIGN.md 5: meter period, latency (a Sensorbox measures once a second), dead time of the car,
# its ramp, 1 s; and 1 s for a busy host.
RESTORED_S = 2 + 1.2 + 1 + 0.5 + 1 + 1
DEAD_S = 1  # a car goes on for so long with what it was offered before
# Mains answers come each 2 s; a host so busy that bytes collide may cost one.
GAP_S, GAP_COLLIDED_S = 2.5, 4.5
TOLERANCE_A = 0.11
STEP_A = 1.2
RUN_S = 180
# More than the tests of a single charger have: the Master's status of eight is 6 KB.
HEAP = "576K"


def rows(twin):
    """The cards of all chargers."""
    return twin.world()["chargers"]


def charge(twin, *but):
    """True while all draw the minimum at least, those in ``but`` having their contactors open."""
    return all(not row["c1"] if row["number"] in but else
               row["c1"] and row["draw_a"] >= MIN_A - TOLERANCE_A for row in rows(twin))


def drawn(twin):
    """What all cars draw together."""
    return sum(row["draw_a"] for row in rows(twin))


def shared(twin):
    """True while the circuit is shared out among all, but for one step."""
    return drawn(twin) >= CIRCUIT_A - STEP_A and all(
        abs(row["draw_a"] - CIRCUIT_A / EVSES) <= STEP_A for row in rows(twin))


def stalled(twin):
    """True when a busy host has kept a firmware waiting so long that its guard had to open."""
    return any("stalled" in event["text"] for number in range(EVSES)
               for event in twin.get("api/v1/journal", evse=number))


def test_eight_chargers_share_one_bus(twin):
    settings = [{"mains": MAINS_A, "circuit": CIRCUIT_A} for _ in range(EVSES)]
    settings[0].update(mains_met="Sensorbox", trust_lan="Enabled")
    settings[2]["ev_meter"] = "ABB"
    settings[5]["ev_meter"] = "Orno 516"  # of another parity than all others on the bus
    one = twin("--evses", str(EVSES), settings=settings, heap=HEAP)
    for number in range(EVSES):
        one.world("plug", evse=number)
    one.wait(lambda: charge(one), 90, "all eight charging")
    # Bytes collide when the host is too busy for real time: a guard may have opened somewhere.
    one.wait(lambda: shared(one) or one.world()["bus"]["collisions"], 60,
             "each car drawing its share")

    # One is cut off the bus and goes on with what it has until it gives up by itself; another
    # loses its power. Only when both are certain to be off the others may have their shares.
    one.world("link", evse=4, on=False)
    one.world("kill", evse=3)
    assert not rows(one)[3]["c1"] and rows(one)[4]["c1"]
    one.wait(lambda: charge(one, 3, 4), 30, "the one cut off giving up")
    left = drawn(one)
    one.wait(lambda: drawn(one) > left + TOLERANCE_A, 60, "the others drawing more")
    assert one.world(evse=4)["contactors"]["opened_under_load"] == 0 or stalled(one), \
        "it tells its car first"

    # The house takes so much of the mains that each has to be lowered, none stopped.
    one.world("load", amps=HOUSE_A)
    one.wait(lambda: max(one.world()["site"]["mains_a"]) <= MAINS_A + TOLERANCE_A, 20,
             "the mains within their limit")
    one.world("load", amps=1)
    assert [row["closings"] for row in rows(one)] == [1] * EVSES or stalled(one), \
        "lowering is not stopping"

    # Both come back, one with the settings it had stored; and a meter more is on the bus.
    one.world("link", evse=4, on=True)
    one.world("reboot", evse=3)
    one.post("api/v1/command", {"name": "set", "value": ["circt_met", "Eastron3P"]})
    one.wait(lambda: charge(one), 90, "all eight charging again")
    assert one.get("api/v1/status", evse=3)["share"] == "Node 3"

    # A node of another make takes its part.
    one.world("replace", evse=6)
    one.wait(lambda: rows(one)[6]["draw_a"] >= MIN_A - TOLERANCE_A, 90,
             "the node of another make charging")
    one.wait(lambda: one.world()["site"]["record"]["seconds"] >= RUN_S, RUN_S, "the time")

    state = one.world()
    record, bus = state["site"]["record"], state["bus"]
    assert record["circuit"]["over_s"] == 0, record
    assert record["offers"]["longest_s"] <= DEAD_S, record
    assert record["mains"]["longest_s"] <= RESTORED_S, record
    assert bus["longest_gap_s"] <= (GAP_COLLIDED_S if bus["collisions"] else GAP_S), bus
    assert bus["mains_answers"] >= RUN_S / 2 * 0.9, bus
    assert 0 <= one.get("api/v1/status")["circuit"]["age_ms"] < 10_000
    for number in set(range(EVSES)) - {6}:
        texts = [event["text"] for event in one.get("api/v1/journal", evse=number)]
        assert not [text for text in texts if "restarted" in text], (number, texts)


def test_two_chargers_by_make_run(twin):
    one = twin("--evses", "2", "--auto", settings={"circuit": 20}, make=True)
    assert [row["number"] for row in one.chargers] == [0, 1]
    assert one.chargers[0]["url"] == one.url and one.chargers[0]["pid"] == one.pid
    one.wait(lambda: charge(one), 30, "both charging")
    assert one.get("api/v1/status")["share"] == "Master"
    assert one.get("api/v1/status", evse=1)["share"] == "Node 1"
    assert one.world(evse=1)["car"]["plugged"]
    with pytest.raises(AssertionError, match="evse is a number from 0 to 1"):
        one.world("kill", evse=2)
    with pytest.raises(AssertionError, match="the Master cannot be replaced"):
        one.world("replace")
    os.kill(one.chargers[1]["pid"], signal.SIGKILL)
    one.wait(lambda: "of charger 1 ended by itself" in one.tail(), 10, "the end of the Node")
