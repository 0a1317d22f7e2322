"""Modules that few need: loaded for those who do, and not kept."""

import sys


def rare(name):
    """Import the module ``name`` of evse for once: only the caller will keep it."""
    module = __import__("evse." + name, None, None, ("evse",))
    drop(name)
    return module


def drop(name):
    """Forget the module ``name`` of evse: only those who hold it will keep it."""
    name = "evse." + name
    package, _, last = name.rpartition(".")
    del sys.modules[name]
    delattr(sys.modules[package], last)
