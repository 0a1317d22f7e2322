"""Runs on MicroPython: the named test functions of one file, one result line of JSON each.

Arguments: the slot's directory with the firmware, the test file, the functions.
"""

import io
import json
import sys

MARK = "\x1eRESULT "


def run(slot, path, names):
    """Import the test file against the firmware in ``slot`` and call its functions ``names``."""
    folder, name = path.rsplit("/", 1)
    sys.path.insert(0, sys.argv[0].rsplit("/", 1)[0] + "/../tools")
    __import__("constants")
    sys.path[:] = [slot, slot + "/lib", folder, ".frozen"]
    module = __import__(name[:-3])
    for test in names:
        print(MARK + json.dumps({"test": test, "state": "started"}))
        try:
            getattr(module, test)()
            result = {"test": test, "state": "passed"}
        except BaseException as problem:
            text = io.StringIO()
            sys.print_exception(problem, text)
            result = {"test": test, "state": "failed", "text": text.getvalue()}
        print(MARK + json.dumps(result))


run(sys.argv[1], sys.argv[2], sys.argv[3:])
