"""The examination of the bus: listens, asks those it should find, then everybody else.

While it runs nobody else may use the bus, and nothing may charge, for no meter is read. It puts
the line back to 9600 baud 8N1 however it ends.
"""

from micropython import const
from umodbus import functions

from evse import ticks
from evse.bus import doctor as codes
from evse.bus import identify, meters, rtu
from evse.bus.doctor import Stopped
from evse.bus.identify import BOX, DAMAGED, GOOD, REFUSED, SENSORBOX, SILENCE, STATUS, place
from evse.bus.master import BadSample
from evse.rare import drop, rare

_ASKED = const(20)
_ASKED_BOX = const(6)
_BOX_MS = const(1100)
_GIVE_UP = const(4)  # so many without an answer are enough
_MANY = const(3)  # of 20: what may happen once or twice is no finding
_SLOW_MS = const(90)
_AFTER_MS = const(40)
_POLL_MS = const(10)
_NODES = const(8)  # addresses 2 to 8 are those of nodes 1 to 7
_EV_METER = functions.read_input_registers(0x0108, 2)


async def examine(doctor):
    """Examine the bus for ``doctor``; raises Stopped when a car begins to charge."""
    one = Examination(doctor)
    try:
        await one.run()
    finally:
        doctor.link.configure(rtu.BAUD, None)
        drop("bus.identify")


class Tally:
    """What came of some questions to one slave: counts, and the longest delay in ms.

    ``second`` counts answers behind which more came, ``never`` says that none was ever sound.
    ``code`` and ``where`` are the finding of two slaves at this address.
    """

    def __init__(self, name, code, where):
        self.name = name
        self.code = code
        self.where = where
        self.asked = self.good = self.refused = self.silent = self.damaged = 0
        self.slow = self.worst_ms = self.second = 0
        self.never = False

    @property
    def sound(self):
        """How many answers could be understood."""
        return self.good + self.refused

    @property
    def answers(self):
        """True when somebody is there; what was heard once or twice may be another's."""
        return self.sound > 0 or self.damaged >= _MANY

    def judge(self, doctor, others):
        """Find what the counts of a slave that answers say about its line and the ``others``."""
        if not self.answers:
            return
        failed = self.asked - self.sound
        clean = any(one.damaged < _MANY and one.sound > one.asked // 2
                    for one in others if one is not self)
        if self.never or self.second > 1 or (
                clean and 3 * self.damaged > self.asked):
            doctor.find(self.code, self.where)
        elif failed >= _MANY:
            doctor.find(codes.NOISE if self.damaged else codes.UNSTEADY, self.name,
                        "%d of %d" % (failed, self.asked))
        if self.slow > self.asked // 2:
            doctor.find(codes.SLOW, self.name, self.worst_ms)


class Expected:
    """A meter the settings speak of, and whether it ``answers``; a Sensorbox has no ``entry``."""

    def __init__(self, name, kind, address, entry):
        self.name = name
        self.kind = kind
        self.address = address
        self.box = entry is None
        self.parity = entry and entry.get("parity")
        self.pdu = meters.Block(entry, entry["current"]).pdu if entry else BOX
        self.answers = False


