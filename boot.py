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


def choose_slot():
    """Return the slot that /slot names, the other when it holds no app, None when neither does."""
    try:
        with open("/slot") as file:
            first = file.read(1)
    except OSError:
        first = ""
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
