"""Make numbers of the constants that modules take from each other, before they are compiled.

On the board ``X = 1`` costs an entry in its module's dict, one in the dict of each module that
imports it, and bytecode wherever it is read. The compiler spares that only for a private ``const``
in its own module. Here it is done for all whole numbers with a name in capitals, across modules:
the name becomes the number, and declarations and imports that nothing needs any more go. Lines
stay where they are, so that a traceback still leads to the source.

Only what is certain is done. Names stay as they are where a module is handed around as a value,
where something that may be a module is asked for one, and where one means two things in a file.
What runs beside the firmware on the host gets the names back from tools/constants.py.
"""

import ast
import re

_CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]*\Z")
_WORDS = {"__builtins__": {}, "const": int, "range": range}


class _File:
    """One module: its constants, and what its names are bound to, wherever in the file."""

    def __init__(self, name, source):
        self.name = name
        self.source = source
        self.tree = ast.parse(source)
        self.own = _declared(self.tree)
        self._bound = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.JoinedStr):
                raise ValueError("f-strings hide names from the build: %s, line %d"
                                 % (name, node.lineno))
            for bound, target in _bindings(node):
                self._bound.setdefault(bound, []).append(target)

    @property
    def names(self):
        """All names that are bound in this file."""
        return list(self._bound)

    def target(self, name):
        """(module, name in it) where ``name`` is only ever that import, otherwise None."""
        targets = set(self._bound.get(name, (None,)))
        return targets.pop() if len(targets) == 1 else None

    def declares(self, name):
        """True when ``name`` is a constant of this module and nothing else in the file."""
        # Tests look inside the boards.
        return (name in self.own and len(self._bound[name]) == 1
                and not (name.startswith("_") and self.name.startswith("evse.boards.")))


def _targets(node):
    """The names that a statement gives values to, if that is all it does."""
    if not isinstance(node, ast.Assign) or len(node.targets) > 1:
        return []
    target = node.targets[0]
    names = target.elts if isinstance(target, ast.Tuple) else [target]
    return [name.id for name in names] if all(isinstance(name, ast.Name) for name in names) else []


def _declared(tree):
    """{name: number} of the constants that a module declares, private ones too."""
    found = {}
    for node in tree.body:
        names = _targets(node)
        if names and all(map(_CONSTANT.match, names)):
            try:
                value = eval(compile(ast.Expression(node.value), "", "eval"), _WORDS, found)
                values = [value] if isinstance(node.targets[0], ast.Name) else list(value)
            except (NameError, AttributeError, TypeError, ValueError):
                continue
            if all(type(value) is int for value in values):
                found.update(zip(names, values))
    return found


def _bindings(node):
    """Yield (name, target) for each name that ``node`` itself binds; None for no import."""
    if isinstance(node, ast.ImportFrom):
        for one in node.names:
            yield one.asname or one.name, (node.module, one.name)
    elif isinstance(node, ast.Import):
        for one in node.names:
            yield one.asname or one.name.partition(".")[0], (one.name, "")
    elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id, None
    elif isinstance(node, ast.arg):
        yield node.arg, None
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef,
                           ast.ExceptHandler)):
        yield node.name, None
    elif isinstance(node, (ast.Global, ast.Nonlocal)):
        yield from ((name, None) for name in node.names)


