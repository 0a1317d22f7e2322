"""Stand-in for MicroPython's ``micropython`` module, for the pure packages under CPython."""


def const(value):
    return value
