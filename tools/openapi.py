"""Describe the HTTP interface: web/openapi.json for machines, docs/api.md for people.

Both are made of the same words (tools/api/), of the settings' table and of the firmware's own
table of routes; a route nobody describes, or a description without a route, is an error.
``--check`` says whether the two files are fresh.
"""

import argparse
import ast
import functools
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "shims"), str(ROOT / "tools" / "api")]

import notation  # noqa: E402
from notation import object_schema, rows, table, type_schema  # noqa: E402

from evse.settings import (  # noqa: E402
    ALLOWED,
    DEFAULT,
    KEY,
    KIND,
    LCD,
    LEVEL,
    TABLE,
    UNIT,
    names,
)

OUT = ROOT / "web" / "openapi.json"
DOCS = ROOT / "docs" / "api.md"
WORDS = ROOT / "tools" / "api"
ROUTES = ROOT / "evse" / "net" / "routes.py"
V1 = "/api/v1"
SECRET = "lcd_pin"  # a number, but as little told as a password

DESCRIPTION = (
    "An EV charger. Levels: look (open), drive (open unless the setting drive_locked is Enabled) "
    "and install (with a token of POST /api/v1/login, on the network for the set-up, or for "
    "everybody with the setting trust_lan). Paths outside /api/v1 are those of the older "
    "firmwares: they take their parameters from the query, a form or a JSON object, and always "
    "answer 200.")
ERROR = object_schema("""
error str | a sentence
field? str | what it is about
allowed? any | what would be accepted
errors? obj[] | of several settings, each
""")
USUAL = {"400": "it cannot be read", "403": "not allowed to the asker", "404": "not found",
         "408": "the request did not come in time", "411": "the body needs a Content-Length",
         "413": "the body is too long", "414": "the address is too long",
         "415": "another Content-Type is needed", "421": "unknown host name",
         "422": "the charger refuses; nothing was changed", "431": "too many headers",
         "503": "busy, try again"}


class Problem(Exception):
    """Routes and descriptions do not agree."""


def words(name):
    """Return a file of tools/api."""
    return (WORDS / name).read_text(encoding="utf-8")


@functools.cache
def operations():
    """Return all described operations, by "METHOD path"."""
    found = {}
    for name in ("v1.txt", "others.txt", "legacy.txt"):
        found.update(notation.operations(words(name)))
    return found


@functools.cache
def commands():
    """Return (name, schema of the value, words) of each command."""
    found = []
    for line in words("commands.txt").splitlines():
        if line and line[0] != "#":
            name, schema, meaning = line.split(" | ", 2)
            found.append((name, json.loads(schema), meaning))
    return found


