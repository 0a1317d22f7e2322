"""What the commands of the world page take, checked."""

AMP_LIMIT = 200


class BadCommand(Exception):
    """A command the world does not take; the message is for the caller."""


def number(value, low, high):
    """Return ``value`` when it is a number from ``low`` to ``high``."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise BadCommand("%r is not a number from %s to %s" % (value, low, high))
    return value


def flag(value):
    """Return ``value`` when it is True or False."""
    if not isinstance(value, bool):
        raise BadCommand("%r is neither true nor false" % (value,))
    return value


def three(amps, name):
    """Currents of three phases, in A, from one number for all or one for each."""
    values = amps if isinstance(amps, list) else [amps] * 3
    if len(values) != 3:
        raise BadCommand("%s takes one current or three" % name)
    return [number(value, -AMP_LIMIT, AMP_LIMIT) for value in values]


def milliamps(amps):
    """A to mA, each."""
    return [int(value * 1000) for value in amps]
