"""Whose updates are taken: the public keys, and whether one of them vouches for something."""

import asyncio

from micropython import const

_BYTES_LEAST = const(256)
_BYTES_MOST = const(384)
# What goes before the digest in a signature by PKCS #1 1.5 with SHA-256.
_DIGEST_INFO = b"\x00\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"


def key(path):
    """The public key in a file as a number, 0 without one that can be used."""
    try:
        with open(path) as file:
            return check_key(file.read(_BYTES_MOST * 2 + 2))
    except (OSError, ValueError):
        return 0


def check_key(text):
    """The modulus written in hex as a number; ValueError with a sentence."""
    text = text.strip()
    for letter in text:
        if letter not in "0123456789abcdefABCDEF":
            raise ValueError("a key is its modulus in hex digits")
    if not _BYTES_LEAST <= (len(text) + 1) // 2 <= _BYTES_MOST or text[0] < "8":
        raise ValueError("a key has 2048 to 3072 bits")
    return int(text, 16)


async def is_signed(digest, signature, modulus):
    """Whether ``signature`` is that of what has the SHA-256 ``digest``, by this public key.

    The exponent is 65537: sixteen squarings and a product, with others running in between.
    """
    size = len(signature)
    number = power = int.from_bytes(signature, "big")
    if number >= modulus or modulus >> 8 * size or not modulus >> 8 * size - 8:
        return False
    for _ in range(16):
        await asyncio.sleep_ms(0)
        power = power * power % modulus
    await asyncio.sleep_ms(0)
    wanted = b"\x00\x01" + b"\xff" * (size - 2 - len(_DIGEST_INFO) - len(digest)) \
        + _DIGEST_INFO + digest
    return power * number % modulus == int.from_bytes(wanted, "big")
