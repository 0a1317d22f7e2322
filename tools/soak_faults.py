"""What breaks around the charger while it is soaked, and whether it charges again once mended.

A ``Fault`` is a command of the world (see docs/twin.md) that breaks something and one that mends
it. Some stop charging, as they have to: then it is the way back that is judged.
"""

import dataclasses
import random
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / part) for part in ("", "tests/shims")]

import hostile  # noqa: E402
from evse.charging import faults  # noqa: E402

# Longer than it takes to notice a fault that is over already, and to stop in order.
ECHO_S = 20


@dataclasses.dataclass(frozen=True)
class Fault:
    """``sets``: bits of the faults the charger may show; ``stops``: whether it may stop charging.

    ``begin`` and ``end`` are (command of the world, its arguments).
    """

    begin: tuple
    end: tuple
    sets: int = 0
    stops: bool = False


FAULTS = {
    "meter silent": Fault(("meter", {"on": False}), ("meter", {"on": True}), faults.CT_NOCOMM,
                          True),
    "cut off the bus": Fault(("link", {"on": False}), ("link", {"on": True}), faults.CT_NOCOMM,
                             True),
    "noise on the bus": Fault(("noise", {"rate": 0.005}), ("noise", {"rate": 0})),
    "second master": Fault(("second_master", {"on": True}), ("second_master", {"on": False}),
                           faults.CT_NOCOMM, True),
    "node without power": Fault(("kill", {"evse": 1}), ("reboot", {"evse": 1})),
    "node restarts": Fault(("reboot", {"evse": 1}), ("load", {"amps": [2, 1, 1]})),
    "node cut off": Fault(("link", {"evse": 1, "on": False}), ("link", {"evse": 1, "on": True})),
    "pilot shorted": Fault(("short", {"on": True}), ("short", {"on": False}), faults.PILOT, True),
    "diode shorted": Fault(("diode", {"on": False}), ("diode", {"on": True}), faults.DIODE, True),
    "too hot": Fault(("temperature", {"celsius": 90}), ("temperature", {"celsius": 25}),
                     faults.TEMP_HIGH, True),
    "converter rejects samples": Fault(("adc", {"reject_pct": 20}), ("adc", {})),
    "car leaves": Fault(("unplug", {}), ("plug", {}), 0, True),
    # Of the twin's 63 A too little is left for a car: above that is only what cars take.
    "house takes all": Fault(("load", {"amps": [60, 60, 60]}), ("load", {"amps": [2, 1, 1]}),
                             0, True),
}


def drawn(seed):
    """Yield names of FAULTS for ever, each once before any comes again."""
    bag = hostile.Bag(random.Random(seed), FAULTS)
    while True:
        yield bag.draw()


class Watch:
    """Whether the car charges, as far as nothing excuses that it does not.

    ``pauses`` says why it did not, once for each time that was seen without an excuse; ``again``
    is the most seconds it took after each kind of fault until it charged, ``stops`` how many
    faults were made that may stop it, ``strange`` names the faults the charger showed for
    which nothing had been made since ``forgive``; ``stalls`` counts those for a late control.
    """

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self.pauses = []
        self.again = {}
        self.made = {}
        self.stops = self.stalls = 0
        self.strange = []
        self._excuse = ""
        self._mended = None
        self._paused = 0
        self._sets = 0

    @property
    def excused(self):
        """True while a fault, or what it leaves behind, may keep the car from charging."""
        return bool(self._excuse)

    def break_(self, name):
        """The fault ``name`` begins."""
        fault = FAULTS[name]
        self.made[name] = self.made.get(name, 0) + 1
        self._sets |= fault.sets
        if fault.stops:
            self._sets |= faults.LESS_6A  # until it is admitted again
            self.stops += 1
            self._excuse = name
            self._mended = None

    def mend(self):
        """It is over."""
        self._mended = self._paused = self._clock()

    def looked(self, charging, why):
        """Somebody has looked."""
        now = self._clock()
        if not charging:
            self._paused = now
            if not self._excuse:
                self.pauses.append(why)
        elif self._excuse and self._mended is not None and now - self._mended >= ECHO_S:
            took = self._paused - self._mended
            self.again[self._excuse] = max(took, self.again.get(self._excuse, 0))
            self._excuse = ""

    def fault(self, bits):
        """The charger has shown these."""
        if bits == faults.STALL:
            self.stalls += 1
        elif bits & ~self._sets:
            self.strange.append(next((name for bit, _, name, *_ in faults.FAULTS if bit & bits),
                                     "%#x" % bits))

    def forgive(self):
        """All is as it should be again: whatever comes from now on is a new one's doing."""
        self._sets = 0
