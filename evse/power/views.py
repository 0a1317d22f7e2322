"""What the regulator is told: the settings of the group, and about each EVSE."""

from micropython import const

NORMAL = const(0)
SMART = const(1)
SOLAR = const(2)


class Params:
    """Settings of the group. Currents in dA; ``circuit_da`` 0 means no such limit."""

    def __init__(self):
        self.mode = NORMAL
        self.min_da = 60
        self.max_da = 800
        self.mains_da = 250
        self.circuit_da = 0
        self.mains_meter = False
        self.normal_mains = True


class EvseView:
    """What the regulator is told about one EVSE.

    ``wants``: a car is there and may be given current. ``charging``: its contactor is closed.
    ``phases``: bits 1, 2, 4 of the phases its car uses, 0 when unknown. ``override_da`` and
    ``temperature_da`` are ceilings in dA, 0 for none.
    """

    def __init__(self):
        self.wants = False
        self.charging = False
        self.min_da = 60
        self.max_da = 800
        self.cable_da = 800
        self.override_da = 0
        self.temperature_da = 0
        self.phases = 0
