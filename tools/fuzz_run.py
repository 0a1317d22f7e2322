"""Fuzzing of one target: the sound input, then as much of it spoilt as there is time for.

Runs on MicroPython as ``fuzz_run.py FOLDER JSON``; tools/fuzz_guided.py lets CPython choose the
input instead. Each case depends on its number alone, so a find can be tried again by itself.
"""

import gc
import io
import json
import random
import sys
import time

from fuzz_mutate import mutate
from fuzz_targets import load

_CHUNK = 50  # cases between two looks at the heap
_KINDS_MOST = 10


def trace(problem):
    """What an exception says, and where it was raised."""
    text = io.StringIO()
    sys.print_exception(problem, text)
    return text.getvalue()


class Finds:
    """What went wrong: ``found`` has an input for each place. ``tries`` counts cases."""

    def __init__(self, one):
        self._one = one
        self.tries = 0
        self.found = {}

    def attempt(self, data, number):
        """Throw one input at the target; returns whether it found something new."""
        self.tries += 1
        try:
            self._one(data)
        except Exception as problem:
            text = trace(problem)
            places = [line for line in text.split("\n") if "File" in line][-2:]
            key = "%s %s" % (type(problem).__name__, places)
            if key not in self.found and len(self.found) < _KINDS_MOST:
                self.found[key] = {"case": number, "data": repr(data), "text": text}
                return True
        return False


def case(corpus, number):
    """The input of a number: those below 0 are the corpus itself."""
    if number < 0:
        return corpus[number]
    random.seed(number)
    return mutate(corpus[random.randrange(len(corpus))], corpus)


def run(name, folder, corpus, first, count, seconds):
    """Return what was found, as a dict: after ``count`` cases from ``first`` on, or, if that is
    0, when ``seconds`` are over."""
    finds = Finds(load(name)(folder).one)
    for number in range(-len(corpus), 0):
        finds.attempt(corpus[number], number)
    end = time.time() + seconds
    heaps = []
    number = first
    while number < first + count if count else time.time() < end:
        finds.attempt(case(corpus, number), number)
        number += 1
        if number % _CHUNK == 0:
            gc.collect()
            heaps.append(gc.mem_alloc())
            print(number)  # for whoever waits in vain
    half = len(heaps) // 2
    grown = max(0, min(heaps[half:]) - min(heaps[:half])) if half else 0
    return {"tries": finds.tries, "grown": grown, "finds": finds.found}


if __name__ == "__main__":
    _told = json.loads(sys.argv[2])
    print(json.dumps(run(_told["name"], sys.argv[1], [eval(line) for line in _told["corpus"]],
                         _told["first"], _told["count"], _told["seconds"])))
