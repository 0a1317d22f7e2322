"""Which contactors close: the options of contactor 2, the phases in force, wear.

Contactor 1 switches L1 and N, contactor 2 only L2 and L3. So contactor 2 closes after the first
and opens with it, and never while a car draws; the charger sees to that and asks here.
"""

from micropython import const

from evse import reasons

_SOLAR_OFF = const(2)
_ALWAYS_ON = const(3)
_AUTO = const(4)
_SOLAR = const(2)


class Contactors:
    """The wish for phases, and what the car was last shown of it; events go to ``record``.

    Inputs: ``option`` (0 not present, 1 always off, 2 off in Solar, 3 always on, 4 auto), ``mode``
    (0 Normal, 1 Smart, 2 Solar), ``auto`` (1 or 3: what the automatic wants in Solar; elsewhere it
    is 3), ``pause_ms`` (how long the pilot is open between two numbers of phases).

    ``phases`` in force: 0 as wired, 1 or 3. ``shown`` is True or False for contactor 2 as it was
    when the car last saw an offer, None if it has not since it was plugged in or the pilot was
    opened: a car decides on its phases then, and must be disconnected to do so again.
    ``c1_count`` and ``c2_count`` count closings; whoever keeps them sets them at start.
    """

    def __init__(self, record):
        self.option = 0
        self.mode = 0
        self.auto = 3
        self.pause_ms = 10000
        self.phases = 0
        self.shown = None
        self.c1_count = 0
        self.c2_count = 0
        self._record = record

    def wanted(self):
        """Return True when contactor 2 should be closed while charging."""
        option = self.option
        if option == _AUTO:
            return self.mode != _SOLAR or self.auto == 3
        return option == _ALWAYS_ON or (option == _SOLAR_OFF and self.mode != _SOLAR)

    def take(self):
        """Put what is wanted in force. Only while no contactor is closed and nothing offered."""
        phases = (3 if self.wanted() else 1) if self.option else 0
        if phases != self.phases:
            self.phases = phases
            self._record(reasons.PHASES, phases)