class _Program:
    """All modules together: what each constant is, and which names must stay."""

    def __init__(self, sources):
        self.files = {name: _File(name, source) for name, source in sources.items()}
        self._kept = set()  # (module, name)
        for file in self.files.values():
            self._find_kept(file)

    def module(self, file, name):
        """The file of the module that ``name`` is in ``file``, or None."""
        target = file.target(name)
        return self.files.get("%s.%s" % target) if target else None

    def constant(self, file, name):
        """(file, name) of the constant that ``name`` is in ``file``, or None."""
        if file.declares(name):
            return file, name
        module, other = file.target(name) or ("", "")
        return self.constant(self.files[module], other) if module in self.files else None

    def value(self, file, name):
        """The number of a constant as source text, or None when ``name`` is none."""
        found = self.constant(file, name)
        if not found:
            return None
        number = found[0].own[found[1]]
        return "%d" % number if number >= 0 else "(%d)" % number

    def goes(self, file, name):
        """True when nobody needs ``name``, a constant or an import, in the dict of ``file``."""
        return (file.name, name) not in self._kept

    def _keep(self, file, name):
        """Let ``name`` stay in ``file``, and the constant that it is where it is declared."""
        if name in file.names:
            self._kept.add((file.name, name))
        origin = self.constant(file, name)
        if origin:
            self._kept.add((origin[0].name, origin[1]))

    def _find_kept(self, file):
        modules = set()  # names that stand before a dot
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Attribute):
                base = node.value.id if isinstance(node.value, ast.Name) else ""
                modules.add(node.value)
                module = self.module(file, base)
                if module and not self.constant(module, node.attr):
                    self._keep(module, node.attr)
                elif module and isinstance(node.ctx, ast.Load) or _is_foreign(file, base):
                    continue
                else:
                    self._keep_everywhere(node.attr)
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Name) and node not in modules:
                self._keep_all(self.module(file, node.id))
            for name, target in _bindings(node):
                if target and file.target(name) is None and target[0] in self.files:
                    self._keep(self.files[target[0]], target[1])
                    self._keep_all(self.files.get("%s.%s" % target))
                if target and target[1] in ("", "*"):
                    self._keep_all(self.files.get(target[0]))

    def _keep_everywhere(self, name):
        for file in self.files.values():
            if self.constant(file, name):
                self._keep(file, name)

    def _keep_all(self, module):
        for name in module.names if module else ():
            self._keep(module, name)


def _is_foreign(file, name):
    """True when ``name`` is a module of others in ``file``."""
    target = file.target(name)
    return bool(target) and target[0].partition(".")[0] != "evse"


def _edits(program, file):
    """Yield (row, column, end column, new text) for the names in a file that change."""
    for node in ast.walk(file.tree):
        text = None
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                text = program.value(file, node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = program.module(file, node.value.id)
            if module and isinstance(node.ctx, ast.Load):
                text = program.value(module, node.attr)
        if text is not None:
            yield node.lineno, node.col_offset, node.end_col_offset, text


def _left(program, file, statement):
    """The parts of an import that are still needed."""
    parts = []
    for one in statement.names:
        name = one.asname or one.name
        module = program.module(file, name)
        used = [node for node in ast.walk(file.tree)
                if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == name]
        if not program.goes(file, name) or not (
                program.constant(file, name) if not module else
                used and all(program.constant(module, node.attr) for node in used)):
            parts.append(one.name + (" as " + one.asname if one.asname else ""))
    return parts


def _rewritten(program, file):
    """The text of a file with numbers for constants."""
    lines = file.source.encode().split(b"\n")
    for row, begin, end, text in sorted(_edits(program, file), reverse=True):
        line = lines[row - 1]
        lines[row - 1] = line[:begin] + text.encode() + line[end:]
    for node in file.tree.body:
        names = _targets(node)
        if names and all(file.declares(name) and program.goes(file, name) for name in names):
            lines[node.lineno - 1:node.end_lineno] = [b""] * (node.end_lineno - node.lineno + 1)
    for node in ast.walk(file.tree):
        if isinstance(node, ast.ImportFrom):
            parts = _left(program, file, node)
            if parts == ["const"] and not any(b"const(" in line for line in lines):
                parts = []
            if len(parts) < len(node.names):
                lines[node.lineno - 1:node.end_lineno] = [b""] * (
                    node.end_lineno - node.lineno + 1)
                text = "from %s import %s" % (node.module, ", ".join(parts)) if parts else "pass"
                if parts or node.col_offset:
                    lines[node.lineno - 1] = b" " * node.col_offset + text.encode()
    return b"\n".join(lines).decode()


def inlined(sources):
    """({module: text with numbers}, {module: {name: number}} of what is no longer in its dict).

    ``sources`` maps the dotted names of all modules of the program to their texts.
    """
    program = _Program(sources)
    texts, gone = {}, {}
    for name, file in program.files.items():
        texts[name] = _rewritten(program, file)
        constants = {}
        for one in file.names:
            origin = program.constant(file, one)
            if origin and program.goes(file, one) and not one.startswith("_"):
                constants[one] = origin[0].own[origin[1]]
        if constants:
            gone[name] = constants
    return texts, gone
