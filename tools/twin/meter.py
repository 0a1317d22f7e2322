"""An Eastron SDM630 on the bus: a real pymodbus RTU server over the simulated mains."""

import logging
import struct

from pymodbus.framer import FramerType
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


class MeterServer:
    """Serves ``measure()``, a MeterReading, as slave ``address`` on the pty ``path``."""

    def __init__(self, path, address, measure):
        self._measure = measure
        self._address = address
        self.requests = 0
        # Half a frame is no news on a bus that is paced byte by byte.
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL + 1)
        device = SimDevice(address, action=self._refresh, simdata=[
            SimData(0, count=REGISTERS, values=0, datatype=DataType.REGISTERS)])
        self._server = ModbusSerialServer(
            device, framer=FramerType.RTU, port=path, baudrate=9600,
            trace_packet=self._own)

    def _own(self, sending, packet):
        """Keep quiet when another slave was asked: pymodbus would answer with an exception."""
        return b"" if sending and packet[:1] != bytes((self._address,)) else packet

    async def _refresh(self, function, start, address, count, registers, written):
        self.requests += 1
        registers[:] = self._measure().registers()

    async def start(self):
        """Open the port and answer requests."""
        await self._server.serve_forever(background=True)

    async def close(self):
        """Leave the bus."""
        await self._server.shutdown()
