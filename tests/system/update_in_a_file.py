"""Runs on MicroPython: an update of a board whose flash is a file; the power may fail.

``update_in_a_file.py SLOT WHAT IMAGE BLOCKS WRITES BUNDLE KEY`` loads the firmware's modules from
the folder SLOT, mounts the first blocks of IMAGE and does WHAT: ``take`` writes the bundle into
slot b and has it tried, ``keep`` keeps slot b. The power fails after WRITES pieces of flash (0:
never).
"""

import asyncio
import sys

sys.path.append(sys.argv[1])

from board_in_a_file import Flash, mount
from evse import slots, trust, update

PIECE = 256
update.rare = {"trust": trust}.get  # no more can be loaded once the flash is mounted


async def take(bundle, key):
    """What the door does with an update."""
    at = 0

    async def read():
        nonlocal at
        at += PIECE
        return bundle[at - PIECE:at]

    one = update.Update(read)
    await one.open([key])
    slots.stay("", "a")
    await one.write("/b", "", "/data")
    slots.try_next("", "b")


def main(what, image, blocks, writes, bundle, key):
    """Command line."""
    with open(bundle, "rb") as file:
        data = file.read()
    key = trust.key(key)
    mount(Flash(image, 0, int(blocks), int(writes)))
    if what == "take":
        try:
            asyncio.run(take(data, key))
        except (update.Broken, OSError) as problem:
            print("refused:", problem)
    else:
        slots.keep("", "b")


main(*sys.argv[2:])
