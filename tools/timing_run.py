"""Runs on MicroPython: repeats rows of timing_table and writes what they measured as JSON.

``tools/timing.py`` starts it with the .mpy tree and ``tools`` on the path.
"""

import gc
import json

import timing_cases
import timing_more
from timing_rig import Rig, mix


def seed(key, number):
    """The seed of repetition ``number`` of the row ``key``."""
    value = 0
    for letter in key:
        value = mix(value, ord(letter))
    return mix(value, number)


def measure(key, repetitions, stalls, jump):
    """Return what the row measured, one value per repetition; None where it never happened."""
    case = getattr(timing_cases, key, None) or getattr(timing_more, key)
    values = []
    for number in range(repetitions):
        values.append(case(Rig(seed(key, number), stalls, jump)))
    gc.collect()
    return values


def main(source, destination):
    """``source`` holds [[key, repetitions]...] and "jump"; the answer has quiet and stalls."""
    with open(source) as file:
        order = json.load(file)
    answer = {}
    for key, repetitions in order["rows"]:
        answer[key] = [measure(key, repetitions, stalls, order["jump"])
                       for stalls in (False, True)]
    with open(destination, "w") as file:
        json.dump(answer, file)
