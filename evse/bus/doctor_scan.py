"""The bus doctor searches: who answers at any address, and at which line setting do the lost?"""

from micropython import const
from umodbus import functions

from evse.bus import doctor as codes
from evse.bus import identify, rtu
from evse.bus.identify import BOX, GOOD, REFUSED, SENSORBOX, SILENCE, STATUS, place

_LAST = const(247)
_NODES = const(8)
_RESERVED = const(9)
_SCAN_MS = const(40)  # how long a slave has to begin its answer while all addresses are tried
_LATE = const(2)  # one that took longer is heard while these next ones are asked
_TRIES = const(4)
_LINE_MS = const(70)
_BAUDS = (9600, 19200, 2400, 4800, 38400, 57600, 115200, 1200)
_PARITIES = {None: "no", "E": "even", "O": "odd"}
_CHANGE_MS = const(20)
_LIKELY = (1, 2, 10, 11, 12, 13, 100)  # from the factory, and where people put them


class Search:
    """Everybody whom ``expected`` (a list of Expected) and ``nodes`` (addresses) leave out."""

    def __init__(self, doctor, examination, expected, nodes):
        self._doctor = doctor
        self._all = examination
        self._expected = expected
        self._nodes = nodes
        self._there = {}  # address -> the types it looks like, joined
        self._claimed = []

    async def run(self):
        """Search, and say what was found."""
        await self._scan()
        for address in self._there:
            await self._name(address)
        self._match()
        if self._lost():
            await self._try_lines()
        self._conclude()

    def _lost(self):
        return [one for one in self._expected if not one.answers]

    async def _scan(self):
        """Ask all addresses; ``_there`` gets those that nobody expects."""
        doctor = self._doctor
        pdu = functions.read_input_registers(0, 2)
        for one in self._lost():
            if one.pdu[0] == 3:  # it may not know the other function
                pdu = functions.read_holding_registers(one.pdu[1] << 8 | one.pdu[2], 2)
        for address in range(1, _LAST + 1):
            doctor.percent = 35 + 30 * address // _LAST
            request = BOX if address == SENSORBOX else pdu
            if await self._all.ask(address, request, _SCAN_MS) != SILENCE:
                for near in range(max(1, address - _LATE), address + 1):
                    await self._confirm(near, BOX if near == SENSORBOX else pdu)

    async def _confirm(self, address, pdu):
        """Somebody has answered; was it this address?"""
        one = self._all.at(address)
        if address in self._there or address in self._nodes or one and one.answers:
            return
        sound = damaged = 0
        for _ in range(_TRIES):
            result = await self._all.ask(address, pdu)
            sound += result in (GOOD, REFUSED)
            damaged += result > SILENCE
        if sound:
            self._there[address] = ""
        elif damaged == _TRIES:
            self._doctor.find(codes.TWICE, place(address))

    async def _name(self, address):
        """Find out what answers at ``address``."""
        doctor = self._doctor
        read = self._all.read
        if 1 < address <= _NODES:
            data = await read(address, STATUS)
            if data and identify.is_evse(data):
                doctor.find(codes.NODE_ALONE, "Node %d" % (address - 1))
                self._claimed.append(address)
                return
        data = await read(address, BOX) if address == SENSORBOX else None
        if data and identify.is_box(data):
            self._there[address] = "Sensorbox"
            return
        self._there[address] = " or ".join(await identify.look(read, address))
        if self._there[address] and address <= _RESERVED:
            doctor.find(codes.RESERVED, place(address))

    def _match(self):
        """A meter that is missing and one that nobody expects may be the same."""
        lost = self._lost()
        for exact in (True, False):
            for one in lost:
                for address, names in self._there.items():
                    if one.answers or address in self._claimed or not names:
                        continue
                    if one.kind in names.split(" or ") or not exact and len(lost) == 1:
                        one.answers = True
                        self._claimed.append(address)
                        self._doctor.find(codes.OTHER_ADDRESS, one.name, address if exact else
                                          "%d as %s" % (address, names))

    async def _try_lines(self):
        """Ask for the lost at other speeds and parities, at likely addresses as well."""
        doctor = self._doctor
        addresses = [one.address for one in self._lost()]
        for address in _LIKELY:
            if not (address in self._there or address in self._nodes or self._all.at(address)):
                addresses.append(address)
        for number, baud in enumerate(_BAUDS):
            doctor.percent = 70 + 29 * number // len(_BAUDS)
            for parity in _PARITIES:
                if baud == rtu.BAUD and not parity and not self._lost()[0].parity:
                    continue
                doctor.link.configure(baud, parity)
                await doctor.sleep_ms(_CHANGE_MS)
                for address in addresses:
                    await self._try_at(address, baud, parity)
                if not self._lost():
                    return

    async def _try_at(self, address, baud, parity):
        """Ask one address at the line setting in force."""
        one = self._all.at(address)
        if one is None:
            lost = self._lost()
            if not lost:
                return
            one = lost[0]
        if one.answers or await self._all.ask(address, one.pdu, _LINE_MS, parity) > REFUSED:
            return
        one.answers = True
        if baud == rtu.BAUD and parity == "E":
            # There are meters that know no other parity.
            names = await identify.look(self._all.read_even, address, parity=parity)
            if names and one.kind not in names:
                self._doctor.find(codes.WRONG_TYPE, one.name, " or ".join(names))
                return
        line = "%d baud, %s parity" % (baud, _PARITIES[parity])
        if address != one.address:
            line = "address %d, %s" % (address, line)
        self._doctor.find(codes.OTHER_LINE, one.name, line)

    def _conclude(self):
        """What is left when all has been tried."""
        doctor = self._doctor
        lost = self._lost()
        if lost and len(lost) == len(self._expected) and not self._there and not self._nodes:
            doctor.find(codes.NOTHING, "bus")
        else:
            for one in lost:
                doctor.find(codes.SILENT, one.name)
        for address, names in self._there.items():
            if address not in self._claimed:
                doctor.find(codes.FOUND, place(address), names or "Something unknown")
