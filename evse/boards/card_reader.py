"""Reads the card a 1-wire reader holds out on the line of the external switch."""

from micropython import const

_READ_ROM = const(0x33)
_ZEROS = bytes(6)
_ONES = b"\xff" * 6


def read(pin, wire):
    """Return the 8 bytes of the card in the field, or None without one that reads clean.

    ``pin`` is the line, ``wire`` the port's ``onewire.OneWire`` on it. Blocks for 1 ms without a
    card and up to 6 ms with one.
    """
    # A pressed button looks like a reader that answers, and eight zeros have the checksum zero.
    if not pin.value() or not wire.reset():
        return None
    wire.writebyte(_READ_ROM)
    rom = bytearray(8)
    wire.readinto(rom)
    rom = bytes(rom)
    if wire.crc8(rom) or rom[1:7] in (_ZEROS, _ONES) or not pin.value():
        return None
    return rom
