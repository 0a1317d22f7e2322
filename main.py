"""Start the firmware; whatever escapes from it leaves the outputs safe and restarts the board.

The interpreter's image carries the modules as well, where they take no memory. Only what it does
not carry just so, machine code and what an update changed, is loaded from the slot; see
docs/memory.md.
"""

import gc
import os
import sys

# Collecting often while the modules load keeps what lives for long together and what is free in
# one piece; otherwise the largest free block shrinks to a few hundred bytes.
gc.threshold(4096)

# One of the interpreter's own modules that is not known by name is looked for in every folder of
# the path, each time somebody imports it: on a board that takes far longer than loading a module.
for _name in ("array", "binascii", "errno", "hashlib", "io", "json", "os", "select", "socket",
              "struct", "time"):
    sys.modules[_name] = __import__(_name)

try:
    _carried = __import__("rom_list").MODULES
except ImportError:  # another interpreter, or the unix port: what is imported comes from the slot
    _carried = None


def _load_from(folder, name):
    """Load a module from a folder of the slot, wherever its package came from."""
    package = name.rpartition(".")[0]
    if package:
        __import__(package)
        holder = sys.modules[package]
        usual = holder.__path__
        holder.__path__ = folder
        __import__(name)
        holder.__path__ = usual
    else:
        sys.path.insert(0, folder)
        __import__(name)
        sys.path.pop(0)


def _load(what):
    """Load the slot's modules: "first" those the board needs, then "safe" or "now".

    "safe" are those the safe mode needs, "now" all that the app does, which are these and others.
    """
    if _carried is None:
        return
    slot = sys.path[0]
    libraries = slot + "/lib"
    path = [slot, ".frozen", libraries]
    sys.path[:] = [".frozen", slot, libraries]
    with open(slot + "/modules") as lines:
        for line in lines:
            name, folder, _, when = line.split()
            if (what == "first") != (when == "first") or what == "safe" and when == "now":
                continue
            folder = slot + "/" + folder
            package = name.rpartition(".")[0]
            if line in _carried:
                if when != "later":
                    __import__(name)
            elif when != "later":
                _load_from(folder, name)
            # The rest of the list is loaded when it is needed, some of it more than once.
            elif package:
                __import__(package)
                sys.modules[package].__path__ = folder
            else:
                path = [slot, libraries, ".frozen"]
    sys.path[:] = path
    os.chdir(slot)  # a module in the image believes its data files are here


_load("first")

from evse import start  # noqa: E402

start.main(_load)
