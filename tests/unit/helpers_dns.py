"""Packets of name servers, for tests on both interpreters."""

import struct

A, CNAME, PTR, SRV = 1, 5, 12, 33


def name(text):
    """A name as packets carry it."""
    return b"".join(bytes([len(part)]) + part.encode() for part in text.split(".")) + b"\0"


def row(owner, kind, data, ttl_s=300, group=1):
    """A record; ``owner`` is a name, or bytes as they are."""
    owner = name(owner) if isinstance(owner, str) else owner
    return owner + struct.pack(">HHIH", kind, group, ttl_s, len(data)) + data


def address(owner, text, ttl_s=300, group=1):
    """The record of an address."""
    return row(owner, A, bytes(int(part) for part in text.split(".")), ttl_s, group)


def host(instance, target):
    """The record that says on which host an instance of a service is."""
    return row(instance, SRV, bytes(4) + b"\0\x50" + name(target))


def packet(*rows, number, asked, kind=A, flags=0x8180, more=()):
    """A response to the question for ``asked``, None without one; ``more`` follow the answers."""
    head = struct.pack(">6H", number, flags, 1 if asked else 0, len(rows), 0, len(more))
    question = name(asked) + struct.pack(">HH", kind, 1) if asked else b""
    return head + question + b"".join(rows) + b"".join(more)
