"""HomeWizard meters: P1 and kWh meters that are read over the network, about every two seconds.

One document of JSON is fetched from ``/api/v1/data`` of each meter that the settings name. Every
step has a time limit, no answer may be longer than a buffer, and a document in which anything
cannot be true is not used at all. A setting without a host means the one such meter there is.
"""

import asyncio
import json
import select
import socket
from errno import EINPROGRESS

from micropython import const

from evse import ticks
from evse.bus import rtu
from evse.bus.master import BadSample, Slave
from evse.net.names import host_port
from evse.settings import Refused

SERVICE = "_hwenergy._tcp.local"
# Role, settings of its type and host, what the names of such meters begin with.
_ROLES = (("mains", "mains_met", "mains_host", "p1meter-"),
          ("circuit", "circt_met", "circt_host", "kwhmeter-"),
          ("ev", "ev_meter", "ev_host", "kwhmeter-"))
_TYPE = "HomeWizrd"

_PERIOD_MS = const(2000)
_LOST_PERIOD_MS = const(5000)  # of a meter that does not answer
_SEARCH_PERIOD_MS = const(30_000)
_SEARCH_MISSES = const(24)
_ANSWER_MS = const(1500)  # from connecting to the last byte
_POLL_MS = const(10)
_BODY_MAX = const(2048)
_PIECE = const(256)
_LINE_MAX = const(512)
_HEADERS_MAX = const(32)
_PARTS_MAX = const(128)  # what the parser makes of a document takes memory by its parts
_FOREVER = const(-1)

_AMPS_MAX = const(999)
_WATTS_MAX = const(1_000_000)
_KWH_MAX = const(100_000_000)


# ---- the document ----


def _number(document, key, most):
    """The number called ``key``, None where there is none; BadSample for what cannot be true."""
    value = document.get(key)
    if value is None:
        return None
    if type(value) not in (int, float) or not -most <= value <= most:
        raise BadSample
    return value


def _rounded(value):
    """The nearest integer, halves away from zero."""
    return int(value + 0.5) if value >= 0 else -int(0.5 - value)


def _energy(document, way):
    """Energy in Wh that went this ``way``, of which some meters only say it tariff by tariff."""
    total = _number(document, "total_power_%s_kwh" % way, _KWH_MAX)
    for tariff in "1234" if total is None else "":
        part = _number(document, "total_power_%s_t%s_kwh" % (way, tariff), _KWH_MAX)
        if part is not None:
            total = part + (total or 0)
    if total is None:
        return None
    if total < 0:
        raise BadSample
    return _rounded(total * 1000)


def reading(document):
    """Return (currents in dA as a list of one or three, W, Wh imported, Wh exported).

    A current has the sign of its phase's power, an energy the meter does not tell is None.
    BadSample when anything else is missing, or something is absurd.
    """
    if type(document) is not dict:
        raise BadSample
    amps = []
    watts = []
    for phase in "123":
        amps.append(_number(document, "active_current_l%s_a" % phase, _AMPS_MAX))
        watts.append(_number(document, "active_power_l%s_w" % phase, _WATTS_MAX))
    power = _number(document, "active_power_w", _WATTS_MAX)
    if amps[1] is None and amps[2] is None:  # one phase
        amps, watts = amps[:1], watts[:1]
        if amps[0] is None:
            amps[0] = _number(document, "active_current_a", _AMPS_MAX)
        if watts[0] is None:
            watts[0] = power
    if None in amps or None in watts:
        raise BadSample
    currents = []
    for amp, watt in zip(amps, watts):
        tenths = _rounded(10 * abs(amp))
        currents.append(-tenths if watt < 0 else tenths)
    return (currents, _rounded(sum(watts) if power is None else power),
            _energy(document, "import"), _energy(document, "export"))


# ---- the wire ----


