"""Runs on MicroPython: what the arithmetic of one decision for eight EVSEs costs, in each twin.

The whole sequence for a mains sample, in situations drawn from a seed: plenty, shortage, a broken
meter. ``tools/bench.py`` starts it with the .mpy tree and ``tools`` on the path.
"""

import json
import time
from array import array

from bench_unit import unit_ns
from evse.power import allocate, allocate_native

_EVSES = 8
_SITUATIONS = 40
_TIMES = 9


class Lottery:
    """The same numbers in every run."""

    def __init__(self, seed):
        self._state = seed

    def draw(self, low, high):
        self._state = (self._state * 1103515245 + 12345) & 0x3FFFFFFF
        return low + (self._state >> 8) % (high - low + 1)

    def some(self, count, low, high):
        return array("i", (self.draw(low, high) for _ in range(count)))


class _Situation:
    """Eight EVSEs and their meters at one moment."""

    def __init__(self, lottery):
        some = lottery.some
        self.mains = some(3, -200, 900)
        self.before = some(3, -200, 900)
        self.circuit = some(3, 0, 700)
        self.claims = array("i", (lottery.draw(250, 1600), lottery.draw(200, 1200),
                                  lottery.draw(0, 1), lottery.draw(600, 4000),
                                  lottery.draw(600, 4000)))
        self.grant = some(_EVSES, 60, 320)
        self.top = some(_EVSES, 60, 320)
        self.drawn = some(3 * _EVSES, 0, 320)
        self.moving = some(_EVSES, 0, 2)
        self.mask = some(_EVSES, 0, 7)
        self.key = some(_EVSES, 0, 9)
        self.counted = some(_EVSES, 0, 1)
        self.low = some(_EVSES, 60, 80)
        self.high = some(_EVSES, 60, 320)
        self.order = array("i", range(_EVSES))
        self.room = array("i", (0,) * 4)
        self.code = array("i", (0,) * 4)
        self.excess = array("i", (0,) * 4)
        self.target = array("i", (0,) * _EVSES)

    def decide(self, core):
        """The calls of one pass."""
        core.track(_EVSES, self.mains, self.before, self.drawn, self.grant, self.moving,
                   self.mask)
        core.rooms(_EVSES, self.claims, self.mains, self.circuit, self.drawn, self.grant,
                   self.top, self.mask, self.room, self.code)
        core.over(self.claims, self.mains, self.circuit, self.excess)
        core.rank(_EVSES, self.key, self.order)
        core.share(_EVSES, self.order, self.low, self.high, self.mask, self.room, self.target)
        return core.surplus(_EVSES, self.mains, 0, self.drawn, self.counted)

    def result(self):
        """All that a pass wrote."""
        return [list(values) for values in (self.drawn, self.room, self.code, self.excess,
                                            self.order, self.target)]


def _passes(core):
    """Decide in all situations; returns the ns of each and what came out."""
    lottery = Lottery(11)
    took, results = [], []
    for _ in range(_SITUATIONS):
        situation = _Situation(lottery)
        began = time.time_ns()
        total = situation.decide(core)
        took.append(time.time_ns() - began)
        results.append((total, situation.result()))
    return took, results


def main():
    """Print one line of JSON: S and the mean of each twin, in ns."""
    plain, native = [], []
    for _ in range(_TIMES):  # in turn, so that a slow moment of this PC meets both
        took, expected = _passes(allocate)
        plain.append(took)
        took, results = _passes(allocate_native)
        native.append(took)
        if results != expected:
            raise ValueError("the twins differ")

    def mean(runs):
        middles = [sorted(each)[_TIMES // 2] for each in zip(*runs)]
        return sum(middles) / len(middles)

    print(json.dumps({"unit_ns": unit_ns(25), "plain_ns": mean(plain), "native_ns": mean(native),
                      "situations": _SITUATIONS}))