class Examination:
    """One examination of the bus."""

    def __init__(self, doctor):
        self._doctor = doctor
        self._core = doctor.core
        self._data = b""
        self._expected = []
        self._nodes = []  # addresses of nodes of this Master
        self._tallies = []
        settings = self._core.settings
        for name, kind, address in meters.ROLES:
            kind = settings.get(kind)
            box = kind == "Sensorbox"
            entry = None if box else meters.entry_of(kind, settings)
            if box or entry:
                self._expected.append(Expected(
                    name, kind, SENSORBOX if box else settings.get(address), entry))

    async def run(self):
        """Examine all of it."""
        doctor = self._doctor
        core = self._core
        self._check_addresses()
        await rare("bus.doctor_ear").listen(doctor)
        if core.node or doctor.found(codes.OTHER_MASTER):
            return  # who is not alone on the wire cannot ask: others' answers would be taken
        for one in self._expected:
            await self._try(one)
            doctor.percent += 5
        if core.group:
            await self._ask_nodes()
        for one in self._tallies:
            one.judge(doctor, self._tallies)
        await rare("bus.doctor_scan").Search(doctor, self, self._expected, self._nodes).run()

    # ---- asking ----

    async def ask(self, address, pdu, wait_ms=rtu.REPLY_MS, parity=None):
        """Ask once and say what came of it; the data are in ``_data`` until the next question."""
        core = self._core
        if core.charger.c1 or any(view.charging for view in core.regulator.evses):
            raise Stopped
        try:
            self._data = await self._doctor.link.transact(address, pdu, parity, wait_ms)
        except rtu.ExceptionReply:
            return REFUSED
        except (rtu.Timeout, rtu.PortFailed):
            return SILENCE
        except rtu.BusError:
            return DAMAGED
        return GOOD

    async def read(self, address, pdu, parity=None):
        """Ask up to three times; return the data or None."""
        for _ in range(3):
            result = await self.ask(address, pdu, parity=parity)
            if result == GOOD:
                return self._data
            if result == REFUSED:
                break
        return None

    async def read_even(self, address, pdu):
        """Read what speaks with even parity."""
        return await self.read(address, pdu, "E")

    def at(self, address):
        for one in self._expected:
            if one.address == address:
                return one
        return None

    def _check_addresses(self):
        """The same address set twice: that needs no question."""
        for one in self._expected:
            first = self.at(one.address)
            if first is not one:
                self._doctor.find(codes.SAME_ADDRESS, "%s, %s" % (first.name, one.name),
                                  one.address)

    # ---- those that should be there ----

    async def _try(self, one):
        """Ask a meter of the settings often enough to know how well it answers."""
        tally = await self._count((one.name, codes.TWICE, place(one.address)), one.address,
                                  one.pdu, one.parity, one.box)
        one.answers = tally.answers
        if tally.sound > tally.damaged and tally.second <= 1:
            await self._check_type(one)

    async def _count(self, words, address, pdu, parity=None, box=False):
        """Ask again and again; return the Tally, made of ``words``.

        What fails now and then is asked as often once more, for all may have been disturbed once.
        """
        tally = Tally(*words)
        await self._count_once(tally, address, pdu, parity, box)
        if tally.sound and tally.asked - tally.sound >= _MANY:
            tally = Tally(*words)
            await self._count_once(tally, address, pdu, parity, box)
        if tally.answers and not tally.sound:
            tally.never = await self._never(address, pdu, parity)
        self._tallies.append(tally)
        return tally

    async def _count_once(self, tally, address, pdu, parity, box):
        """Ask up to 20 times; a Sensorbox, which may be silent without news, at its own pace."""
        doctor = self._doctor
        length = 13 + 2 * (pdu[3] << 8 | pdu[4])  # of request and answer
        most = _ASKED_BOX if box else _ASKED
        while tally.asked < most and (tally.asked < _GIVE_UP or tally.silent < tally.asked):
            if box:
                await doctor.sleep_ms(_BOX_MS)
            result = await self.ask(address, pdu, parity=parity)
            tally.asked += 1
            if result == SILENCE:
                tally.silent += 1
            elif result == DAMAGED:
                tally.damaged += 1
            elif result == REFUSED:
                tally.refused += 1
            else:
                tally.good += 1
                late_ms = doctor.link.latency_ms - rtu.wire_ms(length)
                tally.worst_ms = max(tally.worst_ms, late_ms)
                tally.slow += late_ms > _SLOW_MS
                tally.second += await self._more()

    async def _more(self):
        """True when more comes after an answer that is complete."""
        doctor = self._doctor
        buf = bytearray(16)
        count = 0
        begin = doctor.now()
        while ticks.diff(doctor.now(), begin) < _AFTER_MS:
            await doctor.sleep_ms(_POLL_MS)
            count += doctor.port.readinto(buf) or 0
        return count > _MANY

    async def _never(self, address, pdu, parity=None):
        """True when even short answers are always damaged: noise would spare some of them."""
        short = bytearray(pdu)
        short[3], short[4] = 0, 2
        for _ in range(_ASKED):
            if await self.ask(address, short, parity=parity) in (GOOD, REFUSED):
                return False
        return True

    async def _check_type(self, one):
        """Compare what answers with the type that is set."""
        doctor = self._doctor
        if one.kind == "Custom":
            return
        read = self.read_even if one.parity else self.read
        kind = one.kind
        if one.box:
            data = await read(one.address, BOX)
            if data and identify.is_box(data):
                return
            kind = None
        names = await identify.look(read, one.address, kind, one.parity)
        if one.kind in names:
            return
        if names:
            doctor.find(codes.WRONG_TYPE, one.name, " or ".join(names))
        elif one.box or not await self._fits(read, one):
            doctor.find(codes.NO_TYPE, one.name)

    async def _fits(self, read, one):
        """True when the currents can be read as those of the type that is set."""
        data = await read(one.address, one.pdu)
        if data is None:
            return False
        entry = meters.load(one.kind)
        try:
            meters.read_current(meters.Block(entry, entry["current"]), data, [0, 0, 0])
        except BadSample:
            return False
        return True

    async def _ask_nodes(self):
        """As Master: who of the nodes is there, and is there only one of each number?"""
        doctor = self._doctor
        core = self._core
        for number in range(1, _NODES):
            address = number + 1
            name = "Node %d" % number
            tally = await self._count((name, codes.NODE_TWICE, name), address, STATUS)
            if not tally.answers:
                if core.group.state[number]:
                    doctor.find(codes.NODE_SILENT, name)
                continue
            self._nodes.append(address)
            data = await self.read(address, _EV_METER)
            other = data and data[1] and self.at(data[3])
            if other:
                doctor.find(codes.SAME_ADDRESS, "%s, EV meter of %s" % (other.name, name),
                            other.address)
