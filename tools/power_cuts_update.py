"""Power that fails while a charger takes an update: every write of a whole one."""

import json
import subprocess
import tempfile
from pathlib import Path

import build
import release
import signing

ROOT = build.ROOT
# What one after the other two starts find after a cut, in the order of the cuts: the version
# before until the new one is told to be tried, which is done once and then given up, until it has
# proven itself.
ORDER = ["aa", "ba", "aa", "bb"]


def measured(slot, step=1):
    """What cuts_update.py says of an update of the app in ``slot`` to itself, as a dict."""
    with tempfile.TemporaryDirectory() as folder:
        bundle, key = Path(folder, "new.upd"), Path(folder, "update.key")
        bundle.write_bytes(release.bundle(slot))
        key.write_text(signing.trusted())
        here = build.BUILD / "sim" / build.SLOT
        places = ":".join(map(str, (here, here / "lib", ROOT / "tools", ROOT / "tests" / "unit")))
        done = subprocess.run(
            [Path(build.compiler()).with_name("micropython"), "-X", "heapsize=256M",
             ROOT / "tools" / "cuts_update.py", places, slot, bundle, key, str(step)],
            cwd=ROOT, text=True, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def sound(told):
    """Whether every start found a whole app, and the right one."""
    return not told["wrong"] and told["pairs"] == ORDER


def rows(slot):
    """Yield the rows of the table: all writes of a whole update, and each 4 KB of it."""
    for name, step in (("update, each write", 1), ("update, each 4 KB", 0)):
        told = measured(slot, step)
        yield {"file": name, "writes": told["writes"], "erases": told["erases"],
               "cuts": told["cuts"], "age": "",
               "result": "a whole version runs, the one before or the new one" if sound(told) else
               "%s %s" % (told["pairs"], told["wrong"]), "passed": sound(told)}
