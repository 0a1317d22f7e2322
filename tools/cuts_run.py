"""Runs on MicroPython: a part of what tools/power_cuts.py wants to know, one JSON line each.

Of ``cuts``, ``files`` and ``worn`` it is every ``step``-th that is tried, from ``offset`` on.
"""

import json

import cuts_faults
import cuts_hour
import cuts_judge
import cuts_wear
import cuts_worn

MARK = "\x1eCUT "


def tell(**facts):
    """One line for the tool."""
    print(MARK + json.dumps(facts))


def tried(function, *arguments):
    """(what was lost, whether that was said, what went wrong) of one case."""
    try:
        return function(*arguments) + ("",)
    except Exception as problem:
        return [], False, "%s: %s" % (type(problem).__name__, problem)


def cuts(code, offset, step, each):
    """Cut the power in each write and erase of an hour."""
    hour = cuts_hour.Hour(code)
    for number, op in enumerate(hour.board.ops):
        tell(file=hour.board.names[number][0], erase=op[2] is None, forbidden=op[3] and (
            op[0] == "file" or op[2] is None))
    for file, count, age_s, why in cuts_judge.cuts(hour, code, step, each, offset):
        tell(file=file, cuts=count, age=age_s, why=why)


def files(code, offset, step, _each):
    """Damage each file in each way."""
    image = cuts_faults.long_run(code)
    number = 0
    for path, holds in cuts_faults.FILES:
        for name, damage in cuts_faults.DAMAGES:
            number += 1
            if number % step == offset % step:
                lost, said, why = tried(cuts_faults.damaged, code, image, path, holds, damage)
                tell(what=name, where=path, lost=lost, said=said, why=why)


def worn(code, offset, step, _each):
    """Fill the disk, and wear out each block in each way."""
    image = cuts_faults.long_run(code)
    if offset == 0:
        lost, said, why = tried(cuts_worn.full, code, image)
        tell(what="the disk is full", where="", lost=lost, said=said, why=why)
    number = 0
    for place in cuts_worn.places(image):
        for name, erases, wears in cuts_worn.WEARS:
            number += 1
            if number % step == offset % step:
                lost, said, why = tried(cuts_worn.worn, code, image, place, erases, wears)
                tell(what=name, where="%s %d" % place, lost=lost, said=said, why=why)


def wear(code, days, _step, _each):
    """Count the erases of a month."""
    blocks, sectors = cuts_wear.month(code, days)
    tell(days=days, blocks=blocks, sectors=sectors)


def main(boot, what, *numbers):
    """``what`` is one of the above, ``numbers`` its offset, step and each; ``boot`` is boot.py."""
    with open(boot) as file:
        code = file.read()
    globals()[what](code, *numbers)
