"""An Eastron SDM630 on the bus: a real pymodbus RTU server over the simulated mains."""

import logging
import struct

from pymodbus.framer import FramerRTU, FramerType
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

REGISTERS = 0x180
VOLTS = 0x0000
AMPS = 0x0006
WATTS = 0x000C
TOTAL_WATTS = 0x0034
IMPORT_KWH = 0x0048
EXPORT_KWH = 0x004A


class MeterReading:
    """What the meter measures: three phases' volts and mA, and the energies it counts."""

    def __init__(self):
        self.volts = 230
        self.amps_ma = [0, 0, 0]
        self.import_wh = 0.0
        self.export_wh = 0.0

    def count(self, seconds):
        """Add the energy of ``seconds`` at the present power, phases netted."""
        energy = sum(self.amps_ma) / 1000 * self.volts * seconds / 3600
        if energy > 0:
            self.import_wh += energy
        else:
            self.export_wh -= energy

    def registers(self):
        """The input registers: big endian floats, current unsigned as an SDM630 gives it."""
        image = [0] * REGISTERS
        watts = [self.volts * milliamps / 1000 for milliamps in self.amps_ma]
        for phase in range(3):
            _put(image, VOLTS + 2 * phase, self.volts)
            _put(image, AMPS + 2 * phase, abs(self.amps_ma[phase]) / 1000)
            _put(image, WATTS + 2 * phase, watts[phase])
        _put(image, TOTAL_WATTS, sum(watts))
        _put(image, IMPORT_KWH, self.import_wh / 1000)
        _put(image, EXPORT_KWH, self.export_wh / 1000)
        return image


def _put(image, address, value):
    image[address:address + 2] = struct.unpack(">HH", struct.pack(">f", value))


_REQUEST_BYTES = 8
_FIXED_FUNCTIONS = range(1, 7)  # those whose requests are all of that length


def _only(address):
    """The framer of a slave that shares its bus: it hears all, and knows what is meant for it.

    pymodbus's own waits for the rest of a frame that will never come after half a one, and takes
    another slave's answers for requests.
    """

    class Framer(FramerRTU):
        """Finds whole requests to one address in whatever the bus carries."""

        def handleFrame(self, data, exp_devid, exp_tid):
            """pymodbus: return (bytes used up, request or None)."""
            for start in range(len(data) - _REQUEST_BYTES + 1):
                frame = data[start:start + _REQUEST_BYTES]
                if (frame[0] == address and frame[1] in _FIXED_FUNCTIONS
                        and self.check_CRC(frame[:-2], int.from_bytes(frame[-2:], "big"))):
                    return len(data), super().handleFrame(frame, exp_devid, exp_tid)[1]
            return max(0, len(data) - _REQUEST_BYTES + 1), None

    return Framer


class MeterServer:
    """Serves ``measure()``, a MeterReading, as slave ``address`` on the pty ``path``."""

    def __init__(self, path, address, measure):
        self._measure = measure
        self.requests = 0
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL + 1)
        device = SimDevice(address, action=self._refresh, simdata=[
            SimData(0, count=REGISTERS, values=0, datatype=DataType.REGISTERS)])
        self._server = ModbusSerialServer(device, framer=FramerType.RTU, port=path, baudrate=9600)
        self._server.framer = _only(address)

    async def _refresh(self, function, start, address, count, registers, written):
        self.requests += 1
        registers[:] = self._measure().registers()

    async def start(self):
        """Open the port and answer requests."""
        await self._server.serve_forever(background=True)

    async def close(self):
        """Leave the bus."""
        await self._server.shutdown()
