"""What a serial port makes of another's bytes when the two do not agree about the line.

Worked out bit by bit, so that a wrong baud rate, a parity bit nobody expects and crossed wires
give what they give on a desk: not random, and now and then right.
"""


def character_s(baud, parity):
    """Seconds one character takes: start bit, 8 data bits, parity if any, stop bit."""
    return (11 if parity else 10) / baud


def misheard(data, sent, heard, crossed):
    """Return the bytes a port set to ``heard`` makes of ``data`` sent with ``sent``.

    Settings are (baud, parity). ``crossed`` says that A and B are swapped between the two. A
    character with a wrong parity or stop bit is passed on: so do the receivers we know.
    """
    levels = _levels(data, sent[1], crossed)
    step = sent[0] / heard[0]  # bits of the sender in one of the receiver
    stop = 9 + (heard[1] is not None)
    out = bytearray()
    at = _falling(levels, 0)
    while at is not None:
        bits = [_level(levels, at + (bit + 0.5) * step) for bit in range(stop + 1)]
        if bits[0]:  # too short for a start bit
            at = _falling(levels, at)
            continue
        out.append(sum(bit << n for n, bit in enumerate(bits[1:9])))
        at = _falling(levels, at + (stop + 0.5) * step)
    return bytes(out)


def _levels(data, parity, crossed):
    """The line from one bit before ``data`` goes out, a level per bit; at rest it is 1."""
    levels = []
    for byte in data:
        bits = [byte >> n & 1 for n in range(8)]
        check = [] if not parity else [sum(bits) & 1 ^ (parity == "O")]
        levels += [0, *bits, *check, 1]
    return [1] + ([1 - level for level in levels] if crossed else levels)


def _level(levels, at):
    return levels[int(at)] if at < len(levels) else 1


def _falling(levels, at):
    """Where the line next falls from 1 to 0 after ``at``; None when it does not."""
    before = _level(levels, at)
    for index in range(int(at) + 1, len(levels)):
        if before and not levels[index]:
            return index
        before = levels[index]
    return None
