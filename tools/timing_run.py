"""Runs on MicroPython: repeats rows of timing_table and writes what they measured as JSON.

``tools/timing.py`` starts it with the .mpy tree and ``tools`` on the path.
"""

import gc
import json

import timing_cases
import timing_core
import timing_faults
import timing_options
import timing_wake
from timing_board import mix
from timing_rig import Rig


def seed(key, number):
    """The seed of repetition ``number`` of the row ``key``."""
    value = 0
    for letter in key:
        value = mix(value, ord(letter))
    return mix(value, number)


def measure(key, repetitions, stalls, jump):
    """Return what the row measured, one value per repetition; None where it never happened."""
    case = None
    for module in (timing_cases, timing_faults, timing_wake, timing_options, timing_core):
        case = getattr(module, key, None) or case
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
