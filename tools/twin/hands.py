"""What hands and mishaps may change in the world and the car: names, ranges, how it is done.

The world page and the events of a scenario share it. Pure; runs on any Python.
"""

from twin import card, lock
from twin.car import WAKES
from twin.contactors import FINE, STUCK, WELDED
from twin.world import PP_MV

_CONTACTOR = (FINE, WELDED, STUCK)
_YES_NO = (False, True)

# Name to what it may be: a tuple lists the values, a list is a range, a function checks.
WORLD = {
    "contactor_1": _CONTACTOR,
    "contactor_2": _CONTACTOR,
    "second": _YES_NO,
    "lock": lock.KINDS,
    "jammed": _YES_NO,
    "rcm": _YES_NO,
    "rcm_fitted": _YES_NO,
    "temp_c": [-40, 125],
    "short": _YES_NO,
    "pilot_mv": [-12000, 12000, None],
    "floating_mv": [-12000, 12000],
    "cable": tuple(PP_MV),
    "switch": _YES_NO,
    "card": card.rom,
}
CAR = {
    "wake": (None,) + tuple(WAKES),
    "asleep": _YES_NO,
    "over_da": [0, 800],
    "ignores_offer": _YES_NO,
    "ignores_stop": _YES_NO,
    "diode": _YES_NO,
}


def check(table, name, value):
    """Raise ValueError with a sentence unless ``table`` has ``name`` and it may be ``value``."""
    allowed = table.get(name)
    if allowed is None:
        raise ValueError("%s is unknown; there are %s" % (name, ", ".join(sorted(table))))
    if type(allowed) is tuple:
        # 1 == True, but a scenario that says 1 for true means something else
        if not any(value == one and type(value) is type(one) for one in allowed):
            raise ValueError("%s is one of %s" % (name, ", ".join([str(one) for one in allowed])))
    elif type(allowed) is list:
        if value is None and None in allowed:
            return
        if type(value) is not int or not allowed[0] <= value <= allowed[1]:
            raise ValueError("%s is a whole number from %d to %d" % (name, allowed[0], allowed[1]))
    else:
        allowed(value)


def put(world, name, value):
    """Change ``name`` of ``world`` to ``value``; ValueError says what is wrong with it."""
    check(WORLD, name, value)
    if name == "contactor_1" or name == "contactor_2":
        world.contactors.faults[int(name[-1]) - 1] = value
        world.touch()
    elif name == "second":
        world.contactors.second = value
        world.touch()
    elif name == "lock":
        world.lock.kind = value
    elif name == "jammed":
        world.lock.jammed = value
    elif name == "pilot_mv":
        world.resistor_mv = value
    elif name == "card":
        world.card = card.rom(value)
    else:
        setattr(world, name, value)


def quirk(world, name, value):
    """Change the car's quirk ``name``; ValueError says what is wrong with it."""
    check(CAR, name, value)
    world.quirk(name, value)
