"""Runs on MicroPython: a part of what tools/power_cuts.py wants to know, one JSON line each.

``cuts_run.py SLOT BOOT WHAT OFFSET STEP EACH``: WHAT is ``cuts``, ``files``, ``worn`` or ``wear``;
of each it is every STEP-th that is tried, from OFFSET on.
"""

import json
import sys

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
    import cuts_hour
    import cuts_judge

    hour = cuts_hour.Hour(code)
    for number, op in enumerate(hour.board.ops):
        tell(file=hour.board.names[number][0], erase=op[2] is None, forbidden=op[3] and (
            op[0] == "file" or op[2] is None), seconds=len(hour.minutes) * 60)
    for _, file, count, age_s, why in cuts_judge.cuts(hour, code, step, each, offset):
        tell(file=file, cuts=count, age=age_s, why=why)


def files(code, offset, step, _each):
    """Damage each file in each way."""
    import cuts_faults

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
    import cuts_faults
    import cuts_worn

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
    import cuts_wear

    blocks, sectors = cuts_wear.month(code, days)
    tell(days=days, blocks=blocks, sectors=sectors)


def main(slot, boot, what, *numbers):
    """Command line."""
    tools = sys.argv[0].rsplit("/", 1)[0]
    sys.path.insert(0, tools)
    __import__("constants")
    sys.path[:] = [slot, slot + "/lib", tools + "/../tests/unit", tools, ".frozen"]
    with open(boot) as file:
        code = file.read()
    globals()[what](code, *(int(number) for number in numbers))


main(*sys.argv[1:])
