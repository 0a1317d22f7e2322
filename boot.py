"""First code after each reset, never updated over the air: outputs safe, then choose the slot.

It imports nothing of ours, so that no update can break it.
"""

import os
import sys

import machine

_CHIP = 0x3FF5A00C  # eFuse word; bits 9-11 tell the package, 4 is the chip of board v3.1


def outputs_safe():
    """Contactors open, pilot off, lock at rest, blue LED low (it straps the flash voltage)."""
    low = [32, 27, 12]
    if machine.mem32[_CHIP] >> 9 & 7 == 4:
        low += [9, 10]
    else:
        low += [17, 18]
    for number in low:
        machine.Pin(number, machine.Pin.OUT, value=0)
    machine.Pin(15, machine.Pin.OUT, value=1)


def named(path):
    """Return the slot that a file names, "" if it names none."""
    try:
        with open(path, "rb") as file:
            return {b"a": "a", b"b": "b"}.get(file.read(1), "")
    except OSError:
        return ""


def choose_slot():
    """Return the slot to start, None when neither holds an app.

    That is the one an update left in /trial, but only once: unless it proves itself and is named
    in /slot, the next start is the old one's. Else the one in /slot, or the other.
    """
    first = named("/slot")
    trial = named("/trial")
    if trial:
        try:
            os.rename("/trial", "/tried")
            first = trial
        except OSError:
            pass  # what could not be given up again is not begun
    for slot in "ba" if first == "b" else "ab":
        try:
            os.stat("/%s/manifest.json" % slot)
            return slot
        except OSError:
            pass
    return None


outputs_safe()
_slot = choose_slot()
if _slot:
    # The slot goes first: frozen modules must not shadow the libraries it brings.
    sys.path[:] = ["/" + _slot, "/%s/lib" % _slot, ".frozen"]
else:
    print("no firmware on this board: outputs are safe, run make deploy")
for _name in ("outputs_safe", "named", "choose_slot"):
    del globals()[_name]  # the interpreter would keep them as long as it runs
