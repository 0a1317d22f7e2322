"""Fuzzing of one target on CPython, where atheris sees which branches an input reaches.

Runs as ``fuzz_guided.py FOLDER JSON`` in a process and an environment of its own.
"""

import ast
import asyncio
import gc
import json
import os
import random
import struct
import sys
import time
import traceback
from pathlib import Path
from types import ModuleType

import atheris

ROOT = Path(__file__).resolve().parent.parent
PATHS = ("tests/shims", "tests/unit", "tools", "lib", "")
_EVERY = 16  # cases between two reports


def _strict(unpack):
    """The same function, raising what the board's does."""
    def checked(*arguments):
        try:
            return unpack(*arguments)
        except struct.error as problem:
            raise ValueError(problem)

    return checked


def _become_the_board():
    """What MicroPython has and CPython lacks, or does otherwise."""
    sys.path[:0] = [str(ROOT / path) for path in PATHS]
    asyncio.sleep_ms = lambda _ms: asyncio.sleep(0)
    time.ticks_ms = lambda: int(time.monotonic() * 1000)
    gc.mem_free = gc.mem_alloc = lambda: 0
    sys.print_exception = lambda problem, file=sys.stdout: traceback.print_exception(
        problem, file=file)
    loads = json.loads
    json.loads = lambda data, **more: loads(
        bytes(data) if isinstance(data, memoryview) else data, **more)
    for name in ("unpack", "unpack_from"):
        setattr(struct, name, _strict(getattr(struct, name)))
    os.ilistdir = lambda path: [(entry.name, 0x4000 if entry.is_dir() else 0x8000, 0, 0)
                                for entry in os.scandir(path)]
    sys.modules["framebuf"] = ModuleType("framebuf")  # there is no display
    sys.modules["usocket"] = sys.modules["socket"]
    sys.modules["ustruct"] = struct
    sys.modules["ubinascii"] = __import__("binascii")


def main(folder, told):
    """Fuzz until the time is up; what was found so far always stands in ``folder``/result."""
    _become_the_board()
    with atheris.instrument_imports(include=["evse"], exclude=["evse.charging", "evse.power"]):
        from fuzz_mutate import LONGEST, mutate
        from fuzz_run import Finds
        from fuzz_targets import load
        target = load(told["name"])
    work = os.path.join(folder, "work")
    seeds = os.path.join(folder, "seeds")
    for path in (work, seeds):
        os.mkdir(path)
    corpus = [ast.literal_eval(line) for line in told["corpus"]]
    for number, data in enumerate(corpus):
        Path(seeds, str(number)).write_bytes(data)
    finds = Finds(target(work).one)
    result = Path(folder, "result")

    def one(data):
        if finds.attempt(data, None) or finds.tries % _EVERY == 0:
            result.write_text(json.dumps({"tries": finds.tries, "finds": finds.found}))

    def change(data, most, seed):
        if seed % 2:
            return atheris.Mutate(data, most)
        random.seed(seed)
        return mutate(data, corpus)[:most]

    atheris.Setup([sys.argv[0], "-max_total_time=%d" % told["seconds"], "-max_len=%d" % LONGEST,
                   "-timeout=20", "-seed=%d" % (told["first"] + 1), seeds],
                  one, custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
