"""The bus doctor listens: who talks while this charger is silent?"""

from micropython import const

from evse import ticks
from evse.bus import doctor as codes
from evse.bus import rtu

_LISTEN_MS = const(5000)  # masters ask every second or two
_REST_MS = const(300)
_POLL_MS = const(10)
_FEW = const(3)
_WRITE_MANY = const(16)
_LONGEST = const(64)  # of the requests worth recognising


async def listen(doctor):
    """Hear for a while; a Master should hear nobody, a Node its Master."""
    core = doctor.core
    buf = bytearray(32)
    tail = b""
    heard = count = ours = 0
    first = None
    begin = doctor.now()
    spent = 0
    while spent < _LISTEN_MS:
        await doctor.sleep_ms(_POLL_MS)
        spent = ticks.diff(doctor.now(), begin)
        doctor.percent = (99 if core.node else 15) * min(spent, _LISTEN_MS) // _LISTEN_MS
        got = doctor.port.readinto(buf)
        if not got or spent < _REST_MS:
            continue  # first the answer to what was asked before comes to its end
        heard += got
        addresses, tail = requests(tail + bytes(buf[:got]))
        for address in addresses:
            count += 1
            ours += address == core.joined
            if first is None:
                first = address
    if core.node:
        if not count:
            doctor.find(codes.NO_MASTER, "bus")
        elif not ours:
            doctor.find(codes.NOT_ASKED, "bus")
    elif count:
        doctor.find(codes.OTHER_MASTER, "bus", first)
    elif heard > _FEW:
        doctor.find(codes.RUBBISH, "bus")


def requests(heard):
    """Return (addresses of the whole requests in ``heard``, what of it may begin another)."""
    addresses = []
    at = 0
    while at + 8 <= len(heard):
        function = heard[at + 1]
        length = 9 + heard[at + 6] if function == _WRITE_MANY else 8
        if (0 < function <= 6 or function == _WRITE_MANY) and length <= _LONGEST:
            if at + length > len(heard):
                break
            if rtu.crc16(heard, at, at + length) == 0:
                addresses.append(heard[at])
                at += length
                continue
        at += 1
    return addresses, heard[at:]
