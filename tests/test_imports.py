"""The rules of the house, read off the sources: who may import what, how long a module may be."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted([*(ROOT / "evse").rglob("*.py"), ROOT / "main.py", ROOT / "boot.py"])
HARDWARE = {"machine", "network", "esp32", "esp"}
PURE = {"micropython", "array", "evse.ticks", "evse.reasons", "evse.charging", "evse.power"}
SERVICES = ("net", "panel", "bus")
LONGEST = 400


def _name(path):
    return path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")


def _imports(tree):
    """All modules a tree imports; ``from a import b`` counts as a and a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            for alias in node.names:
                yield node.module + "." + alias.name


@pytest.fixture(params=MODULES, ids=_name)
def module(request):
    """(dotted name, syntax tree, source) of each module of the firmware."""
    source = request.param.read_text()
    return _name(request.param), ast.parse(source), source


def test_only_boards_touch_hardware(module):
    name, tree, _ = module
    if name.startswith("evse.boards.") or name == "boot":
        return
    assert not HARDWARE & set(_imports(tree))


def test_pure_packages_import_nothing_else(module):
    name, tree, _ = module
    if not name.startswith(("evse.charging", "evse.power")):
        return
    for imported in _imports(tree):
        assert any(imported == one or imported.startswith(one + ".") for one in PURE) or \
            imported == "evse", imported


def test_services_do_not_reach_into_the_core(module):
    name, tree, _ = module
    if not name.startswith(tuple("evse.%s." % service for service in SERVICES)):
        return
    for imported in _imports(tree):
        assert not imported.startswith(("evse.core", "evse.charging", "evse.power", "evse.app",
                                        "evse.boards")), imported


def test_only_the_start_knows_the_boards(module):
    name, tree, _ = module
    if name.startswith("evse.boards") or name == "evse.start":
        return
    assert not [imported for imported in _imports(tree) if imported.startswith("evse.boards")]


def test_the_interpreters_own_modules_are_known_by_name(module):
    name, tree, _ = module
    if name.startswith("evse.boards"):
        return  # loaded once, at the start
    known = {"asyncio", "gc", "sys"}  # found without a search, or loaded as ours are
    for node in ast.parse((ROOT / "main.py").read_text()).body:
        if isinstance(node, ast.For):
            known.update(ast.literal_eval(node.iter))
    tops = {imported.partition(".")[0] for imported in _imports(tree)}
    assert tops & sys.stdlib_module_names <= known


def test_ticks_are_compared_in_one_place(module):
    name, tree, _ = module
    if name.startswith("evse.boards"):
        return
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    used.update(imported.rpartition(".")[2] for imported in _imports(tree))
    assert not used & {"ticks_diff", "ticks_add"}


def test_no_assert_guards_the_running_firmware(module):
    # The optimiser of the build drops assert statements.
    _, tree, _ = module
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)]


def test_an_exception_is_made_when_it_is_raised(module):
    # One that is raised again and again remembers each place on its way, and never forgets.
    _, tree, _ = module
    made = {target.id for node in tree.body if isinstance(node, ast.Assign)
            for target in node.targets if isinstance(target, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Name):
            assert node.exc.id not in made, node.lineno


def test_importing_does_nothing(module):
    name, tree, _ = module
    if name in ("main", "boot"):
        return
    for node in tree.body:
        assert not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)), node.lineno


def test_modules_stay_small(module):
    name, _, source = module
    assert source.count("\n") <= LONGEST, name


def test_public_things_say_what_they_are(module):
    name, tree, _ = module
    if name == "main":
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef)):
            assert ast.get_docstring(node), getattr(node, "name", name)


def _methods(name):
    """Public methods of the classes in a board module and its bases, each with its arguments."""
    tree = ast.parse((ROOT / "evse" / "boards" / (name + ".py")).read_text())
    methods = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for base in node.bases:
                if isinstance(base, ast.Name) and base.id == "Esp32":
                    methods.update(_methods("esp32"))
            for one in node.body:
                if isinstance(one, ast.FunctionDef) and not one.name.startswith("_"):
                    methods[one.name] = [argument.arg for argument in one.args.args]
    return methods


@pytest.mark.parametrize("name", ("sim", "smartevse_v3", "devkit"))
def test_each_board_does_what_the_interface_asks(name):
    offered = _methods(name)
    for method, arguments in _methods("board").items():
        assert offered.get(method) == arguments, method
