"""Runs on MicroPython: what the arithmetic of one decision for eight EVSEs costs, in each twin.

The whole sequence for a mains sample, in situations drawn from a seed, from plenty to shortage.
``tools/bench_eight.py`` starts it with the .mpy tree and ``tools`` on the path.
"""

import gc
import json
import time
from array import array

from bench_unit import unit_ns
from evse.power import allocate, allocate_native

_EVSES = 8
_SITUATIONS = 40
_TOGETHER = 8  # situations timed in one go: more and others get the PC's core meanwhile
_TIMES = 25


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
        self.total = 0
        self.shared = (self.mains, self.drawn, self.grant, self.mask, self.room, self.order)

    def result(self):
        """All that a pass wrote."""
        return [self.total] + [list(values) for values in (
            self.drawn, self.room, self.code, self.excess, self.order, self.target)]


def _decide(core, situations):
    """Decide in all ``situations``; returns how many ns that took."""
    track, rooms, over = core.track, core.rooms, core.over
    rank, share, surplus = core.rank, core.share, core.surplus
    began = time.time_ns()
    for it in situations:
        mains, drawn, grant, mask, room, order = it.shared
        track(_EVSES, mains, it.before, drawn, grant, it.moving, mask)
        rooms(_EVSES, it.claims, mains, it.circuit, drawn, grant, it.top, mask, room, it.code)
        over(it.claims, mains, it.circuit, it.excess)
        rank(_EVSES, it.key, order)
        share(_EVSES, order, it.low, it.high, mask, room, it.target)
        it.total = surplus(_EVSES, mains, 0, drawn, it.counted)
    return time.time_ns() - began


def _measure(core):
    """Return the ns of each group of situations, and what came out of all."""
    lottery = Lottery(11)
    situations = [_Situation(lottery) for _ in range(_SITUATIONS)]
    groups = [situations[at:at + _TOGETHER] for at in range(0, _SITUATIONS, _TOGETHER)]
    gc.collect()
    return [_decide(core, group) for group in groups], [it.result() for it in situations]


def _middle(runs):
    """Return the ns of one sequence: the mean over the groups, of each the median run."""
    return sum(sorted(group)[_TIMES // 2] for group in zip(*runs)) / _SITUATIONS


def main():
    """Print one line of JSON: S and the cost of a sequence in each twin, in ns."""
    plain, native = [], []
    for _ in range(_TIMES):  # in turn, so that a slow moment of this PC meets both
        took, expected = _measure(allocate)
        plain.append(took)
        took, results = _measure(allocate_native)
        native.append(took)
        if results != expected:
            raise ValueError("the twins differ")
    print(json.dumps({"unit_ns": unit_ns(25), "plain_ns": _middle(plain),
                      "native_ns": _middle(native), "situations": _SITUATIONS}))
