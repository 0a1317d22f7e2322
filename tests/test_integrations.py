"""integrations/ and docs/home-assistant.md name what the charger really has."""

import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "integrations"
FILES = sorted(path for path in FOLDER.rglob("*") if path.is_file())
TOPICS = (ROOT / "docs" / "mqtt.md").read_text(encoding="utf-8")


class Loader(yaml.SafeLoader):
    """YAML with the tags of ESPHome and Home Assistant, which are left as text."""


Loader.add_multi_constructor("!", lambda loader, suffix, node: loader.construct_scalar(node))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_can_be_read(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix in (".yaml", ".yml"):
        assert yaml.load(text, Loader), path
    elif path.suffix == ".json":
        assert json.loads(text), path


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_topics_exist(path):
    for topic in re.findall(r"(?:SmartEVSE-4711|\$\{prefix\})/([A-Za-z0-9/]+)",
                            path.read_text(encoding="utf-8")):
        assert "`%s`" % topic in TOPICS, topic


def test_entities_exist():
    rows = [line.split("|") for line in (ROOT / "evse" / "net" / "homeassistant.txt").read_text(
        encoding="utf-8").splitlines() if line[0] not in "#="]
    there = {"%s.smartevse_4711_%s" % (row[1], row[0].replace(" ", "").lower()) for row in rows}
    for path in [*FILES, ROOT / "docs" / "home-assistant.md"]:
        named = set(re.findall(r"\w+\.smartevse_4711_\w+", path.read_text(encoding="utf-8")))
        assert not named - there, (path.name, named - there)


def test_every_file_is_in_the_list():
    listed = set(re.findall(r"\]\(([\w./-]+)\)", (FOLDER / "README.md").read_text()))
    assert {path.relative_to(FOLDER).as_posix() for path in FILES} - {"README.md"} == {
        name for name in listed if not name.startswith("..")}


def test_links_of_the_documents_lead_somewhere():
    for name in ("home-assistant.md", "mqtt.md"):
        text = (ROOT / "docs" / name).read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)#]+)\)", text):
            assert (ROOT / "docs" / link).exists(), link
