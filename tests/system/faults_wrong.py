"""Runs on MicroPython: faults whose expectation is wrong, to see that the campaign notices."""

import json

import faults_run
from evse.charging import faults
from faults_case import Fault, opens, silent, told
from twin import hands


def _short(site):
    hands.put(site.charger.world, "short", True)


def _mend(site):
    hands.put(site.charger.world, "short", False)


def _stays_closed(site):
    """The firmware's commands to open do not arrive."""
    def deaf(c1, c2):
        pass
    site.charger.board.set_contactors = deaf
    _short(site)


def _hears_again(site):
    del site.charger.board.set_contactors
    _mend(site)


def _writes(site):
    with open(site.charger.folder + "/rubbish", "w") as file:
        file.write("x")


def _forgets(site):
    """The file system loses what it is given."""
    class Gone:
        wh = 0

        def records(self):
            return ()
    faults_run.faults_case.Sessions = lambda path: Gone()


def _changes(site):
    site.charger.core.command("set", ("backlight_max", 33), "LCD")


WRONG = (
    ("reacts", Fault("goes on under a short", "", _short, _mend)),
    ("none", Fault("no reaction", "", lambda site: None, None, opens, 2000)),
    ("late", Fault("a reaction in 10 ms", "", _short, _mend, opens, 10)),
    ("later", Fault("a silent meter", "", lambda site: setattr(site.mains, "on", False),
                    lambda site: setattr(site.mains, "on", True), silent, 13_000),
     Fault("a reaction in 10 ms beside it", "", _short, _mend, opens, 10)),
    ("ends", Fault("a trip that clears itself", "", _short, _mend, told(faults.PILOT), 2000,
                   lasts_ms=30_000)),
    ("closed", Fault("deaf contactors", "", _stays_closed, _hears_again, told(faults.PILOT),
                     2000, lasts_ms=2000)),
    ("writes", Fault("a file written under load", "", _writes)),
    ("back", Fault("well again by itself", "", _short, None, opens, 100)),
    ("changes", Fault("a setting that changes", "", _changes)),
    ("forgets", Fault("sessions that are lost", "", _forgets)),
)


def main(destination):
    """Write {key: result} of all."""
    results = {one[0]: faults_run.once(list(one[1:])) for one in WRONG}
    with open(destination, "w") as file:
        json.dump(results, file)
