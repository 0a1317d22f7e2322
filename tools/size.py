"""Show where flash and memory go.

Flash: bytes of .mpy per package as they go onto a board. Memory: what importing each module keeps
of the heap on MicroPython's unix port, its own part only, and the heap in use a few seconds after
the start. The unix port's objects are twice as big as the board's, hence the estimate.
"""

import argparse
import ast
import os
import pty
import subprocess
import sys
import tty

import build
import image
from twin import firmware

BOARD_SHARE = 0.5
HEAP = "4M"
TIME_LIMIT_S = 60
# A charger with a meter on the bus and the web server; nobody answers, which costs the same.
SETTINGS = '{"mode": "Smart", "mains_met": "Eastron3P"}'

_IMPORTS = """
import gc, sys
sys.path[:] = %r
def used():
    gc.collect()
    gc.collect()
    return gc.mem_alloc()
for name in %r:
    before = used()
    __import__(name)
    print(name, used() - before)
"""
_LIVE = """
import sys
sys.path[:] = %r
import asyncio, gc
async def report():
    await asyncio.sleep(4)
    gc.collect()
    print("live", gc.mem_alloc())
    sys.exit(0)
asyncio.create_task(report())
from evse import start
start.main(lambda when: None)
"""


def micropython(code, **environment):
    """Run ``code`` on the unix port; returns the words of each line printed."""
    done = subprocess.run([firmware.interpreter(), "-X", "heapsize=" + HEAP, "-c", code],
                          env={**os.environ, **environment}, text=True, capture_output=True,
                          timeout=TIME_LIMIT_S, check=False)
    if done.returncode:
        raise build.Problem(done.stdout + done.stderr)
    return [line.split() for line in done.stdout.splitlines()]


def search_path(slot):
    """The sys.path of a firmware in ``slot``."""
    return [str(slot), str(slot / "lib"), ".frozen"]


def flash_rows(board):
    """Yield (what, files, bytes) for the slot of ``board``, then for the whole of it."""
    slot = build.build(board) / build.SLOT
    groups = {}
    for path in sorted(slot.rglob("*")):
        if path.is_file():
            folders = path.relative_to(slot).parts[:-1]
            group = "/".join(folders[:2]) or "."
            files, size = groups.get(group, (0, 0))
            groups[group] = files + 1, size + path.stat().st_size
    yield from ((group, *counts) for group, counts in sorted(groups.items()))
    yield ("all", sum(files for files, _ in groups.values()),
           sum(size for _, size in groups.values()))


def sources():
    """Dotted name -> source of each module in the simulated board's tree."""
    found = {}
    for source, name in [*build.our_modules("sim", build.native_arch()), *build.libraries()]:
        found[name.replace("/", ".").removesuffix(".__init__")] = source
    return found


def in_order(found, start):
    """Modules that importing ``start`` loads, each after those it imports itself."""
    order = []
    seen = set()

    def visit(name):
        if name in seen or name not in found:
            return
        seen.add(name)
        if "." in name:
            visit(name.rpartition(".")[0])
        body = ast.parse(found[name].read_text()).body
        for node in body:
            for inner in ast.walk(node) if isinstance(node, ast.Try) else (node,):
                for wanted in _wanted(inner, name):
                    visit(wanted)
        order.append(name)

    visit(start)
    return order


def _wanted(node, importer):
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name
    elif isinstance(node, ast.ImportFrom):
        module = node.module or ""
        if node.level:
            package = importer.split(".")[:-node.level] or [importer]
            module = ".".join([*package, module]).rstrip(".")
        yield module
        for alias in node.names:
            yield module + "." + alias.name


def import_rows():
    """Return (module, bytes of heap it keeps by itself) for all that the app loads at start."""
    slot = build.build("sim") / build.SLOT
    found = sources()
    # One board and one allocation are imported by name, when it starts.
    order = [name for start in ("evse.start", "evse.boards.sim", "evse.app")
             for name in in_order(found, start)]
    order = [name for name in dict.fromkeys(order) if name != "evse.power.allocate"
             or not build.native_arch()]
    lines = micropython(_IMPORTS % (search_path(slot), ["asyncio", *order]))
    return [(name, int(size)) for name, size in lines]


def live_heap():
    """Heap in use some seconds after the start, collected, with a bus and the web server."""
    slot = build.build("sim") / build.SLOT
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    data = build.BUILD / "size"
    data.mkdir(exist_ok=True)
    try:
        lines = micropython(
            _LIVE % (search_path(slot),), MICROEVSE_RS485=os.ttyname(theirs),
            MICROEVSE_SIM_PORT=str(firmware.free_udp_port()),
            MICROEVSE_WORLD_PORT=str(firmware.free_udp_port()),
            MICROEVSE_HTTP="127.0.0.1:%d" % firmware.free_tcp_port("127.0.0.1"),
            MICROEVSE_DATA=str(data), MICROEVSE_SETTINGS=SETTINGS)
    finally:
        os.close(ours)
        os.close(theirs)
    for words in lines:
        if words and words[0] == "live":
            return int(words[1])
    raise build.Problem("the firmware ended early:\n" + "\n".join(map(" ".join, lines)))


def show_flash(board):
    """Print the table of flash."""
    print("Flash of %s\n%-28s %6s %8s" % (board, "", "files", "bytes"))
    for what, files, size in flash_rows(board):
        print("%-28s %6d %8d" % (what, files, size))
    print("%-28s %6s %8d (room for two slots)" % ("partition vfs", "", image.partition("vfs")[1]))


def show_memory():
    """Print the table of memory."""
    rows = import_rows()
    total = sum(size for _, size in rows)
    live = live_heap()
    print("\nMemory\n%-28s %8s %8s" % ("importing", "unix", "board ~"))
    for name, size in sorted(rows, key=lambda row: -row[1]):
        print("%-28s %8d %8d" % (name, size, size * BOARD_SHARE))
    print("%-28s %8d %8d" % ("all imports", total, total * BOARD_SHARE))
    print("%-28s %8d %8d" % ("live after start", live, live * BOARD_SHARE))


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--board", choices=build.BOARDS, default=build.BOARDS[0])
    arguments = parser.parse_args()
    try:
        show_flash(arguments.board)
        show_memory()
    except (build.Problem, firmware.Missing) as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