class Fetcher:
    """Fetches one document at a time into the one buffer all meters share."""

    def __init__(self, now):
        self._now = now
        self._body = memoryview(bytearray(_BODY_MAX))
        self._sock = None
        self._end = 0
        self._rest = b""
        self._parts = 0
        self._busy = False

    async def fetch(self, host, address, port):
        """Return what ``host`` at ``address`` and ``port`` says of itself.

        Raises BusError for what is no answer, OSError when the network is in the way, BadSample
        for an answer that is no document.
        """
        while self._busy:
            await asyncio.sleep_ms(_POLL_MS)
        self._busy = True
        self._end = ticks.add(self._now(), _ANSWER_MS)
        self._rest = b""
        self._parts = _PARTS_MAX
        try:
            self._sock = socket.socket()
            await self._send(host, address, port)
            size = await self._receive()
        except ValueError:
            raise rtu.WrongLength  # not HTTP, or too long
        finally:
            if self._sock:
                self._sock.close()
                self._sock = None
            self._busy = False
        # Nobody else runs between the last byte and here.
        try:
            return json.loads(self._body[:size])
        except (ValueError, MemoryError):
            raise BadSample

    async def _send(self, host, address, port):
        sock = self._sock
        sock.setblocking(False)
        poller = select.poll()
        poller.register(sock, select.POLLOUT)
        try:
            sock.connect(socket.getaddrinfo(address, port)[0][-1])
        except OSError as problem:
            if problem.errno != EINPROGRESS:
                raise
        while not poller.poll(0):
            await self._nap()
        # The first bytes of a connection always find room.
        sock.write("GET /api/v1/data HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % host)

    async def _nap(self):
        if ticks.due(self._now(), self._end):
            raise rtu.Timeout
        await asyncio.sleep_ms(_POLL_MS)

    async def _more(self):
        """Wait for the next bytes; none at the end of the connection."""
        while True:
            await self._nap()
            piece = self._sock.read(_PIECE)
            if piece is not None:
                self._rest += piece
                return piece

    async def _line(self):
        while True:
            line, end, rest = self._rest.partition(b"\n")
            if end:
                self._rest = rest
                return line.strip()
            if len(line) > _LINE_MAX or not await self._more():
                raise ValueError

    async def _receive(self):
        """Take head and body of the answer; return the body's length."""
        status = (await self._line()).split(None, 2)
        if len(status) < 2 or not status[0].startswith(b"HTTP/1.") or status[1] != b"200":
            raise ValueError
        length = _FOREVER
        chunked = False
        for _ in range(_HEADERS_MAX):
            line = (await self._line()).lower()
            if not line:
                break
            name, _, value = line.partition(b":")
            if name == b"content-length":
                length = _size(value, 10)
            elif name == b"transfer-encoding":
                chunked = b"chunked" in value
        else:
            raise ValueError
        if not chunked:
            return await self._fill(0, length)
        size = 0
        while True:
            length = _size((await self._line()).partition(b";")[0], 16)
            if not length:
                return size
            size = await self._fill(size, length)
            await self._line()

    async def _fill(self, at, count):
        """Put ``count`` bytes, or all there are, into the body at ``at``; return their end."""
        while count:
            if not self._rest and not await self._more():
                if count == _FOREVER:
                    break
                raise ValueError
            part = self._rest if count == _FOREVER else self._rest[:count]
            end = at + len(part)
            self._body[at:end] = part  # ValueError when it is longer than the buffer
            self._parts -= part.count(b",") + part.count(b"[") + part.count(b"{")
            if self._parts < 0:
                raise ValueError
            self._rest = self._rest[len(part):]
            at = end
            if count != _FOREVER:
                count -= len(part)
        return at


def _size(text, base):
    size = int(text, base)
    if size < 0:
        raise ValueError
    return size


# ---- the meters ----


class HomeWizard:
    """One meter: what its ``role`` measures is handed on as the command "reading".

    ``host`` is the setting: a name or an address, with a port if it is not 80, or empty. For the
    rows of ``HomeWizards.rows`` it has the counters of a slave on the bus; ``address`` is its host
    in words.
    """

    def __init__(self, role, host, prefix, command, names, fetcher, now):
        self.name = role
        self.host = host
        self.address = host or "searching"
        self.slave = Slave(self, _PERIOD_MS, now())
        self.task = None
        self._prefix = prefix
        self._command = command
        self._names = names
        self._fetcher = fetcher
        self._now = now
        self._found = host
        self._phases = 1

    async def run(self):
        """Read the meter for ever."""
        slave = self.slave
        while True:
            begun = self._now()
            await self.turn()
            period_ms = _PERIOD_MS if not slave.lost else (
                _LOST_PERIOD_MS if self._found else _SEARCH_PERIOD_MS)
            await asyncio.sleep_ms(max(0, period_ms - ticks.diff(self._now(), begun)))

    async def turn(self):
        """Read the meter once; whatever happens ends in its counters."""
        slave = self.slave
        slave.requests += 1
        try:
            host, port = host_port(await self._search(), 80)
            address = await self._names.lookup(host)
            if not address:
                raise rtu.Timeout
            begun = self._now()
            self._hand_on(await self._fetcher.fetch(host, address, port))
            slave.good(self._now(), ticks.diff(self._now(), begun))
            return
        except (rtu.BusError, BadSample) as problem:
            error = problem
        except Refused:
            error = BadSample()  # the settings have just changed
        except (OSError, ValueError):
            error = rtu.PortFailed()
        slave.fail(error, self._now())
        self._names.doubt(self._found.partition(":")[0])
        if slave.misses % _SEARCH_MISSES == 0:
            self._found = self.host  # one that was found may have been replaced

    async def _search(self):
        """Return the host, looking for it when the setting is empty."""
        if not self._found:
            found = [host for host in await self._names.browse(SERVICE)
                     if host.startswith(self._prefix)]
            if len(found) != 1:
                self.address = ("several: " + ", ".join(found) if found
                                else "no %s found" % self._prefix)
                raise rtu.Timeout
            self._found = self.address = found[0]
        return self._found

    def _hand_on(self, document):
        amps, watts, imported, exported = reading(document)
        # A meter that has shown three phases has them for good.
        if len(amps) < self._phases:
            raise BadSample
        self._phases = len(amps)
        if len(amps) == 1:
            amps += [0, 0]
        self._command("reading", (self.name, amps[0], amps[1], amps[2], watts, imported, exported),
                      "HomeWizard")


class HomeWizards:
    """All meters of this kind, as the settings name them, by role in ``meters``.

    ``status`` and ``command`` are the core's doors, ``names`` an ``evse.net.names.Names``.
    """

    def __init__(self, status, command, names, now):
        self._status = status
        self._others = (command, names, Fetcher(now), now)
        self._now = now
        self.meters = {}

    def rows(self):
        """Yield one dict for each meter, see ``evse.bus.master.Slave.report``."""
        now = self._now()
        for meter in self.meters.values():
            yield meter.slave.report(now)

    async def run(self):
        """Read the meters; returns when the settings name none any more."""
        try:
            while self.follow():
                await asyncio.sleep_ms(_PERIOD_MS)
        finally:
            for meter in self.meters.values():
                meter.task.cancel()

    def follow(self):
        """Start and end meters as the settings say; returns how many there are."""
        setting = self._status.setting
        for role, kind, host, prefix in _ROLES:
            wanted = setting(host) if setting(kind) == _TYPE else None
            meter = self.meters.get(role)
            if meter and (meter.host != wanted or meter.task.done()):
                meter.task.cancel()
                del self.meters[role]
            if wanted is not None and role not in self.meters:
                meter = self.meters[role] = HomeWizard(role, wanted, prefix, *self._others)
                meter.task = asyncio.create_task(meter.run())
        return len(self.meters)
