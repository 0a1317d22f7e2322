"""The Master's side of the node protocol: who is asked, what is written, what everybody hears.

The decisions are those of ``core.group``; here are the registers. Only writes that all versions of
the reference understand are sent: the state only to permit what was just asked for, because an old
node does what the register says.
"""

from array import array

from micropython import const
from umodbus import functions

from evse.bus import meters
from evse.bus.master import BadSample, Device
from evse.settings import METERS

NODES = const(7)
_EVERYBODY = const(0xFE)
BROADCAST = const(9)
_STATE = const(0x0000)
_ERRORS = const(0x0001)
_MODE = const(0x0003)
_CHANGED = const(0x0006)
_CURRENTS = const(0x0020)
_EV_METER = const(0x0108)
_SYSTEM = const(0x0201)
_OUR_EV_METER = const(0x0302)
_OUR_REASON = const(0x0310)

_STATUS_WORDS = const(12)
_METER_FIRST = const(10)  # lower addresses belong to EVSEs
_API = METERS.index("API")
_ORNO = METERS.index("Orno 516")
_CUSTOM = METERS.index("Custom")
_CIRCUIT_MOST = const(160)  # what old nodes take
# In the order of the registers from 0x0201 on, the mode before them having a way of its own.
_SHARED = ("circuit", "grid", "sb2_wifi", "mains", "start", "stop", "import", "mains_met",
           "mains_adr")

_HERE = const(1)  # as in evse.group
_MISSED_ROUNDS = const(8)
_ASK_STATUS = functions.read_input_registers(_STATE, _STATUS_WORDS)
# Soon after a permission there is more to ask for.
_SOON_MS = const(500)

# Steps of a turn.
_READ = const(0)
_PERMIT = const(1)
_FLAG = const(2)
_TELL = const(3)
_CONFIG = const(4)
_CLEAR = const(5)


def _write(register, value):
    return functions.write_single_register(register, value, False)


def _words(data):
    if len(data) < 16:
        raise BadSample
    return [data[i] << 8 | data[i + 1] for i in range(0, len(data), 2)]


class Share:
    """What the nodes have in common: the core, and what is known of their EV meters.

    ``meter[n]`` is the type and ``address[n]`` the address of node n's EV meter, 0 without one.
    """

    def __init__(self, core, now):
        self.core = core
        self.group = core.group  # that of this Master, even when it is none any more
        self.now = now
        self.meter = bytearray(NODES + 1)
        self.address = bytearray(NODES + 1)
        self.known = bytearray(NODES + 1)  # whether these are up to date
        self._met = 0  # bits of the nodes that have had their first turn
        self.complete = False

    def met(self, n):
        """Node ``n`` has answered or not: once all have, one knows who is charging."""
        self._met |= 1 << n
        if self._met == _EVERYBODY and not self.complete:
            self.complete = True
            self.group.complete()

    def add_to(self, master, period_ms):
        """Give all nodes and what they are told their turns."""
        master.add(Broadcast(self), period_ms)
        for n in range(1, NODES + 1):
            master.add(Node(self, n), period_ms)
        master.add(Settings(self), period_ms)
        master.add(Meters(self), period_ms)


class Node(Device):
    """Node ``n``: one poll of its status, and what it has to be told."""

    def __init__(self, share, n):
        self.name = "node %d" % n
        self.address = n + 1
        self._n = n
        self._share = share
        self._step = _READ
        self._words = None
        self._told = -1
        self._put_off = False

    def urgent(self):
        """It asked in vain, and can have it now. Once: one that does not hear has to wait."""
        return self._put_off and self._share.group.waiting(self._n)

    def begin(self):
        """Ask for the status."""
        self._step = _READ
        self._put_off = False
        self.soon_ms = 0
        return _ASK_STATUS

    def take(self, data, clean):
        """Take the status, or the acknowledgement of a write; return what comes next."""
        share = self._share
        n = self._n
        step = self._step
        if step == _READ:
            words = self._words = _words(data)
            share.group.status(n, words, share.now())
            share.met(n)
            if words[6] & 0xFF:
                share.known[n] = 0
        elif step == _CONFIG:
            share.meter[n] = data[1]
            share.address[n] = data[3] if data[3] >= _METER_FIRST else 0
            share.known[n] = 1
        elif step == _PERMIT:
            share.group.permitted(n)
            self.soon_ms = _SOON_MS
        return self._next()

    def missed(self):
        """It did not answer."""
        share = self._share
        share.group.missed(self._n, share.now())
        share.known[self._n] = 0
        share.met(self._n)

    def _next(self):
        """Return the next write or read of this turn that is called for."""
        words = self._words
        share = self._share
        n = self._n
        group = share.group
        while self._step < _CLEAR:
            self._step += 1
            step = self._step
            if step == _PERMIT:
                state = group.permit(n)
                self._put_off = not state
                if state:
                    return functions.write_multiple_registers(
                        _STATE, [state, words[1] & 0xFE], False)
            elif step == _FLAG:
                flags = group.flags(n, share.now())
                if flags is not None:
                    return _write(_ERRORS, flags)
                mode = group.new_mode(n, words)
                if mode is not None:
                    return _write(_MODE, mode)
            elif step == _TELL:
                reason = group.reason(n)
                if reason != self._told:
                    self._told = reason
                    return functions.write_multiple_registers(
                        _OUR_REASON, [reason & 0xFF, reason >> 8], False)
            elif step == _CONFIG:
                if not share.known[n]:
                    return functions.read_input_registers(
                        _OUR_EV_METER if group.ours[n] else _EV_METER, 2)
            elif words[6] & 0xFF:
                return _write(_CHANGED, 0)
        self._words = None  # seven nodes would keep half a KB
        return None


