"""Make few files of the page's modules: each is a function there, whose names are its own.

One file is one request, and packs better than twenty. What modules take of each other by name is
known in the whole file: so the minifier gives it one short name, and not another one in each
module. ``app`` carries what is wanted at once, ``views`` the rest, taking from ``app`` what is
there, so ``app`` must not wait for it before it has run itself; ``portal`` stands alone. Imports
and exports are lines of few forms; what is of another form is refused. In web/ the modules work as
they are.
"""

import re

ROOTS = ("app", "views", "portal")
_IMPORT = re.compile(r'import (?:\{ (.+) \}|\* as (\w+)) from "\./(\w+)\.js";')
_EXPORT = re.compile(r"export ((?:async )?function|const|class) (\w+)(.*)", re.DOTALL)
_PASSED = re.compile(r'export \* as (\w+) from "\./(\w+)\.js";')


class Problem(Exception):
    """Modules that cannot be put together; the message says which line, or which module."""


class _Module:
    """One module: ``body``, ``wants`` (names of modules), ``gives`` ({name outside: inside}).

    ``takes`` are the names it takes from each of those that it wants: {module: [name]}.
    """

    def __init__(self, name, text):
        self.name = name
        self.wants = []
        self.takes = {}
        self.gives = {}
        body = []
        for line in text.splitlines():
            taken = _IMPORT.fullmatch(line)
            passed = _PASSED.fullmatch(line)
            given = _EXPORT.fullmatch(line)
            if taken:
                self.wants.append(taken[3])
                line = "const %s = $%s;" % (taken[2], taken[3]) if taken[2] else self._take(taken)
            elif passed:
                self.wants.append(passed[2])
                self.gives[passed[1]] = "$" + passed[2]
                continue
            elif given:
                self.gives[given[2]] = given[2]
                line = "%s %s%s" % given.groups()
            elif line.startswith(("import ", "export ")):
                raise Problem("%s.js: %s" % (name, line))
            body.append(line)
        self.body = "\n".join(body)

    def _take(self, found):
        """What becomes of an import of names: a line for those that are called otherwise here."""
        names = found[1].split(", ")
        self.takes[found[3]] = [name for name in names if " as " not in name]
        renamed = [name.replace(" as ", ": ") for name in names if " as " in name]
        return "const { %s } = $%s;" % (", ".join(renamed), found[3]) if renamed else ""


def _needed(name, modules, before, within=()):
    """Names of the modules that ``name`` needs and itself, in order, but for those ``before``."""
    if name in within:
        raise Problem("%s.js needs itself by way of %s.js" % (name, within[-1]))
    if name not in modules:
        raise Problem("there is no %s.js, which %s.js needs" % (name, within[-1]))
    found = []
    for other in modules[name].wants:
        if other not in before:
            found += [one for one in _needed(other, modules, before, (*within, name))
                      if one not in found]
    return [*found, name]


def _function(module):
    gives = ", ".join("%s: %s" % pair if pair[0] != pair[1] else pair[0]
                      for pair in module.gives.items())
    return "const $%s = (() => {\n%s\nreturn { %s };\n})();" % (module.name, module.body, gives)


def _taken(name, users, known):
    """The line that makes known what ``users`` take from module ``name``, if they do; see Problem.

    ``known`` ({what: module}) is what the file knows already, and gets these names.
    """
    taken = sorted({one for user in users for one in user.takes.get(name, ())})
    for one in taken:
        if known.setdefault(one, name) != name:
            raise Problem("%s.js and %s.js both give %s" % (known[one], name, one))
    return "const { %s } = $%s;" % (", ".join(taken), name) if taken else ""


def bundled(sources):
    """{name: text} of the files that are sent, of {name: text} of all modules; see Problem."""
    modules = {name: _Module(name, text) for name, text in sources.items()}
    found = {}
    shared = []
    for root in ROOTS:
        *parts, last = _needed(root, modules, shared if root == "views" else ())
        users = [modules[name] for name in (*parts, last)]
        others = sorted({want for user in users for want in user.wants} - set(parts))
        known = {}
        lines = [_taken(name, users, known) for name in others]
        for part in parts:
            lines += [_function(modules[part]), _taken(part, users, known)]
        gives = modules[last].gives
        if root == "app":
            shared = parts
            gives = {"$" + part: "$" + part for part in parts}
        # The names at the top of a file would stay as they are; and it may wait. What is given
        # has a name of its own there: it may be called as what all browsers have.
        inside = ", ".join(gives.values())
        text = "await (async () => {\n%s\n{\n%s\n}\nreturn [%s];\n})();\n" % (
            "\n".join(lines), modules[last].body, inside)
        if gives:
            text = "const [%s] = %sexport { %s };\n" % (inside, text, ", ".join(
                "%s as %s" % (one, outside) for outside, one in gives.items()))
        if others:
            text = 'import { %s } from "./app.js";\n%s' % (
                ", ".join("$" + name for name in others), text)
        found[root] = text
    lost = set(modules) - {part for root in ROOTS for part in _needed(root, modules, ())}
    if lost:
        raise Problem("nothing needs %s.js" % ", ".join(sorted(lost)))
    return found
