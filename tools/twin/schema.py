"""JSON Schema, as much of it as our own schemas use, with defaults filled in.

Known keywords: type, enum, properties, required, additionalProperties, items, prefixItems,
minItems, maxItems, minimum, maximum, exclusiveMinimum, default.
"""

_TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


class Invalid(Exception):
    """The document does not follow its schema; the message names the place."""


def fill(value, schema, where=""):
    """Return ``value`` checked against ``schema``, with the defaults of absent keys."""
    _check_type(value, schema, where)
    if "enum" in schema and value not in schema["enum"]:
        raise Invalid("%s: %r is none of %s"
                      % (where, value, ", ".join(map(str, schema["enum"]))))
    if isinstance(value, dict):
        return _object(value, schema, where)
    if isinstance(value, list):
        return _array(value, schema, where)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        low, high = schema.get("minimum"), schema.get("maximum")
        above = schema.get("exclusiveMinimum")
        if ((low is not None and value < low) or (high is not None and value > high)
                or (above is not None and value <= above)):
            raise Invalid("%s: %r is not %s" % (where, value, _span(low, high, above)))
    return value


def _span(low, high, above):
    words = []
    if low is not None:
        words.append("at least %s" % low)
    if above is not None:
        words.append("more than %s" % above)
    if high is not None:
        words.append("at most %s" % high)
    return " and ".join(words)


def _is(value, name):
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, _TYPES[name])


def _check_type(value, schema, where):
    names = schema.get("type", [])
    names = [names] if isinstance(names, str) else names
    if names and not any(_is(value, name) for name in names):
        raise Invalid("%s: %r is not %s" % (where or "the document", value, " or ".join(names)))


def _object(value, schema, where):
    known = schema.get("properties", {})
    prefix = where + "." if where else ""
    if not schema.get("additionalProperties", True):
        for key in value:
            if key not in known:
                raise Invalid("%s%s: unknown key; known are %s"
                              % (prefix, key, ", ".join(known)))
    for key in schema.get("required", ()):
        if key not in value:
            raise Invalid("%s%s is missing" % (prefix, key))
    filled = {}
    for key, member in known.items():
        if key in value:
            filled[key] = fill(value[key], member, prefix + key)
        elif "default" in member:
            filled[key] = fill(member["default"], member, prefix + key)
    for key in value:
        filled.setdefault(key, value[key])
    return filled


def _array(value, schema, where):
    if len(value) < schema.get("minItems", 0):
        raise Invalid("%s: at least %d items" % (where, schema["minItems"]))
    if len(value) > schema.get("maxItems", len(value)):
        raise Invalid("%s: at most %d items" % (where, schema["maxItems"]))
    heads = schema.get("prefixItems", [])
    rest = schema.get("items", {})
    return [fill(item, heads[i] if i < len(heads) else rest, "%s[%d]" % (where, i))
            for i, item in enumerate(value)]
