"""The bus doctor: looks for mistakes in wiring and settings and says in words what it found.

It has two examinations, each in a module that is loaded for it and dropped afterwards: "bus" asks
all there is on the wire, "phases" compares what the meters show with what the car does.
"""

import asyncio
import sys

from micropython import const

from evse.rare import rare

FINDINGS_MAX = const(24)
_NOTES_MAX = const(12)
_TEXTS = __file__.rsplit("/", 1)[0] + "/doctor.txt"

# Codes of what can be found, as in doctor.txt; from FOUND on they are notes, nothing is wrong.
SILENT = const(1)
NOTHING = const(2)
OTHER_ADDRESS = const(3)
OTHER_LINE = const(4)
WRONG_TYPE = const(5)
NO_TYPE = const(6)
TWICE = const(7)
SAME_ADDRESS = const(8)
RESERVED = const(9)
NOISE = const(10)
UNSTEADY = const(11)
SLOW = const(12)
OTHER_MASTER = const(13)
RUBBISH = const(14)
NODE_TWICE = const(15)
NODE_SILENT = const(16)
NODE_ALONE = const(17)
NO_MASTER = const(18)
NOT_ASKED = const(19)
REVERSED = const(30)
ALL_REVERSED = const(31)
SWAPPED = const(32)
UNSEEN = const(33)
NO_PHASE = const(34)
FOUND = const(50)
FULL = const(51)
UNFOLLOWED = const(52)
TOO_LITTLE = const(53)
RESTLESS = const(54)
NO_METER = const(55)


class Stopped(Exception):
    """The examination cannot go on; ``findings`` has what came out of it so far."""


class Doctor:
    """One examination, "bus" or "phases", and what came of it.

    ``link`` and ``port`` are the bus.
    ``state`` is "running", "done", "stopped" or "failed", ``percent`` how much of it is over.
    ``findings`` are tuples (code, where, detail): a place in words, and what the text is told.
    """

    def __init__(self, link, port, core, now, sleep_ms=asyncio.sleep_ms, kind="bus"):
        self.link = link
        self.port = port
        self.core = core
        self.now = now
        self.sleep_ms = sleep_ms
        self.kind = kind
        self.state = "running"
        self.percent = 0
        self.findings = []

    async def run(self):
        """Examine; raises nothing but CancelledError, which stops it."""
        try:
            await rare("bus.doctor_" + self.kind).examine(self)
            self.percent = 100
            self.state = "done"
        except Stopped:
            self.state = "failed"
        except asyncio.CancelledError:
            self.state = "stopped"
            raise
        except Exception as problem:
            self.state = "failed"
            sys.print_exception(problem)
        finally:
            self.link = self.port = None

    def find(self, code, where, detail=""):
        """Keep one finding; of too many the last are dropped, notes first."""
        most = _NOTES_MAX if code >= FOUND else FINDINGS_MAX - 1
        finding = (code, where, detail)
        if finding in self.findings:
            return
        if len(self.findings) < most:
            self.findings.append(finding)
        elif self.findings[-1][0] != FULL:
            self.findings.append((FULL, "bus", ""))

    def found(self, code):
        """True when ``code`` is among the findings."""
        return any(one[0] == code for one in self.findings)

    def rows(self):
        """Yield (code, what, where, hint, is it a mistake) of each finding, in words."""
        for code, where, detail in self.findings:
            what, hint = _words(code)
            if "%s" in what:
                what = what % detail
            if "%s" in hint:
                hint = hint % detail
            yield code, what, where, hint, code < FOUND


def _words(code):
    """Return (what, hint) of ``code`` from the file of texts."""
    start = "%d|" % code
    with open(_TEXTS) as texts:
        for line in texts:
            if line.startswith(start):
                return line.strip().split("|")[1:]
    return "code %d" % code, ""
