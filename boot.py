"""First code after each reset, never updated over the air: outputs safe, then choose the slot.

It counts the starts in a row that do not last; what runs puts the count back after a minute, and
evse.start goes by it.

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


def count_start():
    """Return how many starts in a row have not lasted, this one included; 8 and 9 are many."""
    try:
        with open("/boots", "rb") as file:
            digit = file.read(2)
    except OSError:
        digit = b""
    starts = 1
    if len(digit) == 1 and digit.isdigit():
        starts = 8 if digit == b"9" else int(digit) + 1
    try:
        with open("/boots.new", "w") as file:
            file.write(str(starts))
        os.rename("/boots.new", "/boots")
    except OSError:
        pass  # what cannot be counted is started all the same
    return starts


def choose_slot(starts):
    """Return the slot to start, None when neither holds an app.

    That is the one an update left in /trial, but only once: unless it proves itself and is named
    in /slot, the next start is the old one's. Else the one in /slot, or the other. That one too
    for every second start when not even the safe mode, which comes after 5, lasts.
    """
    first = named("/slot")
    if starts == 8:
        first = "a" if first == "b" else "b"
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
_slot = choose_slot(count_start())
if _slot:
    # The slot goes first: frozen modules must not shadow the libraries it brings.
    sys.path[:] = ["/" + _slot, "/%s/lib" % _slot, ".frozen"]
else:
    print("no firmware on this board: outputs are safe, run make deploy")
for _name in ("outputs_safe", "named", "count_start", "choose_slot"):
    del globals()[_name]  # the interpreter would keep them as long as it runs