def routes():
    """Return "METHOD path" of all the firmware answers, as its table says."""
    for node in ast.parse(ROUTES.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "ROUTES":
            text = ast.literal_eval(node.value.args[0])
            break
    else:
        raise Problem("evse/net/routes.py has no ROUTES")
    found = set()
    for line in text.split("\n"):
        path, *methods = line.split(" ")
        found.update("%s %s" % (method.partition("=")[0], path) for method in methods)
    return found


def compare():
    """Raise Problem unless each route is described, and nothing else."""
    described = set(operations())
    unknown = routes() - described
    gone = described - routes()
    if unknown or gone:
        raise Problem("not in tools/api: %s; not in evse/net/routes.py: %s" % (
            ", ".join(sorted(unknown)) or "none", ", ".join(sorted(gone)) or "none"))


# ---- settings ----

def value_schema(setting):
    """Return the schema of a setting's value."""
    kind, allowed = setting[KIND], setting[ALLOWED]
    if kind == "int":
        return {"type": "integer", "minimum": allowed[0], "maximum": allowed[1]}
    if kind == "enum":
        return {"type": "string", "enum": list(names(setting))}
    return {"type": "string", "maxLength": allowed}


def values_schema():
    """Return the schema of an object of settings and values."""
    return {"type": "object", "properties": {setting[KEY]: value_schema(setting)
                                             for setting in TABLE},
            "additionalProperties": False, "minProperties": 1}


DONE = "ok bool | true"
SPEC = """
kind one(int,enum,str,secret) |
level one(drive,install) | who may write it
unit str |
label str | in the menu of the LCD, empty where it is not shown
set? bool | instead of `value` and `default` of what is secret
value? any |
default? any |
min? int | of a number
max? int |
names? str[] | of a choice
longest? int | of a text, characters
writable bool | by the asker
"""


def settings_table():
    """Return the settings as lines of Markdown."""
    lines = ["| key | may be | default | level | LCD |", "|---|---|---|---|---|"]
    for setting in TABLE:
        kind, allowed = setting[KIND], setting[ALLOWED]
        if kind == "int":
            may = "%d to %d %s" % (*allowed, setting[UNIT])
        elif kind == "enum":
            may = ", ".join(names(setting))
        else:
            may = "text, at most %d characters" % allowed
        if kind == "secret" or setting[KEY] == SECRET:
            may += "; never told"
        default = str(setting[DEFAULT]) if setting[DEFAULT] != "" else "empty"
        lines.append("| `%s` | %s | %s | %s | %s |" % (
            setting[KEY], may.strip(), default, setting[LEVEL], setting[LCD] or "-"))
    return lines


# ---- OpenAPI ----

def parameters(entry):
    """Return the query parameters of an operation."""
    text = entry.get("query") or operations().get(entry.get("query_of"), {}).get("query", "")
    return [{"name": path, "in": "query", "required": not optional,
             "schema": type_schema(kind), "description": meaning}
            for path, kind, meaning, optional in rows(text)]


def command_schema():
    """Return the schema of the body of a command."""
    return {"oneOf": [
        {"type": "object", "properties": {"name": {"const": name}, "value": schema},
         "required": ["name", "value"]} for name, schema, _ in commands()]}


def body(entry):
    """Return the request body of an operation, or None."""
    if "takes" in entry:
        return {"required": True, "content": {entry["takes"]: {
            "schema": {"type": "string", "minLength": 1}}}}
    if entry.get("commands"):
        schema = command_schema()
    elif entry.get("values"):
        schema = {"$ref": "#/components/schemas/Settings"}
    elif "body" in entry:
        schema = object_schema(entry["body"], closed=True)
    elif "form" in entry:
        return {"required": False, "content": {"application/x-www-form-urlencoded": {
            "schema": object_schema(entry["form"])}}}
    else:
        return None
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def answer_schema(entry):
    """Return the schema of what an operation answers."""
    if entry.get("settings"):
        return {"type": "object", "additionalProperties": {
            "anyOf": [object_schema(SPEC), {"type": ["string", "integer"]}]}}
    if entry["gives"] == "object":
        return {"type": "object"}
    schema = object_schema(DONE if entry["gives"] == "done" else entry["gives"])
    return {"type": "array", "items": schema} if "list" in entry else schema


def also(entry):
    """Return what an operation answers beside the usual, words by status."""
    return dict(line.split(" ", 1) for line in entry.get("answers", "").splitlines() if line)


def responses(entry, method):
    """Return the answers of an operation."""
    kind = entry.get("kind", "application/json")
    schema = answer_schema(entry) if kind == "application/json" else {"type": "string"}
    found = {"200": {"description": "done" if method != "GET" else "here it is",
                     "content": {kind: {"schema": schema}}}}
    for status in USUAL:
        found[status] = {"$ref": "#/components/responses/" + status}
    for status, meaning in also(entry).items():
        found[status] = error(meaning) if status[0] in "45" else {"description": meaning}
    return dict(sorted(found.items()))


def error(meaning):
    """Return an answer that says what is wrong."""
    return {"description": meaning, "content": {"application/json": {
        "schema": {"$ref": "#/components/schemas/Error"}}}}


def operation_id(name):
    """Return a name for an operation that programs can use."""
    method, path = name.split(" ")
    return method.lower() + re.sub(r"[^A-Za-z0-9]+(\w)", lambda one: one.group(1).upper(), path)


def document():
    """Return the OpenAPI document."""
    paths = {}
    for name, entry in operations().items():
        method, path = name.split(" ")
        found = {"operationId": operation_id(name), "summary": entry["says"],
                 "tags": ["v1" if path.startswith(V1) else "legacy"],
                 "responses": responses(entry, method)}
        level = entry.get("level", "look")
        if level == "install":
            found["security"] = [{}, {"token": []}, {"cookie": []}]
        found["x-level"] = level
        if parameters(entry):
            found["parameters"] = parameters(entry)
        if body(entry):
            found["requestBody"] = body(entry)
        paths.setdefault(path, {})[method.lower()] = found
    return {"openapi": "3.1.0",
            "info": {"title": "MicroEVSE", "version": "1", "description": DESCRIPTION,
                     "license": {"name": "GPL-3.0-or-later", "identifier": "GPL-3.0-or-later"}},
            "servers": [{"url": "/"}], "paths": paths,
            "components": {"schemas": {"Error": ERROR, "Settings": values_schema()}, "responses": {
                status: error(meaning) for status, meaning in USUAL.items()},
                "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "evse"}}}}


# ---- Markdown ----

def section(name, entry):
    """Return an operation as lines of Markdown."""
    lines = ["### " + name, "", entry["says"] + "."]
    if entry.get("level", "look") != "look":
        lines[-1] += " Level %s." % entry["level"]
    if "query_of" in entry:
        lines[-1] += " Parameters as [there](#%s)." % _anchor(entry["query_of"])
    if entry.get("text"):
        lines += ["", *entry["text"].strip("\n").splitlines()]
    if "query" in entry:
        lines += ["", *table(entry["query"], ("parameter", "meaning"))]
    if "form" in entry:
        lines += ["", *table(entry["form"], ("field", "meaning"))]
    if "body" in entry:
        lines += ["", "Body, as `application/json`:", "", *table(entry["body"])]
    if entry.get("commands"):
        lines += ["", "| name | value |", "|---|---|"]
        lines += ["| `%s` | %s |" % (command, meaning) for command, _, meaning in commands()]
    answer = SPEC if entry.get("settings") else entry.get("gives", "object")
    if answer == "done":
        lines += ["", 'Done: `{"ok": true}`.']
    elif answer != "object":
        what = ("The answer is a list of:" if "list" in entry else
                "Each member:" if entry.get("settings") else "The answer:")
        lines += ["", what, "", *table(answer)]
    if entry.get("kind") and entry["kind"] != "text/event-stream":
        lines += ["", "The answer is `%s`." % entry["kind"]]
    if entry.get("answers"):
        lines += ["", "Also: " + "; ".join("`%s` %s" % one for one in also(entry).items()) + "."]
    return lines


def legacy_table(text):
    """Return parameters of an older path as lines of Markdown; behind an arrow is the answer."""
    lines = ["| parameter | value | answer |", "|---|---|---|"]
    for path, _, meaning, _ in rows(text):
        value, _, answer = meaning.partition(" → ")
        lines.append("| `%s` | %s | %s |" % (path, value, answer))
    return lines


def path_of(name):
    """Return the path of an operation."""
    return name.split(" ")[1]


def _anchor(name):
    return re.sub(r"[^a-z0-9 _-]", "", name.lower()).replace(" ", "-")


def markdown():
    """Return docs/api.md: the prose with what is generated in its places."""
    made = {"settings": settings_table()}
    for name, entry in operations().items():
        made[name] = section(name, entry)
        if not path_of(name).startswith(V1):
            made["rows of " + name] = legacy_table(entry.get("query", ""))
    made[V1] = [line for name, entry in operations().items() if path_of(name).startswith(V1)
                for line in [*section(name, entry), ""]][:-1]
    lines = ["<!-- Made by tools/openapi.py: change tools/api, then `make openapi`. -->", ""]
    for line in words("api.md").splitlines():
        match = re.match(r"^\{\{(.*)\}\}$", line)
        if not match:
            lines.append(line)
            continue
        if match.group(1) not in made:
            raise Problem("tools/api/api.md asks for %s" % match.group(1))
        lines += made[match.group(1)]
    text = "\n".join(lines) + "\n"
    missing = sorted({path_of(name) for name in operations() if path_of(name) not in text})
    if missing:
        raise Problem("tools/api/api.md does not show " + ", ".join(missing))
    return text


def outputs():
    """Return the two files' contents by path; raises Problem when the words do not fit."""
    compare()
    return {OUT: json.dumps(document(), separators=(",", ":"), ensure_ascii=False) + "\n",
            DOCS: markdown()}


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="only say whether they are fresh")
    arguments = parser.parse_args()
    try:
        made = outputs()
    except (Problem, ValueError) as problem:
        sys.exit(str(problem))
    for path, text in made.items():
        stale = not path.exists() or path.read_text(encoding="utf-8") != text
        if arguments.check and stale:
            sys.exit("%s is not fresh: make openapi" % path.relative_to(ROOT))
        if stale:
            path.write_text(text, encoding="utf-8")
            print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
