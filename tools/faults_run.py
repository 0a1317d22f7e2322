"""Runs on MicroPython: faults and pairs by their words, the results as JSON.

``tools/faults.py`` starts it with the .mpy tree, ``tools`` and ``tests/unit`` on the path.
"""

import gc
import json

import faults_bus
import faults_case
import faults_firmware
import faults_flash
import faults_pairs
import faults_plug
import faults_time
from timing_board import mix


def sections():
    """(title, faults) of all single faults."""
    return faults_plug.FAULTS + faults_bus.FAULTS + faults_firmware.FAULTS + faults_flash.FAULTS


def named(what):
    """Return the fault called ``what``."""
    for _, faults in sections():
        for fault in faults:
            if fault.what == what:
                return fault
    raise ValueError("no fault is called " + what)


def once(faults):
    """Run faults together at a moment that follows from the name of the first."""
    limits = faults_pairs.LIMITS_MS.get(tuple([fault.what for fault in faults]),
                                        [fault.limit_ms for fault in faults])
    moment = 0
    for letter in faults[0].what:
        moment = mix(moment, ord(letter))
    result = faults_time.run(lambda clock: faults_case.run(clock, faults, limits, moment % 1000))
    gc.collect()
    return result


def main(source, destination):
    """``source`` holds a list of [name] and [name, name]; the answer a result for each."""
    with open(source) as file:
        order = json.load(file)
    results = [once([named(what) for what in names]) for names in order]
    with open(destination, "w") as file:
        json.dump(results, file)


def listed(destination):
    """Write [title, [fault...]] of all sections, each fault as a dict, and the pairs' names."""
    told = [[title, [{"what": fault.what, "when": fault.when, "expected": fault.expected,
                      "never_ms": fault.never_ms, "goes_on": not fault.safe,
                      "energy": fault.wh is not None, "settings": fault.settings}
             for fault in faults]]
            for title, faults in sections()]
    with open(destination, "w") as file:
        json.dump([told, faults_pairs.PAIRS], file)
