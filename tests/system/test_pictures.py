"""The pictures of docs/regulation.md: drawn from these runs, and showing what their words say."""

import re
import xml.etree.ElementTree as ET

import pytest

import picture_runs
import pictures

NAMES = sorted(pictures.DRAW)
MOST_BYTES = 40_000
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def runs(sim_build):
    return picture_runs.run_all(sim_build)


def stored(name):
    return (pictures.PICTURES / (name + ".svg")).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_the_repository_has_what_is_drawn_now(runs, name):
    assert stored(name) == pictures.DRAW[name](runs[name]).svg(), (
        "%s.svg shows another regulation: `make pictures` draws it anew; look at it" % name)


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_well_formed_small_and_alone(name):
    text = stored(name)
    assert len(text.encode()) < MOST_BYTES
    root = ET.fromstring(text)
    assert {element.tag for element in root.iter()} == {
        SVG + tag for tag in ("svg", "style", "rect", "path", "text")}
    assert not re.search(r"url\(|@import|href|<!", text)
    assert "prefers-color-scheme:dark" in text
    width, height = (float(root.get(key)) for key in ("width", "height"))
    for words in root.iter(SVG + "text"):
        assert 0 <= float(words.get("x")) <= width
        assert 0 <= float(words.get("y")) <= height
        assert words.text


def test_the_document_shows_each_and_no_other_is_there():
    document = (pictures.PICTURES.parent / "regulation.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\]\(pictures/(\w+)\.svg\)", document)) == NAMES
    assert sorted(path.stem for path in pictures.PICTURES.iterdir()) == NAMES
    assert sorted(picture_runs.SCENARIOS) == NAMES


def test_normal_honours_mains_and_never_stops(runs):
    run = runs["normal"]
    assert run.evses[0]["stops"] == 0
    # Meter 2 s and 0.2 s, the car 2 s, 5 A at 5 A/s, and 1 s: T.
    assert 0 < run.metrics["over_mains_s"] <= 6.2
    silent = [row["grant_da"] for row in run.rows if 290 <= row["t_s"] < 345]
    assert silent[-1] == min(silent) == 60


def test_smart_goes_down_at_once_and_waits_longer_each_time(runs):
    run = runs["smart"]
    assert run.evses[0]["stops"] == 0
    waits = []
    for begin, end in picture_runs.SMART_STEPS:
        assert run.when(lambda row: row["grant_da"] <= 90, begin) <= begin + 2.2
        waits.append(run.when(lambda row: row["grant_da"] > 90, end) - end)
    assert all(later >= 2 * one for one, later in zip(waits[1:], waits[2:])), waits
    assert waits[1] > waits[0]


def test_solar_starts_once_bridges_the_cloud_and_stops_once(runs):
    run = runs["solar"]
    assert len(run.told("sun_start")) == len(run.told("sun_stop")) == 1
    assert run.metrics["solar_share"] >= 0.85
    assert run.metrics["self_use"] >= 0.85


def test_the_quarters_use_their_budget_and_not_more(runs):
    assert 0.95 * 2500 <= runs["capacity"].metrics["worst_quarter_w"] <= 2500


def test_all_four_have_their_turn_within_the_circuit(runs):
    run = runs["share"]
    assert run.metrics["over_circuit_s"] == 0
    assert [evse["starts"] for evse in run.evses] == [2, 2, 1, 1]
    assert min(evse["kwh"] for evse in run.evses) >= 2.5


def test_one_switch_of_phases_then_the_sun_is_followed(runs):
    run = runs["phases"]
    shown = [row["c2"] for row in run.rows]
    assert [later - one for one, later in zip(shown, shown[1:]) if later != one] == [1, -1]
    began = run.when(lambda row: row["reason"] == "switching_phases") + 60
    for row in run.rows:
        if row["t_s"] > began:
            assert row["ev_l2_ma"] == row["ev_l3_ma"] == 0
            assert abs(picture_runs.sun(row) - picture_runs.total(row, "ev")) < 3
