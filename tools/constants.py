"""For what runs on MicroPython beside the firmware: names of constants that the build took away.

tools/inline.py makes numbers of them. ``import constants``, before the firmware is imported, puts
each back into its module as soon as that is loaded. The firmware itself runs without.
"""

import builtins
import json
import sys

_FILE = __file__.rsplit("/", 1)[0] + "/../build/generated/constants.json"


def _restore():
    with open(_FILE) as file:
        missing = json.load(file)
    load = builtins.__import__

    def load_and_name(*arguments):
        module = load(*arguments)
        for name in list(missing):
            if name in sys.modules:
                constants = missing.pop(name)
                for one in constants:
                    setattr(sys.modules[name], one, constants[one])
        return module

    builtins.__import__ = load_and_name


_restore()
