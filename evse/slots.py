"""Where the firmware lies: two slots, a and b, and the little files by which boot.py chooses.

``/slot`` names the one in use. ``/trial`` names one to be tried: boot.py renames it to ``/tried``
and starts that slot once. Unless it then proves itself, which is when ``/slot`` is written, the
next start is in the old one again. ``/boots`` is how many starts in a row, the one that runs
included, have not lasted: boot.py counts, evse.start goes by it. All of this writes flash: never
with a contactor closed.
"""

import json
import os

_FIRST_MAX = 128


def other(slot):
    """Name of the slot beside ``slot``."""
    return "a" if slot == "b" else "b"


def _read(path):
    """The slot that a file names, "" if it names none: as boot.py reads it."""
    try:
        with open(path, "rb") as file:
            return {b"a": "a", b"b": "b"}.get(file.read(1), "")
    except OSError:
        return ""


def _put(path, slot):
    """Have the file ``path`` name ``slot``, whenever the power fails."""
    with open(path + ".new", "w") as file:
        file.write(slot)
    os.rename(path + ".new", path)


def _remove(path):
    try:
        os.remove(path)
    except OSError:
        pass  # it was not there


def on_trial(root, slot):
    """Whether ``slot``, which runs, has still to prove itself."""
    return _read(root + "/tried") == slot and (_read(root + "/slot") or "a") != slot


def failed(root, slot):
    """Whether the other slot was tried and did not prove itself. Said once: it is forgotten."""
    tried = _read(root + "/tried") == other(slot)
    if tried:
        _remove(root + "/tried")
    return tried


def stay(root, slot):
    """``slot``, which runs, stays in use whatever was tried or named: the other may be written."""
    if (_read(root + "/slot") or "a") != slot:  # boot.py has found no app where it looked first
        _put(root + "/slot", slot)
    _remove(root + "/trial")
    _remove(root + "/tried")


def try_next(root, slot):
    """Have the next start try ``slot``."""
    _remove(root + "/tried")
    _put(root + "/trial", slot)


def keep(root, slot):
    """``slot`` has proven itself: it is in use from now on."""
    _put(root + "/slot", slot)
    _remove(root + "/tried")


def described(folder):
    """(board, version) of the app in ``folder``, None where there is none that is complete."""
    try:
        with open(folder + "/manifest.json", "rb") as file:
            first = json.loads(file.readline(_FIRST_MAX) + b"}}")
        return first["board"], first["version"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def count(root, starts):
    """So many starts in a row have not lasted. What flash does not take is not worth a restart."""
    try:
        _put(root + "/boots", str(starts))
    except OSError:
        pass
