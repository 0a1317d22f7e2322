"""Questions of names and their answers: DNS and multicast DNS.

Loaded for a question. Its socket exists only as long, and is looked at every few ms. What comes
back is foreign: packets, names and time are bounded.
"""

import asyncio
import os
import select
import socket
import struct

from micropython import const

from evse import ticks
from evse.net.names import host_port, is_address

A = const(1)
CNAME = const(5)
PTR = const(12)
SRV = const(33)
_INTERNET = const(1)
_UNICAST = const(0x8000)  # in the class of a question: answer to the sender only
_RECURSE = const(0x0100)
_HEADER = ">6H"
_RECORD = ">HHIH"

_PACKET_MAX = const(512)
_NAME_MAX = const(253)
_LABEL_MAX = const(63)
_STEPS_MAX = const(12)  # labels and pointers of one name
_RECORDS_MAX = const(12)
_DOT = const(0x2E)
_HOSTS_MAX = const(8)
_TRIES = const(3)
_TRY_MS = const(1000)
_POLL_MS = const(20)
_TTL_MIN_S = const(30)
_TTL_MAX_S = const(3600)


def question(number, name, kind, local):
    """Return the packet that asks for records of ``kind``; ValueError for what is no name."""
    packet = bytearray(struct.pack(_HEADER, number, 0 if local else _RECURSE, 1, 0, 0, 0))
    for label in name.split("."):
        part = label.encode()
        if not 0 < len(part) <= _LABEL_MAX or len(name) > _NAME_MAX:
            raise ValueError(name)
        packet.append(len(part))
        packet.extend(part)
    packet.append(0)
    packet.extend(struct.pack(">HH", kind, _INTERNET | _UNICAST if local else _INTERNET))
    return packet


def name_at(data, at):
    """Return the name at ``at``, in lower case, and where it ends; ValueError or IndexError."""
    text = bytearray()
    end = 0
    start = at
    for _ in range(_STEPS_MAX):
        size = data[at]
        if not size:
            return str(text[1:], "utf-8").lower(), end or at + 1
        if size <= _LABEL_MAX:
            after = at + 1 + size
            if after > len(data):
                raise ValueError
            text.append(_DOT)
            text.extend(data[at + 1:after])
            at = after
        else:
            place = (size & 0x3F) << 8 | data[at + 1]
            # Only ever further back, so that nobody leads us round in circles.
            if size < 0xC0 or place >= start:
                raise ValueError
            end = end or at + 2
            at = start = place
    raise ValueError


def records(data, number, name, kind, local):
    """Return the records of an answer as a list of (owner, kind, TTL in s, place of the data).

    ValueError or IndexError for whatever is not a sound and whole answer to this question.
    """
    ident, flags, asked, answers, authorities, more = struct.unpack_from(_HEADER, data)
    # On the network everybody may answer, and some leave out number and question.
    if (ident != number and not (local and not ident)) or asked != 1 and not (local and not asked):
        raise ValueError
    # A whole response to a plain question; its code is 0, or 3 for a name that does not exist.
    if flags & 0xFA00 != 0x8000 or flags & 0x0F not in (0, 3):
        raise ValueError
    at = 12
    if asked:
        owner, at = name_at(data, at)
        if owner != name or struct.unpack_from(">H", data, at)[0] != kind:
            raise ValueError
        at += 4
    found = []
    for _ in range(min(answers + authorities + more, _RECORDS_MAX)):
        owner, at = name_at(data, at)
        what, group, ttl_s, size = struct.unpack_from(_RECORD, data, at)
        at += 10
        if at + size > len(data) or (what == A and size != 4):
            raise ValueError
        if group & ~_UNICAST == _INTERNET:  # that bit means something else in answers
            found.append((owner, what, ttl_s, at))
        at += size
    return found


def address_in(data, rows, name):
    """Return (address, TTL in s) of ``name`` and its aliases, or None."""
    keep_s = _TTL_MAX_S
    for owner, what, ttl_s, at in rows:
        if owner != name:
            continue
        keep_s = min(keep_s, ttl_s)
        if what == CNAME:
            name = name_at(data, at)[0]
        elif what == A and 0 < data[at] < 224:  # a host, not everybody and not nobody
            return "%d.%d.%d.%d" % tuple(data[at:at + 4]), max(keep_s, _TTL_MIN_S)
    return None


def hosts_in(data, rows, service):
    """Return the hosts that offer ``service``; an instance that names none is taken for one."""
    hosts = []
    for owner, what, _, at in rows:
        if what == SRV and owner.endswith(service):
            hosts.append(name_at(data, at + 6)[0])
    if not hosts:
        for owner, what, _, at in rows:
            if what == PTR and owner == service:
                hosts.append(name_at(data, at)[0].split(".")[0] + ".local")
    return hosts


async def address(server, group, name, now):
    """Return (address, for how many s) of ``name``, (None, 0) if there is none of that name.

    None when nobody has answered. ``server()`` and ``group`` as in ``evse.net.names``.
    """
    local = name.endswith(".local")

    def take(data, rows):
        found = address_in(data, rows, name)
        # A name server knows what there is not; of a network's hosts another may speak up.
        return found or (None if local else (None, 0))

    return await _ask(server, group, name, A, local, take, now)


async def hosts(group, service, now):
    """Return the local names of all hosts that offer ``service``; takes 3 s."""
    found = []

    def collect(data, rows):
        for host in hosts_in(data, rows, service):
            if host not in found and len(found) < _HOSTS_MAX:
                found.append(host)

    await _ask(None, group, service, PTR, True, collect, now)
    return found


async def _ask(server, group, name, kind, local, take, now):
    """Ask until ``take(data, rows)`` returns something of an answer; return it, or None."""
    number = int.from_bytes(os.urandom(2), "big")

    def judge(data):
        try:
            return take(data, records(data, number, name, kind, local))
        except (ValueError, IndexError):
            return None

    try:
        packet = question(number, name, kind, local)
        peer = group if local else host_port(server() or "", 53)
        for _ in range(_TRIES if is_address(peer[0]) else 0):
            sock = _send(packet, peer, local)
            try:
                found = await _listen(sock, judge, now)
            finally:
                sock.close()
            if found is not None:
                return found
    except (OSError, ValueError):
        pass  # no network, or not a name
    return None


async def _listen(sock, judge, now):
    """Return what ``judge`` makes of the first packet it likes, None when none comes."""
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    end = ticks.add(now(), _TRY_MS)
    while not ticks.due(now(), end):
        await asyncio.sleep_ms(_POLL_MS)
        for _ in poller.ipoll(0):
            data = sock.recv(_PACKET_MAX + 1)  # one more, to tell a packet that is too long
            found = judge(memoryview(data)) if len(data) <= _PACKET_MAX else None
            if found is not None:
                return found
    return None


def _send(packet, peer, local):
    """Send a packet to ``peer``; return the socket on which the answers come."""
    where = socket.getaddrinfo(*peer)[0][-1]
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if not local:
            sock.connect(where)  # nobody else is heard
        sock.sendto(packet, where)
    except OSError:
        sock.close()
        raise
    return sock