class Broadcast(Device):
    """Tells all nodes their currents and those of the mains; at once when one has changed."""

    name = "currents"
    address = BROADCAST
    silent = True

    def __init__(self, share):
        self._share = share
        self._told = array("H", (0,) * (NODES + 1))

    def urgent(self):
        """A current has changed since it was told last."""
        if not self._share.complete:
            return False
        told = self._told
        grants = self._share.core.regulator.grant_da
        for n in range(len(grants)):
            if told[n] != grants[n]:
                return True
        return False

    def begin(self):
        """Return the currents in dA: eight EVSEs, three phases of the mains."""
        if not self._share.complete:
            return None
        core = self._share.core
        told = self._told
        grants = core.regulator.grant_da
        for n in range(len(grants)):
            told[n] = grants[n]
        return functions.write_multiple_registers(
            _CURRENTS, list(told) + core.mains_da(), True)


class Settings(Device):
    """Tells all nodes the settings of the group when they change, and when a node has come."""

    name = "settings"
    address = BROADCAST
    silent = True

    def __init__(self, share):
        self._share = share
        self._told = ()
        self._here = 0
        self._again = False

    def begin(self):
        """Return the settings in the registers that all versions agree on, if there is news.

        It is told twice, because nobody says whether he has heard.
        """
        here = 0
        for n in range(1, NODES + 1):
            here |= (self._share.group.state[n] == _HERE) << n
        came = here & ~self._here
        self._here = here
        values = tuple(self._value(key) for key in _SHARED)
        news = came or values != self._told
        if not here or not (news or self._again):
            return None
        self._again = bool(news)
        self._told = values
        return functions.write_multiple_registers(_SYSTEM, list(values), False)

    def _value(self, key):
        settings = self._share.core.settings
        value = settings.get(key)
        if key == "circuit":
            return min(value, _CIRCUIT_MOST)
        if key == "mains_met":
            value = settings.index(key)
            return _API if value == _ORNO or value > _CUSTOM else value
        return settings.index(key) if type(value) is str else value


class Meters(Device):
    """The EV meters of the nodes, one a turn. Nobody here wants the values: the nodes listen."""

    name = "EV meters of nodes"
    address = 0

    def __init__(self, share):
        self._share = share
        self._n = 0
        self._kind = 0
        self._requests = ()
        self._energy = 0  # bits of the nodes whose meter is to tell its energy next
        self._asked = False
        self._rests = bytearray(NODES + 1)  # turns for which a silent meter is left alone

    def begin(self):
        """Ask the next node's meter for its currents."""
        share = self._share
        for _ in range(NODES):
            self._n = n = self._n % NODES + 1
            if self._rests[n]:
                self._rests[n] -= 1
            elif (share.group.state[n] == _HERE and share.address[n] and share.meter[n]
                    and self._load(share.meter[n])):
                self.address = share.address[n]
                self._asked = False
                return self._requests[0]
        return None

    def _load(self, kind):
        """Have the requests of meters of type ``kind``; False where there are none."""
        if kind != self._kind:
            self._kind = kind
            self._requests = ()
            if kind < len(METERS):
                entry = meters.entry_of(METERS[kind], self._share.core.settings)
                self._requests = entry and meters.requests(entry)
                self.parity = entry and entry.get("parity")
        return self._requests

    def take(self, data, clean):
        """Ask for power or energy in turn once the currents are there."""
        if self._asked or not clean:
            return None
        self._asked = True
        self._energy ^= 1 << self._n
        return self._requests[1 if self._energy >> self._n & 1 else 2]

    def missed(self):
        """It is silent: the others need not wait for it each time."""
        self._rests[self._n] = _MISSED_ROUNDS
