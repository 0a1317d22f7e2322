"""The time of day from a time server (SNTP). Loaded for each question and forgotten after it.

One packet goes out with a random number, one comes back with the same and the time. What is not
an answer to us, or comes from a server that has no time itself, is not believed. Nothing waits
for it: a charger without a clock charges; only timers and the tariff need the time.
"""

import asyncio
import os
import select
import socket
import struct

from micropython import const

from evse import ticks
from evse.net.names import host_port
from evse.settings import Refused

_PORT = const(123)
_SIZE = const(48)
_ASK = const(0x23)  # version 4, mode 3: a client's question
_SERVER = const(4)
_UNSYNCHRONISED = const(3)
_EPOCH_S = const(2_208_988_800)  # from 1900 to 1970
_ERA_S = const(0x1_0000_0000)  # the count of seconds begins anew in 2036
_ROOT_MAX = const(3 << 16)  # 1/65536 s: how wrong a server may hold itself

_ANSWER_MS = const(2000)
_POLL_MS = const(10)
_ON_TIME_S = const(1)  # a clock that is no further off is left alone
_DOUBTFUL_S = const(1000)  # a clock that was right once does not run away like this

_AGAIN_S = const(4 * 3600)
_FIRST_S = const(15)
_WORST_S = const(3600)
_WORST_UNSET_S = const(300)
_CONFIRM_S = const(60)


def read(data, cookie):
    """Return (Unix seconds, ms, kiss code) of an answer; the code is b"" but from a server that
    wants us to go away. ValueError says why it is none."""
    if len(data) < _SIZE or bytes(data[24:32]) != cookie or data[0] & 7 != _SERVER:
        raise ValueError("not an answer to our question")
    if not data[1]:
        return 0, 0, bytes(data[12:16])
    delay, dispersion = struct.unpack_from(">II", data, 4)
    if data[0] >> 6 == _UNSYNCHRONISED or data[1] > 15 or delay // 2 + dispersion > _ROOT_MAX:
        raise ValueError("the server does not know the time")
    seconds, fraction = struct.unpack_from(">II", data, 40)
    if not seconds:
        raise ValueError("the server does not know the time")
    if seconds < _ERA_S // 2:
        seconds += _ERA_S
    return seconds - _EPOCH_S, fraction * 1000 // _ERA_S, b""


async def ask(address, port, now):
    """Ask the server once; return (Unix seconds, ms) of this moment, or raise ValueError."""
    cookie = os.urandom(8)
    packet = bytearray(_SIZE)
    packet[0] = _ASK
    packet[40:] = cookie  # our own time is nobody's business: any number will do
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.connect(socket.getaddrinfo(address, port)[0][-1])  # nobody else is heard
        sock.send(packet)
        asked = now()
        poller = select.poll()
        poller.register(sock, select.POLLIN)
        problem = "no answer"
        while ticks.diff(now(), asked) < _ANSWER_MS:
            await asyncio.sleep_ms(_POLL_MS)
            for _ in poller.ipoll(0):
                try:
                    seconds, ms, kiss = read(sock.recv(2 * _SIZE), cookie)
                except ValueError as wrong:
                    problem = str(wrong)  # somebody may be guessing: the right one may follow
                    continue
                if kiss:
                    raise ValueError("the server wants to be left alone", kiss)
                ms += ticks.diff(now(), asked) // 2
                return seconds + ms // 1000, ms % 1000
        raise ValueError(problem)
    finally:
        sock.close()


async def sync(found, host, names, board, command):
    """Ask the time server ``host`` (or ``host:port``) and set the clock; takes up to 6 s.

    Returns the seconds after which to ask again. ``found`` is a dict to be kept for the next
    question: "problem" in words, "synced_s" (Unix seconds of the last good answer, 0 for none),
    "offset_s" (by which the clock was behind then), "failures" in a row; and "doubt", which is
    nobody else's.
    """
    dice = int.from_bytes(os.urandom(2), "big")
    name = host
    try:
        name, port = host_port(host, _PORT)
        address = await names.lookup(name)
        if not address:
            raise ValueError("no address of %s is known" % name)
        seconds, ms = await ask(address, port, board.now)
        # At a full second the clock is right to what the supervisor takes to set it.
        await asyncio.sleep_ms(1000 - ms)
        seconds += 1
        before = board.clock_s()
        offset = seconds - before if before else 0
        if found["synced_s"] and abs(offset) > _DOUBTFUL_S and \
                abs(offset - found.get("doubt", 0)) > _DOUBTFUL_S:
            found["doubt"] = offset
            found["problem"] = "the time jumped by %d s: asking once more" % offset
            return _CONFIRM_S
        if not before or abs(offset) > _ON_TIME_S:
            command("clock", seconds, "NTP")
        found.update({"problem": "", "synced_s": seconds, "offset_s": offset, "failures": 0,
                      "doubt": 0})
        return _AGAIN_S + dice % 600
    except (OSError, ValueError, Refused) as problem:
        names.doubt(name)  # of several servers behind a name another one may answer
        found["failures"] += 1
        if len(problem.args) > 1 and type(problem) is ValueError:
            found["problem"] = problem.args[0]
            return _WORST_S + dice % 600
        found["problem"] = "%s: %s" % (host, problem)
        worst = _WORST_S if board.clock_s() else _WORST_UNSET_S
        wait = min(_FIRST_S << min(found["failures"] - 1, 10), worst)
        return wait + dice % (wait // 4)
