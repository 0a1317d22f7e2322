"""The description of the HTTP interface is fresh, complete and says what it means."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tools" / "api")]

import notation  # noqa: E402

import openapi  # noqa: E402


@pytest.mark.parametrize("path", (openapi.OUT, openapi.DOCS), ids=lambda path: path.name)
def test_the_file_is_fresh(path):
    assert path.read_text(encoding="utf-8") == openapi.outputs()[path], "make openapi"


def test_a_route_without_words_is_found(monkeypatch):
    described = openapi.routes()
    monkeypatch.setattr(openapi, "routes", lambda: described | {"GET /api/v1/new"})
    with pytest.raises(openapi.Problem, match="GET /api/v1/new"):
        openapi.compare()
    monkeypatch.setattr(openapi, "routes", lambda: described - {"GET /settings"})
    with pytest.raises(openapi.Problem, match="GET /settings"):
        openapi.compare()


def test_no_secret_has_a_value():
    document = json.loads(openapi.OUT.read_text(encoding="utf-8"))
    keys = document["components"]["schemas"]["Settings"]["properties"]
    assert {"wifi_password", "lcd_pin", "mains"} <= set(keys)
    table = openapi.DOCS.read_text(encoding="utf-8")
    for key in ("wifi_password", "mqtt_password", "lcd_pin"):
        row = next(line for line in table.splitlines() if line.startswith("| `%s` |" % key))
        assert "never told" in row


def test_every_reference_leads_somewhere():
    document = json.loads(openapi.OUT.read_text(encoding="utf-8"))
    found = []

    def walk(node):
        if isinstance(node, dict):
            if "$ref" in node:
                found.append(node["$ref"])
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(document)
    assert found
    for reference in set(found):
        at = document
        for step in reference.removeprefix("#/").split("/"):
            at = at[step]
    names = [operation["operationId"] for path in document["paths"].values()
             for operation in path.values()]
    assert len(names) == len(set(names))


def test_the_notation_of_objects():
    schema = notation.object_schema("""
a int(0..5) | first
b.c str(63)|null |
rows obj[] | each
 of them
rows[].x? one(in order,at once) |
rows[].y int[2][] |
""", closed=True)
    assert schema == {
        "type": "object", "additionalProperties": False, "required": ["a", "b", "rows"],
        "properties": {
            "a": {"type": "integer", "minimum": 0, "maximum": 5, "description": "first"},
            "b": {"type": "object", "required": ["c"], "properties": {
                "c": {"type": ["string", "null"], "maxLength": 63}}},
            "rows": {"type": "array", "description": "each of them", "items": {
                "type": "object", "required": ["y"], "properties": {
                    "x": {"type": "string", "enum": ["in order", "at once"]},
                    "y": {"type": "array", "items": {
                        "type": "array", "minItems": 2, "maxItems": 2,
                        "items": {"type": "integer"}}}}}}}}
    with pytest.raises(ValueError, match="no type"):
        notation.object_schema("a nothing(")


def test_the_notation_of_operations():
    assert notation.operations("""# words
## GET /x
says: one
text:
    two

      three
gives: done

## POST /y
says: four
""") == {"GET /x": {"says": "one", "text": "two\n\n  three\n", "gives": "done"},
         "POST /y": {"says": "four"}}
