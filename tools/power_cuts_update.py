"""Power that fails while a charger takes an update: every write of a whole one."""

import json
import tempfile
from pathlib import Path

import release
import signing
from twin import firmware

HEAP = "256M"
TIME_LIMIT_S = 7200
EACH_4_KB = 0
ROWS = {"update, each write": 1, "update, each 4 KB": EACH_4_KB}
# What one after the other two starts find after a cut, in the order of the cuts: the version
# before until the new one is told to be tried, which is done once and then given up, until it has
# proven itself.
ORDER = ["aa", "ba", "aa", "bb"]


def measured(slot, app, step=1):
    """What cuts_update.py says of an update of the app in ``app`` to itself, as a dict.

    It runs on the firmware in ``slot``.
    """
    with tempfile.TemporaryDirectory() as folder:
        bundle, key = Path(folder, "new.upd"), Path(folder, "update.key")
        bundle.write_bytes(release.bundle(app))
        key.write_text(signing.trusted())
        said = firmware.run(slot, "import cuts_update; cuts_update.main(%r, %r, %r, %d, %r)" % (
            str(app), str(bundle), str(key), step, str(firmware.ROOT / "boot.py")), HEAP,
            TIME_LIMIT_S)
    return json.loads(said.splitlines()[-1])


def sound(told, every=True):
    """Whether each start found a whole app, and the right one.

    ``every`` False: cuts are so far apart that some of the changes need not have been met.
    """
    order = iter(ORDER)
    return not told["wrong"] and (told["pairs"] == ORDER if every else
                                  all(pair in order for pair in told["pairs"]))


def rows(slot, step=1):
    """Yield the rows of the table: all writes of a whole update, and each 4 KB of it.

    With a ``step`` above 1 every so many-th write alone.
    """
    for name, each in ROWS.items():
        if step == 1 or each:
            told = measured(slot, slot, each * step)
            passed = sound(told, step == 1)
            yield {"file": name, "writes": told["writes"], "erases": told["erases"],
                   "cuts": told["cuts"], "age": "", "wrong": told["wrong"], "passed": passed,
                   "result": result(told) if passed else "%(pairs)s %(wrong)s" % told}


def result(told):
    """What the table says was found where nothing is wrong."""
    return "a whole version runs, the one before or the new one; it charged in %s" % (
        "all" if told["charged"] == told["cuts"] else "the %d where that was tried"
        % told["charged"])
