"""The bus doctor in the running twin finds what people do wrong, and nothing where all is well.

Each examination takes half a minute of real time, at 9600 baud. So several twins run at once,
several mistakes in some of them, and each test looks at what one of them was told.
"""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import pytest

from twin_fixture import Twin

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 150
# The doctor is loaded from files here; on the board it is frozen, see docs/memory.md.
HEAP = "576K"
METERS = {"mains_met": "Eastron3P", "mains_adr": 11, "circt_met": "Chint 3P", "circt_adr": 13,
          "ev_meter": "ABB", "ev_adr": 12, "mode": "Normal"}
# As in evse/bus/doctor.py.
SILENT, OTHER_ADDRESS, OTHER_LINE, WRONG_TYPE, TWICE = 1, 3, 4, 5, 7
SAME_ADDRESS, NOISE, OTHER_MASTER, NODE_TWICE = 8, 10, 13, 15
REVERSED, SWAPPED = 30, 32


def examine(one, kind="bus", evse=0):
    """Let a charger of a twin examine; returns its findings, mistakes only."""
    one.post("api/v1/command", {"name": "doctor", "value": kind}, evse=evse)
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        document = one.get("api/v1/doctor", evse=evse)
        if document["state"] != "running":
            assert document["state"] == "done", "%r\n%s" % (document, one.tail())
            return [finding for finding in document["findings"] if finding["mistake"]]
        time.sleep(0.5)
    raise AssertionError("the examination does not end: %r" % document)


def healthy(start):
    one = start(settings=METERS)
    return examine(one)


def other_settings(start):
    one = start(settings=METERS)
    one.world("meter_is", meter="mains", address=77)
    one.world("meter_line", meter="circuit", baud=19200)
    one.world("meter_line", meter="ev", parity="E")
    return examine(one)


def type_and_twins(start):
    one = start(settings=METERS)
    one.world("meter_is", meter="circuit", kind="Finder 7E")
    one.world("duplicate", meter="ev")
    return examine(one)


def noise(start):
    one = start(settings=METERS)
    one.world("noise", rate=0.01)
    return examine(one)


def crossed_wires(start):
    one = start(settings=METERS)
    one.world("meter_line", meter="ev", swapped=True)
    return examine(one)


def second_master(start):
    one = start(settings={**METERS, "circt_adr": 12})
    one.world("second_master")
    return examine(one)


def nodes(start):
    one = start("--evses", "3", settings=[METERS, {}, {"pwr_share": "Node 1"}])
    return examine(one), examine(one, evse=1)


def charging(one):
    """Wait until the car draws what it may."""
    one.wait(lambda: one.world()["car"]["draw_a"] > 15, 60, "the full current")


def phases(start):
    one = start("--auto", settings=METERS)
    charging(one)
    found = [examine(one, "phases")]
    one.world("ct", meter="mains", reversed=[2])
    found.append(examine(one, "phases"))
    return found


def swapped_phases(start):
    one = start("--auto", "--car", "one-phase 32 A", settings=METERS)
    charging(one)
    one.world("ct", meter="mains", order=[2, 1, 3])
    return examine(one, "phases")


# The longest first.
CASES = (phases, other_settings, crossed_wires, nodes, noise, type_and_twins, healthy,
         swapped_phases, second_master)
AT_ONCE = 5
STARTING = Lock()  # a twin chooses ports that are free, and takes them a moment later


def attend(case):
    """Run one case with a twin of its own; returns what it returns."""
    started = []

    def start(*options, **keywords):
        with STARTING:
            started.append(Twin(*options, heap=HEAP, **keywords))
        return started[-1]

    try:
        return case(start)
    finally:
        for one in started:
            one.close()


