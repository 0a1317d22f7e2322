"""Runs on MicroPython: what the panel takes of a charger's time while somebody works at it.

A charger on simulated time, with helpers of the tests for a board; ``tools/bench.py`` starts it
with the .mpy tree, ``tools`` and ``tests/unit`` on the path.
"""

import json
import time
from array import array

from bench_unit import unit_ns
from helpers_panel import SAMPLE_MS, Desk

_LEFT, _MIDDLE, _RIGHT = 1, 2, 4
_MOST = 60_000
_SETTINGS = {"mode": "Smart", "mains_met": "API", "ev_meter": "API", "config": "Fixed"}


class _Timed(Desk):
    """A charger whose panel is watched: ns of each step of ``show`` and of each sample."""

    def __init__(self):
        super().__init__(_SETTINGS)
        self.draws = array("I", (0,) * _MOST)
        self.keys = array("I", (0,) * _MOST)
        self.drawn = self.sampled = 0

    def run(self, ms):
        """Let ``ms`` pass."""
        for _ in range(ms // SAMPLE_MS):
            super(Desk, self).run(SAMPLE_MS)
            began = time.time_ns()
            self.panel.step(self.now)
            self.keys[self.sampled] = time.time_ns() - began
            self.sampled += 1
            self._show_on()

    def _show_on(self):
        if self._sleeps:
            self._sleeps -= SAMPLE_MS
            return
        self._show = self._show or self.panel.show()
        while not self._sleeps:
            began = time.time_ns()
            self._sleeps = self._show.send(None)
            self.draws[self.drawn] = time.time_ns() - began
            self.drawn += 1
        self._sleeps -= SAMPLE_MS


def main(path):
    """Write what was measured into ``path`` + "draws", "opening" and "keys"; print S in ns."""
    desk = _Timed()
    desk.house = 30
    desk.run(1000)
    desk.drawn = desk.sampled = 0  # what is loaded at the start is loaded once
    desk.charge()
    desk.run(20_000)
    before = desk.sampled
    desk.press(_MIDDLE, 2200)
    opened = desk.sampled
    for _ in range(45):
        desk.press(_RIGHT, 60, 60)
    for key in (_MIDDLE, _RIGHT, _MIDDLE):  # another mode
        desk.press(key, 60, 60)
    for _ in range(20):
        desk.press(_LEFT, 60, 60)
    desk.press(_MIDDLE, 1500)
    desk.run(125_000)
    keys = memoryview(desk.keys)
    for name, took in (("draws", memoryview(desk.draws)[:desk.drawn]),
                       ("opening", keys[before:opened]), ("keys", keys[opened:desk.sampled])):
        with open(path + name, "wb") as file:
            file.write(took)
    print(json.dumps({"unit_ns": unit_ns(25)}))
