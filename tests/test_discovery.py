"""What Home Assistant is told is what Home Assistant accepts, and what docs/mqtt.md says.

The schemas are recorded from Home Assistant by tools/ha.py.
"""

import ast
import json
import os
import re
import subprocess
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).resolve().parents[1]
RECORDED = json.loads((ROOT / "tests" / "golden" / "homeassistant" / "discovery.json").read_text())
TEXT = (ROOT / "docs" / "mqtt.md").read_text(encoding="utf-8")
# As discovery.py of Home Assistant splits it; what does not match is warned of and dropped.
TOPIC = re.compile(r"homeassistant/(\w+)/(?:[a-zA-Z0-9_-]+/)?([a-zA-Z0-9_-]+)/config")
EVERYTHING = {"trust_lan": "Enabled", "modem": "Experimental"}


def messages(micropython, sim_build, prefix, settings):
    """All messages of a first round, by topic."""
    done = subprocess.run(
        [micropython, "-X", "heapsize=4M", ROOT / "tests" / "discovery_firmware.py", sim_build,
         ROOT / "tests" / "unit", prefix, json.dumps(settings)],
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr + done.stdout
    return dict(json.loads(line) for line in done.stdout.splitlines())


@pytest.mark.parametrize("prefix", ("SmartEVSE-4711", "SmartEVSE/4711", 'a b.c/"d"/é/f', "x" * 63))
@pytest.mark.parametrize("settings", ({}, EVERYTHING, {"mains_met": "Disabled"}),
                         ids=("plain", "everything", "bare"))
def test_home_assistant_accepts_each_configuration(micropython, sim_build, prefix, settings):
    said = messages(micropython, sim_build, prefix, settings)
    configs = {topic: json.loads(payload) for topic, payload in said.items()
               if topic.startswith("homeassistant/")}
    assert len(configs) > 40
    unique = set()
    for topic, config in configs.items():
        domain, _ = TOPIC.fullmatch(topic).groups()
        jsonschema.validate(config, RECORDED["platforms"][domain])
        entity = config["default_entity_id"]
        assert re.fullmatch(domain + r"\.[a-z0-9_]+", entity), entity
        base = config.get("~", "")
        state = config["state_topic"].replace("~", base, 1)
        assert state in said, state
        if domain in ("select", "number", "text", "switch"):
            command = config["command_topic"].replace("~", base, 1)
            assert command.startswith(prefix + "/Set/")
        if domain == "select":
            assert said[state] in config["options"], topic
        if domain == "number":
            assert config["min"] < config["max"], topic
        unique.add((domain, config["unique_id"]))
    assert len(unique) == len(configs)


def test_the_schemas_would_find_mistakes():
    sensor = RECORDED["platforms"]["sensor"]
    good = {"state_topic": "a", "device_class": "energy", "unit_of_measurement": "Wh",
            "state_class": "total_increasing"}
    jsonschema.validate(good, sensor)
    for wrong in ({"unit_of_measurement": "A"}, {"state_class": "measurement"},
                  {"device_class": "warmth"}, {"entity_category": "config"}, {"colour": "red"},
                  {"expire_after": "150"}, {"device": {"maker": "us"}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**good, **wrong}, sensor)


def _names(module):
    """The first text of each row of the tables in a module of evse.net."""
    tree = ast.parse((ROOT / "evse" / "net" / (module + ".py")).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Tuple) and len(node.elts) in (2, 3):
            first = node.elts[0]
            if isinstance(first, ast.Constant) and re.fullmatch("[A-Z][A-Za-z0-9]+",
                                                                first.value or ""):
                yield first.value


def test_each_topic_is_documented():
    words = set(re.findall(r"`([A-Za-z0-9/]+)`", TEXT))
    topics = set(_names("facts"))
    assert len(topics) > 75
    assert not topics - words, topics - words
    told = {"Set/" + name for name in _names("told")}
    told |= {"Set/" + name for name in ("Mode", "CurrentOverride", "CustomButton", "CableLock",
                                        "RFID", "Timer", "ColorOff")}
    assert len(told) > 25
    assert not told - words, told - words


def test_each_client_finds_what_it_reads(micropython, sim_build):
    clients = Path(os.environ["TESTDATA"]) / "client_expectations.json"
    if not clients.exists():
        pytest.skip("no shared test data")
    said = messages(micropython, sim_build, "E", EVERYTHING)
    # The link itself says whether it is there; the EV meter's export does not exist.
    there = {topic[2:] for topic in said} | {"connected", "EVExportActiveEnergy"}
    words = set(re.findall(r"`([A-Za-z0-9/]+)`", TEXT))
    count = 0
    for client in json.loads(clients.read_text())["clients"]:
        if "mqtt" not in client or "cloud" in client["mqtt"]:
            continue  # the vendor's cloud is not built
        assert not set(client["mqtt"]["reads"]) - there, client["name"]
        for sent in client["mqtt"]["publishes"]:
            topic = sent["topic"]
            assert topic in words, (client["name"], topic)
            count += topic.startswith("Set/")
    assert count > 15
