"""What the regulator is told: the settings of the group, and about each EVSE."""

from micropython import const

NORMAL = const(0)
SMART = const(1)
SOLAR = const(2)

THRIFTY = const(0)
BALANCED = const(1)
GREEDY = const(2)

FAIR = const(0)
NODE_ORDER = const(1)
FIRST_COME = const(2)
SOLAR_FIRST = const(3)

# A ceiling this high is none; eight of them, a limit and a current still fit 32 bits.
NO_LIMIT = const(0x7FFFFFF)
# Longer than any ``capacity_stop_s`` that a person may set.
NOT_NOW_S = const(3601)


class Params:
    """Settings of the group. Currents in dA, ``*_sum_da`` are sums over the phases, times in s.

    ``circuit_meter``: a meter shows what else the circuit feeds. ``capacity_sum_da`` limits the
    mains, ``capacity_stop_s`` is how long it may be exceeded at MIN. ``relay_sum_da`` limits all
    EVSEs together. ``start_sum_da``, ``import_sum_da``, ``stop_s`` (0: never), ``style``: Solar.
    ``places[i]``: the place of EVSE ``i`` in NODE_ORDER, the least first; ``rotation_s`` 0:
    nobody's turn ends. ``reserve_da``: of the sun, for the home battery;
    ``protect``: no car may drain it, in Smart too.
    """

    def __init__(self):
        self.min_da = 60
        self.max_da = 800
        self.mains_da = 250
        self.mains_meter = False
        self.normal_mains = True
        self.circuit_da = NO_LIMIT
        self.circuit_meter = False
        self.capacity_sum_da = NO_LIMIT
        self.capacity_stop_s = 0
        self.relay_sum_da = NO_LIMIT
        self.start_sum_da = 40
        self.import_sum_da = 0
        self.stop_s = 600
        self.style = BALANCED
        self.order = FAIR
        self.places = bytes(range(8))
        self.rotation_s = 1800
        self.reserve_da = 0
        self.protect = False


class EvseView:
    """What the regulator is told about one EVSE.

    ``wants``: a car is there and may be given current. ``charging``: its contactor is closed, or
    may be as far as one can know. ``mode``: NORMAL, SMART or SOLAR. ``phases``: bits 1, 2, 4 of
    the mains phases its contactors can connect, 0 for all three; ``rotation``: which of them, 0 to
    2, each of its own phases is; ``auto``: it can do with one of them. ``override_da`` and
    ``temperature_da`` are ceilings in dA, 0 for none.
    """

    def __init__(self):
        self.wants = False
        self.charging = False
        self.mode = NORMAL
        self.min_da = 60
        self.max_da = 800
        self.cable_da = 800
        self.override_da = 0
        self.temperature_da = 0
        self.phases = 0
        self.rotation = (0, 1, 2)
        self.auto = False
