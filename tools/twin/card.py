"""What a card says on the one-wire line: eight bytes, the last a CRC-8 over the others. Pure."""

NO_CARD = bytes(8)
_OLD_FAMILY = 0x01  # family code in front of the six bytes of an old card


def crc8(data):
    """The CRC of the one-wire bus, x^8 + x^5 + x^4 + 1, bit-reversed."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x8C if crc & 1 else crc >> 1
    return crc


def rom(uid):
    """The eight bytes of the card ``uid``, 12 or 14 hex digits, or of no card for None.

    ValueError for anything else. A card of 12 digits answers as one of the old family does.
    """
    if uid is None:
        return NO_CARD
    if not isinstance(uid, str) or len(uid) not in (12, 14):
        raise ValueError("a card has 12 or 14 hex digits")
    try:
        number = bytes([int(uid[i:i + 2], 16) for i in range(0, len(uid), 2)])
    except ValueError:
        raise ValueError("a card has 12 or 14 hex digits") from None
    if len(number) == 6:
        number = bytes((_OLD_FAMILY,)) + number
    return number + bytes((crc8(number),))