@pytest.fixture(scope="module")
def examined(sim_build):
    """The results of all cases to come: ``examined(case)`` waits for one."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = {case: pool.submit(attend, case) for case in CASES}
        yield lambda case: futures[case].result()


def found(findings):
    """What was found where, as a set."""
    return {(finding["code"], finding["where"]) for finding in findings}


def what(findings, code):
    """What is said of one finding."""
    return next(finding["what"] for finding in findings if finding["code"] == code)


def test_a_healthy_bus_has_no_mistakes(examined):
    assert examined(healthy) == []


def test_a_meter_at_another_address(examined):
    findings = examined(other_settings)
    assert (OTHER_ADDRESS, "mains") in found(findings)
    assert what(findings, OTHER_ADDRESS) == "answers at address 77 instead"


def test_a_meter_with_another_speed(examined):
    findings = examined(other_settings)
    assert (OTHER_LINE, "circuit") in found(findings)
    assert "19200 baud, no parity" in str(findings)


def test_a_meter_with_another_parity(examined):
    findings = examined(other_settings)
    assert (OTHER_LINE, "ev") in found(findings)
    assert "9600 baud, even parity" in str(findings)
    assert len(findings) == 3


def test_a_meter_of_another_type(examined):
    findings = examined(type_and_twins)
    assert (WRONG_TYPE, "circuit") in found(findings)
    assert what(findings, WRONG_TYPE).startswith("looks like Finder 7E,")


def test_two_meters_with_one_address(examined):
    findings = examined(type_and_twins)
    assert (TWICE, "address 12") in found(findings)
    assert len(findings) == 2


def test_noise(examined):
    findings = examined(noise)
    assert {code for code, _ in found(findings)} == {NOISE}
    assert "damaged" in what(findings, NOISE)


def test_crossed_wires(examined):
    findings = examined(crossed_wires)
    assert found(findings) == {(SILENT, "ev")}
    assert "A and B" in findings[0]["hint"]


def test_a_second_master(examined):
    findings = examined(second_master)
    assert (OTHER_MASTER, "bus") in found(findings)
    assert "60" in what(findings, OTHER_MASTER)


def test_one_address_set_twice(examined):
    findings = examined(second_master)
    assert (SAME_ADDRESS, "circuit, ev") in found(findings)
    assert len(findings) == 2


def test_two_nodes_with_one_number(examined):
    assert found(examined(nodes)[0]) == {(NODE_TWICE, "Node 1")}


def test_a_node_hears_its_master(examined):
    assert examined(nodes)[1] == []


def test_right_phases_have_no_mistakes(examined):
    assert examined(phases)[0] == []


def test_a_reversed_transformer(examined):
    assert found(examined(phases)[1]) == {(REVERSED, "mains")}
    assert what(examined(phases)[1], REVERSED).startswith("L2 shows")


def test_swapped_phases(examined):
    findings = examined(swapped_phases)
    assert found(findings) == {(SWAPPED, "mains")}
    assert "L2L3L1" in what(findings, SWAPPED)


def command_line(url, *arguments):
    return subprocess.run([sys.executable, str(ROOT / "tools/doctor.py"), url, *arguments],
                          capture_output=True, text=True, check=False, timeout=LIMIT_S)


def test_the_command_line_says_it_and_fails(twin):
    one = twin(heap=HEAP, settings={**METERS, "circt_met": "Disabled", "ev_meter": "Disabled"})
    done = command_line(one.url, "phases")
    assert done.returncode == 2 and "while the car charges" in done.stderr
    one.world("second_master")
    done = command_line(one.url)
    assert done.returncode == 1, done
    assert "! bus: Somebody else asks questions on this bus" in done.stdout
    assert "one master" in done.stdout


def test_an_examination_is_stopped(twin):
    one = twin(heap=HEAP, settings=METERS)
    one.post("api/v1/command", {"name": "doctor", "value": "bus"})
    one.wait(lambda: one.get("api/v1/doctor")["percent"] > 35, 60, "the scan")
    one.post("api/v1/command", {"name": "doctor", "value": "stop"})
    one.wait(lambda: one.get("api/v1/doctor")["state"] == "stopped", 5, "the stop")
    before = [row["replies"] for row in one.get("api/v1/status")["bus"]]
    one.wait(lambda: all(row["ok"] and row["replies"] > replies for row, replies
                         in zip(one.get("api/v1/status")["bus"], before)), 10, "readings again")
