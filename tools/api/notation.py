"""Short notation for HTTP operations and JSON objects: OpenAPI and the docs are made from it.

An operation begins with ``## METHOD /path``. What follows is ``name: value``, or ``name:`` and a
block indented by four blanks: ``says`` (a line), ``text`` (Markdown), ``level`` (else look),
``query``, ``body`` (JSON), ``form`` and ``gives`` (the object answered; ``done``, ``object``, or
``list: yes`` for a list of them), ``kind`` (media type of an answer that is no JSON), ``takes``
(of a body that is none), ``query_of`` (as those of another), ``answers`` (status and words,
beside the usual ones), ``values``, ``settings``, ``commands`` (the body is settings and values,
the answer is all settings, the body is a command).

Of an object each line is a member: ``path type | meaning``. In the path ``.`` goes into an object
and ``[]`` into the elements of a list; a ``?`` at its end marks what may be missing. Types:
``str``, ``str(63)`` for its greatest length, ``int``, ``int(0..5)``, ``in(1,3)`` for one of these
numbers, ``str/int`` for either, ``num``, ``bool``, ``obj``, ``any``, ``settings`` (keys and
values), ``one(a,b)`` for one of these texts, ``like(regex)``; most of them with ``[]`` for a list,
``[3]`` for one of that length, and ``|null``. A line indented further goes on with the one before.
"""

import re

_TYPE = re.compile(r"^(\w+)(?:\((.*?)\))?((?:\[\d*\])*)(\|null)?$")


def operations(text):
    """Return the operations in ``text`` by "METHOD /path", each a dict of what is said of it."""
    found = {}
    block = None
    for line in text.splitlines():
        if line.startswith("## "):
            entry = found.setdefault(line[3:], {})
            block = None
        elif line.startswith("    ") or (block and not line):
            entry[block] += line[4:] + "\n"
        elif line and line[0] != "#":
            name, _, value = line.partition(":")
            entry[name] = value.strip()
            block = None if value.strip() else name
    return found


def rows(text):
    """Return (path, type, meaning, may it be missing) of each line of ``text``."""
    found = []
    for line in text.strip("\n").splitlines():
        if not line.strip():
            continue
        if line[0] == " ":
            path, kind, meaning, optional = found.pop()
            found.append((path, kind, meaning + " " + line.strip(), optional))
            continue
        head, _, meaning = line.partition(" |")
        path, kind = head.split(None, 1)
        found.append((path.rstrip("?"), kind, meaning.strip(), path.endswith("?")))
    return found


def type_schema(kind):
    """Return the schema of a type."""
    if kind == "str/int":
        return {"type": ["string", "integer"]}
    match = _TYPE.match(kind)
    if not match:
        raise ValueError("no type: %s" % kind)
    name, inner, lists, null = match.groups()
    schema = _plain(name, inner)
    for size in re.findall(r"\[(\d*)\]", lists):
        schema = {"type": "array", "items": schema}
        if size:
            schema["minItems"] = schema["maxItems"] = int(size)
    if null:
        schema = dict(schema)
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
        schema["type"] = [schema["type"], "null"]
    return schema


def _plain(name, inner):
    if name == "int":
        schema = {"type": "integer"}
        if inner:
            low, high = inner.split("..")
            schema["minimum"], schema["maximum"] = int(low), int(high)
        return schema
    if name == "str":
        schema = {"type": "string"}
        if inner:
            low, _, high = inner.rpartition("..")
            schema["maxLength"] = int(high)
            if low:
                schema["minLength"] = int(low)
        return schema
    if name == "in":
        return {"type": "integer", "enum": [int(one) for one in inner.split(",")]}
    if name == "one":
        return {"type": "string", "enum": inner.split(",")}
    if name == "like":
        return {"type": "string", "pattern": inner}
    if name == "settings":
        return {"$ref": "#/components/schemas/Settings"}
    plain = {"num": {"type": "number"}, "bool": {"type": "boolean"}, "obj": {"type": "object"},
             "any": {}}
    return dict(plain[name])


def object_schema(text, closed=False):
    """Return the schema of the object that ``text`` describes; ``closed``: it has no more."""
    top = {"type": "object", "properties": {}, "required": []}
    if closed:
        top["additionalProperties"] = False
    for path, kind, meaning, optional in rows(text):
        at = top
        *way, last = path.split(".")
        for step in way:
            if step not in at["properties"] and not step.endswith("[]"):
                at["properties"][step] = {"type": "object"}
                at["required"].append(step)
            at = at["properties"][step.rstrip("[]")]
            while at.get("type") == "array":
                at = at["items"]
            at.setdefault("properties", {})
            at.setdefault("required", [])
        schema = type_schema(kind)
        if meaning:
            schema["description"] = _plain_text(meaning)
        at["properties"][last] = schema
        if not optional:
            at["required"].append(last)
    _tidy(top)
    return top


def _plain_text(markdown):
    """Without links and code marks: schemas are read without Markdown."""
    return re.sub(r"\[(.*?)\]\(.*?\)", r"\1", markdown).replace("`", "")


def _tidy(schema):
    """Leave out lists of required members that are empty."""
    if isinstance(schema, dict):
        if schema.get("required") == []:
            del schema["required"]
        for value in list(schema.values()):
            _tidy(value)


def table(text, head=("key", "meaning")):
    """Return the lines of a Markdown table of what ``text`` describes."""
    lines = ["| %s | type | %s |" % head, "|---|---|---|"]
    for path, kind, meaning, optional in rows(text):
        lines.append("| `%s`%s | %s | %s |" % (path, "?" if optional else "", _words(kind),
                                               meaning))
    return lines


def _words(kind):
    """A type as people read it."""
    if kind == "str/int":
        return "text or integer"
    match = _TYPE.match(kind)
    name, inner, lists, null = match.groups()
    words = {"str": "text", "int": "integer", "num": "number", "bool": "true, false",
             "obj": "object", "any": "any", "settings": "object"}.get(name, "text")
    if name == "int" and inner:
        words = "%s to %s" % tuple(inner.split(".."))
    elif name == "str" and inner:
        words = "text, %s characters" % inner.replace("..", " to ")
    elif name == "in":
        words = ", ".join(inner.split(","))
    elif name == "one":
        words = ", ".join("`%s`" % one for one in inner.split(","))
    for size in re.findall(r"\[(\d*)\]", lists):
        words = "%s of %s" % (size or "list", words)
    return words + (" or null" if null else "")
