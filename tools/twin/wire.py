"""The datagrams between the simulated world and the simulated board.

Little endian, over UDP on the loopback. ``evse/boards/sim.py`` is the other end.
"""

import struct

from twin.card import NO_CARD

FULL = 65536  # duty of a steady +12 V pilot; 0 is steady -12 V

SENSORS = "<HhhHhBBBB8s"
SENSORS_MAGIC = 0x5145
OUTPUTS = "<HIBBBBBB"
OUTPUTS_MAGIC = 0x4551
PAGE_BYTES = 128  # one page of the display, its columns from the left, bit 0 on top
PAGES = 8
PAGE = "<HB%ds" % PAGE_BYTES
PAGE_MAGIC = 0x4C51

FLAG_RCM = 1
FLAG_SWITCH = 2
FLAG_LOCK = 4
BUTTON_SHIFT = 3  # three bits: < o >

OUT_CONNECT = 1
OUT_C1 = 2
OUT_C2 = 4
OUT_LOCK = 8
OUT_UNLOCK = 16

# The line setting of the board's end of the bus: place of the baud rate, parity above it.
BAUDS = (9600, 1200, 2400, 4800, 19200, 38400, 57600, 115200)
PARITIES = {0: None, 1: "E", 2: "O"}


def pack_sensors(high_mv, low_mv, pp_mv, temp_dc, flags, reject_pct, noise_mv, card=NO_CARD):
    """World to board: pilot levels and pins in mV, temperature in 0.1 C, ADC troubles, card."""
    return struct.pack(SENSORS, SENSORS_MAGIC, high_mv, low_mv, pp_mv, temp_dc, flags,
                       reject_pct, noise_mv // 10, 0, card)


def unpack_outputs(packet):
    """Board to world: (duty, flags, red, green, blue, backlight), or None for a foreign packet."""
    if len(packet) != struct.calcsize(OUTPUTS):
        return None
    fields = struct.unpack(OUTPUTS, packet)
    return fields[1:7] if fields[0] == OUTPUTS_MAGIC else None


def unpack_page(packet):
    """Board to world: (number, bytes) of one page of the display, or None for another packet."""
    if len(packet) != struct.calcsize(PAGE):
        return None
    magic, page, columns = struct.unpack(PAGE, packet)
    return (page, columns) if magic == PAGE_MAGIC and page < PAGES else None


def unpack_line(packet):
    """(baud, parity) of the board's end of the bus, of a packet of outputs."""
    line = packet[-1]
    return BAUDS[line & 15], PARITIES[line >> 4]
