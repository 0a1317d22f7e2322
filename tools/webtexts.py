"""Pack the words of the page: web/languages/*.txt and the panel's become one JSON file a language.

A source has sections. In [words] each line is ``English = translation``, where English is what the
scripts say or the charger itself, {0}, {1}, ... standing for what is filled in; the English source
has none. In [values] each line is ``name = text``, a name that a setting can have. In [labels] and
[help] each line is a setting's key and the text. Help texts and reasons that are not there are the
panel's. [wiring] is as [words], for wiring.txt, which becomes a file of each language.
"""

import ast
import functools
import json
import re

import texts
from texts import Problem

FOLDER = texts.ROOT / "web" / "languages"
WIRING = FOLDER / "wiring.txt"
SECTIONS = ("words", "wiring", "values", "labels", "help")
_EQUAL = ("words", "wiring", "values")  # sections whose keys have blanks
WEB = texts.ROOT / "web"
APART = ("portal", "safe")  # scripts with words of their own
_LITERAL = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_SAID = re.compile(r'\bt\(\s*("(?:[^"\\\n]|\\.)*")')
_MARKED = re.compile(r"data-t>([^<]+)<")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PLACES = re.compile(r"\{\d\}")


def parse(language):
    """{section: {key: text}} of a source."""
    found = {section: {} for section in SECTIONS}
    for where, section, line in texts.lines(FOLDER / (language + ".txt"), SECTIONS):
        if section is None:
            raise Problem(where + "a [section] is wanted first")
        key, _, text = line.partition(" = " if section in _EQUAL else " ")
        if not key or not text or text != text.strip():
            raise Problem(where + "a key and its text are wanted")
        if key in found[section]:
            raise Problem(where + key + " is there twice")
        if section == "words" and set(_PLACES.findall(key)) != set(_PLACES.findall(text)):
            raise Problem(where + "the places to fill in differ")
        found[section][key] = text
    return found


def reasons():
    """{name: English text} of the reasons and limits, as the charger says them."""
    known = texts.declared("reasons.py")
    said = dict(line.split(" ", 1) for line in known["_TEXTS"].splitlines() if line)
    return {name: said[str(code)] for name, code in known.items()
            if type(code) is int and str(code) in said}


def short(english):
    """What stands for an English text in the files: its number, if nothing is filled in."""
    if "{0}" in english:
        return english
    total = 0
    for char in english:
        total = (total * 31 + ord(char)) % len(_DIGITS) ** 4
    digits = ""
    while total:
        total, digit = divmod(total, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits


def _shortened(words):
    found = {}
    for english, text in words.items():
        key = short(english)
        if key in found:
            raise Problem("two texts have one number: %s" % english)
        found[key] = text
    return found


class Page:
    """What the page itself says: ``numbers`` ({English: number}) of what is said just there.

    ``scripts`` are as they are sent: with numbers for the words of ``t("...")``. ``named`` are the
    texts that are looked for by their words: those a script has by a name, and those of ``html``.
    """

    def __init__(self, scripts, html):
        said = _SAID.findall("\n".join(scripts.values()))
        self.numbers = {}
        for one in said:
            self.numbers.setdefault(json.loads(one), len(self.numbers))
        self.scripts = {name: _SAID.sub(self._number, text) for name, text in scripts.items()}
        self.marked = set(_MARKED.findall(html))
        self.named = self.marked.union(
            json.loads(one) for text in self.scripts.values() for one in _LITERAL.findall(text))

    def _number(self, found):
        return "t(%d" % self.numbers[json.loads(found[1])]


def read_page():
    """The Page of the sources in web/; those apart have words of their own."""
    return Page({path.stem: path.read_text(encoding="utf-8")
                 for path in sorted(WEB.glob("*.js")) if path.stem not in APART},
                (WEB / "index.html").read_text(encoding="utf-8"))


@functools.cache
def said_by_the_charger():
    """All texts of the firmware as one, with {} where something is filled in."""
    found = [path.read_text() for path in (texts.ROOT / "evse").rglob("*.txt")]
    for path in (texts.ROOT / "evse").rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        notes = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        found += [node.value for node in nodes if isinstance(node, ast.Constant)
                  and isinstance(node.value, str) and id(node) not in notes]
    return re.sub(r"%[ds]", "{}", "\n".join(found)).replace("%%", "%")


def pack(language, page):
    """The file of a language for a Page: bytes of a JSON object of three lists.

    ``keys`` are short(English), or a kind and a name such as "help mains", ``texts`` what stands
    under them, ``numbered`` the texts of the page's numbers.
    """
    own, panel = parse(language), texts.parse(language)
    charger = said_by_the_charger()
    found = {english: text for english, text in own["words"].items()
             if english not in page.numbers or english in page.named
             or _PLACES.sub("{}", english) in charger}
    if language != "en":
        for name, english in reasons().items():
            text = panel["reasons"].get("reason_" + name)
            if text and english not in found:
                found[english] = text
    found = _shortened(found)
    helps = {key[5:]: text for key, text in panel["help"].items()}
    for kind, values in (("value", own["values"]), ("label", own["labels"]),
                         ("help", {**helps, **own["help"]})):
        for key, text in values.items():
            found["%s %s" % (kind, key)] = text
    keys = sorted(found, key=lambda key: (" " not in key, key))  # what is alike packs better so
    return json.dumps({
        "keys": keys, "texts": [found[key] for key in keys],
        "numbered": [own["words"].get(english, english) for english in page.numbers],
    }, ensure_ascii=False, separators=(",", ":")).encode()


# Words of a line of the wiring: what stands before them, and they.
_TITLE = re.compile(r"([-=] )(.+)")
_LABEL = re.compile(r"((?:t(?: \d+){2}|b(?: \d+){4}) )(.+)")


def wiring(language):
    """The file of the wiring in a language: bytes of the source's parts.

    Words that have no translation stay as they are: names are the same everywhere.
    """
    words = parse(language)["wiring"]
    lines = []
    for line in WIRING.read_text(encoding="utf-8").partition("\n= ")[2].splitlines():
        found = _TITLE.fullmatch(line) or _LABEL.fullmatch(line)
        if found:
            line = found[1] + words.get(found[2], found[2])
        elif line.startswith("| "):
            line = "| " + " | ".join(words.get(cell, cell) for cell in line[2:].split(" | "))
        lines.append(line)
    title = words.get(lines[0], lines[0])
    return "\n".join(["= " + title, *lines[1:], ""]).encode()
