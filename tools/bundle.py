"""Make few files of the page's modules: each is a function there, whose names are its own.

One file is one request, and packs better than twenty. ``app`` carries what is wanted at once,
``views`` the rest, taking from ``app`` what is there, so ``app`` must not wait for it before it
has run itself; ``portal`` stands alone. Imports and exports are lines of few forms; what is of
another form is refused. In web/ the modules work as they are.
"""

import re

ROOTS = ("app", "views", "portal")
_IMPORT = re.compile(r'import (?:(\{ .+ \})|\* as (\w+)) from "\./(\w+)\.js";')
_EXPORT = re.compile(r"export ((?:async )?function|const|class) (\w+)(.*)", re.DOTALL)
_PASSED = re.compile(r'export \* as (\w+) from "\./(\w+)\.js";')


class Problem(Exception):
    """Modules that cannot be put together; the message says which line, or which module."""


class _Module:
    """One module: ``body``, ``wants`` (names of modules), ``gives`` ({name outside: inside})."""

    def __init__(self, name, text):
        self.name = name
        self.wants = []
        self.gives = {}
        body = []
        for line in text.splitlines():
            taken = _IMPORT.fullmatch(line)
            passed = _PASSED.fullmatch(line)
            given = _EXPORT.fullmatch(line)
            if taken:
                self.wants.append(taken[3])
                line = "const %s = $%s;" % (taken[2] or taken[1].replace(" as ", ": "), taken[3])
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


def bundled(sources):
    """{name: text} of the files that are sent, of {name: text} of all modules; see Problem."""
    modules = {name: _Module(name, text) for name, text in sources.items()}
    found = {}
    shared = []
    for root in ROOTS:
        *parts, last = _needed(root, modules, shared if root == "views" else ())
        lines = [_function(modules[part]) for part in parts]
        # It may wait, and what it gives is given by the file.
        lines.append("await (async () => {\n%s\n})();" % modules[last].body)
        if root == "app":
            shared = parts
            gives = {"$" + part: "$" + part for part in parts}
        else:
            gives = modules[last].gives
            taken = {"$" + want for part in (*parts, last) for want in modules[part].wants
                     if want not in parts}
            if taken:
                lines.insert(0, 'import { %s } from "./app.js";' % ", ".join(sorted(taken)))
        if gives:
            lines.append("export { %s };" % ", ".join(
                "%s as %s" % (inside, outside) for outside, inside in gives.items()))
        found[root] = "\n".join(lines) + "\n"
    lost = set(modules) - {part for root in ROOTS for part in _needed(root, modules, ())}
    if lost:
        raise Problem("nothing needs %s.js" % ", ".join(sorted(lost)))
    return found
