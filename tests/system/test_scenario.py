"""The scenario and replay runners: refusals, determinism, jumps, golden results."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import scenario as scenarios  # noqa: E402
from twin import car, day, schema  # noqa: E402

GOLDEN = sorted((ROOT / "tests" / "golden").glob("*.json"))
METRICS = {"kwh", "kwh_import", "kwh_export", "solar_kwh", "solar_share", "self_use", "starts",
           "settle_s", "over_mains_s", "over_mains_as", "worst_over_mains_da", "over_circuit_s",
           "over_circuit_as", "worst_over_circuit_da", "over_sum_s", "over_sum_as",
           "worst_over_sum_da"}
EVSE = {"kwh", "mean_a", "starts", "stops", "contactor_ops", "reversals", "aborted_starts",
        "wait_s", "max_grant_da"}


def run(document, stepping="jump"):
    return scenarios.run(scenarios.normalise(document), stepping)


def misfortunes(chance):
    """Quirks, mishaps and commands about the plug."""
    some = [["world", "rcm", True], ["world", "rcm", False], ["world", "contactor_1", "stuck"],
            ["world", "contactor_1", "sound"], ["world", "contactor_2", "welded"],
            ["world", "pilot_mv", 3000], ["world", "pilot_mv", None], ["world", "short", True],
            ["world", "short", False], ["world", "temp_c", 62], ["world", "temp_c", 25],
            ["world", "jammed", True], ["world", "jammed", False], ["world", "cable", "16 A"],
            ["car", "over_da", 30], ["car", "ignores_stop", True], ["car", "asleep", True],
            ["car", "diode", False], ["car", "diode", True], ["command", "access", "pause"],
            ["command", "access", "on"], ["command", "start", 200], ["set", "rfid", "EnableAll"],
            ["set", "contact_2", "Always Off"], ["world", "card", "04A2B3C4D5E6F7"]]
    return [[chance.randrange(20, 280) + chance.choice((0, 0.013, 0.5))] + event
            for event in chance.sample(some, 8)]


def made_up(seed):
    """A scenario with everything the runner knows, out of a seed."""
    chance = random.Random(seed)
    rows = [[0, 20, 10, 10]]
    for moment in sorted(chance.sample(range(20, 290), 4)):
        rows.append([moment + chance.choice((0, 0.5, 0.333))]
                    + [chance.randrange(0, 230) for _ in range(3)])
    events = [[chance.randrange(60, 200), "set", "mains", chance.choice((16, 20, 30))],
              [chance.randrange(60, 200), "set", "max", chance.choice((6, 10, 32))],
              [chance.randrange(30, 250), "command", "mode",
               chance.choice(("Normal", "Smart", "Off", "Pause"))],
              [chance.randrange(60, 250), "command", "override", chance.choice((0, 60))]]
    if chance.random() < 0.5:
        off = chance.randrange(40, 200)
        events += [[off, "meter", "off"], [off + chance.randrange(2, 40), "meter", "on"]]
    if chance.random() < 0.5:
        events += misfortunes(chance)
    begin = chance.choice((1, 5, 7.77))
    return {
        "seed": seed, "duration_s": 300, "trace": True,
        "settings": {"mode": chance.choice(("Normal", "Smart")), "mains": 25,
                     "max": chance.choice((13, 16, 32)),
                     "contact_2": chance.choice(("Not present", "Always On", "Solar Off")),
                     "config": chance.choice(("Fixed", "Socket")),
                     "lock": chance.choice(("Disabled", "Disabled", "Motor")),
                     "rcmon": chance.choice(("Disabled", "Enabled"))},
        "cards": ["04A2B3C4D5E6F7"], "journal": True, "sessions": True,
        "ev_meter": chance.choice((None, {"period_s": 1.3, "latency_s": 0.1})),
        "evses": [{"floating_mv": chance.choice((0, 3000, 9000, 12000)),
                   "car": {"wake": chance.choice((None, "interruption", "f")),
                           "asleep": chance.choice((False, False, False, True)),
                           "sleep_s": chance.choice((30, 600)),
                           "phases": chance.choice(([1], [2, 3], [1, 2, 3])),
                           "dead_s": chance.choice((0, 0.5, 2.0, 3.33)),
                           "ramp_da_s": chance.choice((3, 50, 1000)),
                           "max_da": chance.choice((100, 160, 320)),
                           "energy_wh": chance.choice((None, 120)),
                           "plugged": [[begin, 150], [170, 290]]}}],
        "site": {"load_da": rows, "pv_da": [[0, 0, 0, 0], [50, 60, 60, 60]]},
        "mains_meter": {"period_s": chance.choice((0.5, 2, 3.7, 10)),
                        "latency_s": chance.choice((0, 0.2, 1.5)),
                        "start_s": chance.choice((0, 0.73)),
                        "redeliver_s": chance.choice((None, 1)),
                        "noise_da": chance.choice((0, 3))},
        "events": sorted(events, key=lambda event: event[0]),
    }


@pytest.mark.parametrize("seed", range(10))
def test_jumping_and_stepping_give_the_same_trace(sim_build, seed):
    jumped = run(made_up(seed))
    stepped = run(made_up(seed), "step")
    for number, (one, other) in enumerate(zip(jumped["trace"], stepped["trace"])):
        assert one == other, "row %d, after %s" % (number, jumped["trace"][number - 1])
    assert jumped == stepped
    assert len(jumped["trace"]) > 15, "a run in which nothing happens proves nothing"


def test_a_seed_gives_the_same_result_again_and_another_does_not(sim_build):
    noisy = {"seed": 3, "duration_s": 120, "trace": True,
             "settings": {"mode": "Smart", "mains": 16, "max": 16},
             "site": {"load_da": [[0, 60, 60, 60]]}, "mains_meter": {"noise_da": 9}}
    first = run(noisy)
    assert run(noisy) == first
    assert run(dict(noisy, seed=4))["trace"] != first["trace"]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_scenario(sim_build, path):
    golden = json.loads(path.read_text("utf-8"))
    assert run(golden["scenario"]) == golden["result"], (
        "the regulation changed; if that is wanted, see docs/twin.md on renewing golden files")


def test_there_are_three_golden_scenarios():
    assert len(GOLDEN) == 3


def test_the_result_has_the_documented_figures(sim_build):
    result = run({"duration_s": 60, "settings": {"mode": "Smart"}})
    assert set(result) == {"metrics", "evses", "reasons"}
    assert set(result["metrics"]) == METRICS
    assert set(result["evses"][0]) == EVSE
    assert sum(result["reasons"].values()) == pytest.approx(60)


def test_energy_adds_up(sim_build):
    result = run({"duration_s": 3600, "settings": {"mode": "Normal", "max": 16},
                  "evses": [{"car": {"plugged": [[0, 3600]], "energy_wh": 2000}}],
                  "site": {"load_da": [[0, 10, 10, 10]], "pv_da": [[0, 10, 10, 10]]}})
    metrics = result["metrics"]
    assert metrics["kwh"] == pytest.approx(2.0, abs=0.02)
    assert metrics["kwh_import"] == pytest.approx(metrics["kwh"], abs=1e-6)
    assert metrics["kwh_export"] == 0
    assert result["evses"][0]["starts"] == 1
    assert result["evses"][0]["contactor_ops"] == 2


@pytest.mark.parametrize("change, words", [
    ({"sead": 1}, "sead: unknown key"),
    ({"evses": [{"car": {"wheels": 4}}]}, r"evses\[0\].car.wheels: unknown key"),
    ({"evses": [{}] * 9}, "evses: at most 8 items"),
    ({"evses": [{}, {"car": {"phases": [1, 1]}}]}, r"evses\[1\].car.phases: each phase once"),
    ({"evses": [{"wiring": "L1L1L3"}]}, "wiring: 'L1L1L3' is none of"),
    ({"circuit_meter": {"period": 1}}, "circuit_meter.period: unknown key"),
    ({"site": {"battery_report": {"noise_da": 1}}}, "battery_report.noise_da: unknown key"),
    ({"events": [[5, "kill", 1]]}, r"events\[0\]: there is no EVSE 1, but 0 to 0"),
    ({"events": [[5, "restore", "all"]]}, "there is no EVSE all"),
    ({"events": [[5, "kill", 0, 3]]}, "kill takes the number of an EVSE"),
    ({"events": [[5, "relay", "ajar"]]}, 'relay is "open" or "closed"'),
    ({"events": [[5, "link", 1, "off"]]}, "there is no line to other EVSEs"),
    ({"evses": [{}, {}], "events": [[5, "link", 2, "off"]]}, "there is no EVSE 2"),
    ({"evses": [{}, {}], "events": [[5, "link", 1]]}, "link takes the number of a node"),
    ({"events": [[5, "set", "max", 8, 1]]}, "there is no EVSE 1"),
    ({"events": [[5, "set", "max", 8, True]]}, "there is no EVSE True"),
    ({"events": [[5, "circuit_meter", "off"]]}, "there is no circuit_meter"),
    ({"events": [[5, "battery_report", "off"]]}, "there is no battery_report"),
    ({"events": [[5, "command", "start", {"when": 9}]]}, "start has no when"),
    ({"events": [[5, "command", "stop", True]]}, r"events\[0\]: a time is seconds"),
    ({"events": [[5, "command", "access", "yes"]]}, 'access is "off", "on" or "pause"'),
    ({"events": [[5, "command", "dance", 1]]}, "no command is called dance"),
    ({"events": [[5, "world", "contactor_1", "gone"]]}, "contactor_1 is one of sound, welded"),
    ({"events": [[5, "world", "rcm", True, 0, 1]]}, "at most 5 items"),
    ({"events": [[5, "car", "over_da"]]}, "car takes a name and a value"),
    ({"events": [[5, "car", "over_da", 9999]]}, "over_da is a whole number"),
    ({"evses": [{"car": {"wake": "kiss"}}]}, "car.wake: 'kiss' is none of"),
    ({"clock": 12}, "clock: 12 is not at least"),
    ({"events": [[5, "ev_meter", "off"]]}, "there is no ev_meter"),
    ({"events": [[5, "dance", "x", 1]]}, "no event is called dance"),
    ({"mains_meter": None, "events": [[5, "meter", "off"]]}, "there is no mains_meter"),
    ({"duration_s": 0}, "duration_s: 0 is not more than 0"),
    ({"site": {"load_da": [[0, 1, 1]]}}, r"site.load_da\[0\]: at least 4 items"),
    ({"site": {"load_da": [[5, 0, 0, 0], [5, 1, 1, 1]]}}, "the times must rise"),
    ({"evses": [{"car": {"plugged": [[9, 3]]}}]}, "ends before it begins"),
])
def test_refused_before_the_run(change, words):
    with pytest.raises(scenarios.BadScenario, match=words):
        scenarios.normalise(change)


@pytest.mark.parametrize("change, words", [
    ({"settings": {"colour": 3}}, "settings.colour: no setting is called colour"),
    ({"settings": {"mains": 3}}, "settings.mains: mains must be a number"),
    ({"mains_meter": None, "settings": {"mode": "Smart"}}, "Smart needs a mains meter"),
    ({"events": [[1, "set", "max", 99]]}, r"events\[0\]: max must be"),
])
def test_refused_by_the_firmware(sim_build, change, words):
    with pytest.raises(scenarios.BadScenario, match=words):
        run({"duration_s": 5, **change})


def test_schema_names_every_default():
    document = scenarios.normalise({})
    assert document["mains_meter"]["period_s"] == 2
    assert document["evses"][0]["car"]["plugged"] == [[5, 1800]]
    assert scenarios.normalise(document) == document


def test_schema_refuses_a_truth_for_a_number():
    with pytest.raises(schema.Invalid, match="seed: True is not integer"):
        schema.fill({"seed": True}, scenarios.load_schema())


def test_replay_of_the_recorded_day(sim_build, tmp_path):
    out = tmp_path / "result.json"
    command = [sys.executable, str(ROOT / "tools" / "replay.py"), "recorded", str(out),
               "--no-build", "--set", "mode=Smart", "--set", "max=16", "--plugged", "17:00-23:00",
               "--car", '{"energy_wh": 9000}']
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text("utf-8"))
    assert result["days"] == 1
    assert result["metrics"]["kwh"] == pytest.approx(9.0, abs=0.05)
    assert result["metrics"]["kwh_export"] > 5


def test_replay_names_a_bad_line(tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text(",".join(day.COLUMNS) + "\n0,1,1,1,0,0,0\n0,1,1,1,0,0,0\n", "utf-8")
    with pytest.raises(day.BadDay, match="line 3: t_s must rise"):
        day.read(bad)


def test_the_shipped_day_is_a_whole_one():
    rows = day.read(day.RECORDED)
    assert [row[0] for row in rows] == list(range(0, day.DAY_S, 60))
    assert max(sum(row[4:]) for row in rows) == 5000


def test_a_car_reads_the_duty_as_the_standard_says():
    for percent, milliamps in ((5, 0), (8.5, 6000), (10, 6000), (16, 9600), (50, 30000),
                               (85, 51000), (90, 65000), (96, 80000), (96.9, 80000), (98, 0)):
        assert car.offer_ma(round(percent * 655.36)) == pytest.approx(milliamps, abs=25)
    assert car.offer_ma(0) == car.offer_ma(car.FULL) == 0


@pytest.mark.parametrize("dead_s, ramp", [(0, 1), (2, 50), (10, 3)])
def test_a_car_told_to_stop_is_back_in_b_within_three_seconds(dead_s, ramp):
    one = car.Car(dead_s=dead_s, ramp_da_s=ramp, ready_s=0)
    one.plug(0)
    one.see(car.FULL * 16 // 60, True, False, 0)
    one.step(0, 230)
    one.see(car.FULL * 16 // 60, True, True, 0)

    def pass_time(until):
        change = one.next_change(230)
        while change is not None and change <= until:
            one.step(change, 230)
            change = one.next_change(230)
        one.step(until, 230)

    pass_time(600_000)
    assert one.drawing_state and one.draw_ma == pytest.approx(16000, abs=1)
    one.see(car.FULL, True, True, 600_000)
    pass_time(603_000)
    assert not one.drawing_state
    assert one.draw_ma == 0
