"""Pack the texts of the panel: evse/panel/languages/*.txt become one file a language.

A source has a key and its text in each line, in sections; evse/panel/texts.py says where in the
packed file each text belongs, and how that file is read.
"""

import ast
import re
import struct
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "evse" / "panel" / "languages"
SECTIONS = ("large", "small", "reasons", "values", "help")
_FILLED = re.compile("%.")


class Problem(Exception):
    """A source that cannot be packed; the message says where and why."""


def lines(path, sections):
    """Yield (where it is, section or None, line) of each line of a source that says something.

    A section that is none of ``sections`` raises Problem.
    """
    section = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        where = "%s, line %d: " % (path.name, number)
        if line.startswith("["):
            section = line.strip("[]")
            if section not in sections:
                raise Problem(where + "no section is called " + section)
        elif line and not line.startswith("#"):
            yield where, section, line


def parse(language):
    """{section: {key: text}} of a source."""
    path = FOLDER / (language + ".txt")
    found = {section: {} for section in SECTIONS}
    seen = set()
    if not path.is_file():
        raise Problem("evse/panel/languages/%s is missing" % path.name)
    for where, section, line in lines(path, SECTIONS):
        key, _, text = line.partition(" ")
        if section is None or not text.strip("| ") or text != text.rstrip():
            raise Problem(where + "a key and its text are wanted, below a [section]")
        if key in seen:
            raise Problem(where + key + " is there twice")
        seen.add(key)
        found[section][key] = text
    return found


def declared(name):
    """{name: value} of what the module evse/``name`` gives names to by expressions alone."""
    found = {}
    found["const"] = lambda value: value
    for node in ast.parse((ROOT / "evse" / name).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                value = eval(compile(ast.Expression(node.value), name, "eval"), found)
            except NameError:  # it needs what is not an expression
                continue
            found[node.targets[0].id] = value
    return found


def table():
    """All settings, as in evse/settings.py."""
    return declared("settings.py")["TABLE"]


def languages():
    """The names of all languages: the choices of the setting."""
    return next(setting[3] for setting in table() if setting[0] == "language")


def places():
    """{key: entry in the packed file} of every text that there is or may be, but for the parts.

    Texts of their own must all be there; of a reason or a setting any may be missing.
    """
    known = declared("panel/texts.py")
    numbers = {name[2:].lower(): number for name, number in known.items()
               if name.startswith("T_")}
    if sorted(numbers.values()) != list(range(len(numbers))):
        raise Problem("evse/panel/texts.py: the numbers T_... must be 0, 1, 2 ... without a gap")
    found = {key: known["TEXTS_AT"] + number for key, number in numbers.items()}
    areas = []
    for prefix, entries in (
            ("REASONS", {name: code for name, code in declared("reasons.py").items()
                         if type(code) is int and 0 < code < 60}),
            ("HELP", {setting[0]: number for number, setting in enumerate(table())}),
            ("VALUES", {setting[0]: number for number, setting in enumerate(table())
                        if setting[1] == "enum"})):
        first = known[prefix + "_AT"]
        areas.append((first, first + max(entries.values())))
        word = "reason_" if prefix == "REASONS" else prefix.lower() + "_"
        found.update((word + name, first + number) for name, number in entries.items())
    areas.append((known["TEXTS_AT"], known["TEXTS_AT"] + len(numbers)))
    for (_, last), (first, _) in zip(areas, areas[1:]):
        if last >= first:
            raise Problem("evse/panel/texts.py: a table of texts grows into the next one")
    return found


def _compare(language, mine, model, place):
    """Complain of keys, parts and places to fill in that differ from those of English."""
    name = language + ".txt"
    for section in SECTIONS:
        for key in sorted(set(model[section]) ^ set(mine[section])):
            raise Problem("%s: %s is %s [%s]" % (
                name, key, "missing in" if key in model[section] else "not to be in", section))
        for key, text in mine[section].items():
            if key not in place:
                raise Problem("%s: nothing is called %s" % (name, key))
            other = model[section][key]
            if section != "help" and text.count("|") != other.count("|"):
                raise Problem("%s: %s must have %d parts" % (name, key, other.count("|") + 1))
            if _FILLED.findall(text) != _FILLED.findall(other):
                raise Problem("%s: %s must have the same %% as in English" % (name, key))


def check(language):
    """Return the texts of a language as {key: text}, or raise Problem."""
    model, mine, place = parse("en"), parse(language), places()
    _compare(language, mine, model, place)
    texts = {key: text for section in mine.values() for key, text in section.items()}
    first = declared("panel/texts.py")["TEXTS_AT"]
    for key in sorted(place):
        if place[key] >= first and key not in texts:
            raise Problem("%s.txt: %s is missing" % (language, key))
    for setting in table():
        values = texts.get("values_" + setting[0])
        if values and setting[1] == "enum" and values.count("|") + 1 != len(setting[3]):
            raise Problem("%s.txt: values_%s must have %d parts" % (
                language, setting[0], len(setting[3])))
    return texts


def pack(language):
    """The packed file of a language."""
    texts = check(language)
    entries = {entry: texts[key].encode() for key, entry in places().items() if key in texts}
    count = max(entries) + 1
    at = 4 + 2 * (count + 1)
    if at + sum(map(len, entries.values())) > 0xFFFF:
        raise Problem(language + ".txt: more than 64 KB of texts")
    index, data = struct.pack("<2sH", b"T1", count), b""
    for entry in range(count + 1):
        index += struct.pack("<H", at + len(data))
        data += entries.get(entry, b"")
    return index + data
