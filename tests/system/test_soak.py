"""A minute of hostile traffic; `make soak` is half an hour of it."""

import asyncio
import itertools

import pytest

import hostile
import hostile_http
import hostile_mqtt
import soak

SECONDS, SCENE_S = 60, 5
SEED = 7
# How long this machine lets a process wait is not the firmware's doing.
NOT_OURS = ("longest control period",)


def scenes(seed, count):
    return list(itertools.islice(hostile.scenes(seed), count))


def test_scenes_come_from_the_seed():
    assert scenes(1, 50) == scenes(1, 50)
    assert scenes(1, 50) != scenes(2, 50)


def test_each_kind_comes_once_before_any_comes_again():
    moods = [scene.mqtt for scene in scenes(SEED, len(hostile_mqtt.MOODS))]
    assert sorted(moods) == sorted(hostile_mqtt.MOODS)
    rude = [kind for scene in scenes(SEED, len(hostile_http.KINDS)) for kind in scene.http]
    assert sorted(rude) == sorted(2 * list(hostile_http.KINDS))


CALM = {"live": 400_000, "tasks": 14, "sockets": 4, "count": 800, "late": 0}


@pytest.fixture
def judged():
    """A soak that found nothing."""
    one = soak.Soak(SEED, SCENE_S, soak.CALM_S, print)
    one.met = scenes(SEED, 3)
    one.calms = [dict(CALM) for _ in range(3)]
    one.recovered = [{"page": 0.1, "WiFi": 1, "MQTT": 20}]
    one.rounds = [(500, 5)] * 3
    one.cycle = {"worst_ms": 30}
    one.state = {"contactors": {"closings": 1, "c1": True}}
    one.closings = 1
    one.reports = [CALM]
    return one


def missed(one):
    return [row["name"] for row in one.table().rows if not row["pass"]]


def test_what_is_as_before_passes(judged):
    assert missed(judged) == []


@pytest.mark.parametrize("name, change", {
    "late control periods, calm": lambda one: one.calms[1].update(late=200),
    "late control periods, by the attacks": lambda one: one.rounds.append((1000, 200)),
    "longest control period": lambda one: one.cycle.update(worst_ms=501),
    "times seen not charging": lambda one: one.pauses.append("paused"),
    "closings of the contactor": lambda one: one.state["contactors"].update(closings=2),
    "contactor open at the end": lambda one: one.state["contactors"].update(c1=False),
    "faults": lambda one: one.events.update({"fault set": 1}),
    "tasks restarted": lambda one: one.events.update({"task restarted": 1}),
    "exceptions printed": lambda one: one.log.append("firmware: MemoryError: no room"),
    "growth of live memory": lambda one: one.calms[2].update(live=420_000),
    "tasks more than before": lambda one: one.calms[2].update(tasks=15),
    "sockets more than before": lambda one: one.calms[2].update(sockets=5),
    "page good again after": lambda one: one.recovered[0].update(page=13),
    "WiFi good again after": lambda one: one.recovered[0].update(WiFi=31),
    "MQTT good again after": lambda one: one.recovered[0].update(MQTT=61),
    "wrong answers to the evcc": lambda one: setattr(one.clients[1], "wrong", "HTTP/1.1 500"),
}.items())
def test_what_is_not_as_before_is_found(judged, name, change):
    change(judged)
    assert missed(judged) == [name]


def test_a_charger_in_hostile_traffic_goes_on_charging(sim_build):
    said = []
    table = asyncio.run(soak.soak(sim_build, SECONDS, SEED, SCENE_S, soak.CALM_SHORT_S,
                                  said.append))
    missed = [row for row in table.rows if not row["pass"] and row["name"] not in NOT_OURS]
    assert not missed, "\n".join([*said, *map(str, table.rows)])
