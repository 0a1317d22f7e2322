"""A Sensorbox on the bus: version 1.5, version 2 without WiFi, and both WiFi firmwares of it."""

import asyncio
import time

from pymodbus.client.mixin import ModbusClientMixin

from twin import peer

ADDRESS = 10
_FULL, _SHORT = 32, 20
_GRID, _WIFI = 0x0800, 0x0801
_NEW_P1, _NEW_P1_DSMR4, _NEW_CT = 0x80, 0x40, 0x03
OFF, ON, PORTAL = 0, 1, 2

# By name: hardware version, software version, registers it has.
MODELS = {"1.5": (0x0F, 0, _SHORT), "2 PIC": (0x14, 0, _SHORT), "2.0": (0x14, 1, _FULL),
          "2.1": (0x14, 2, _FULL)}


class SensorboxServer(peer.Slave):
    """The box ``model`` over ``measure()``, a MeterReading.

    ``p1`` says whether a P1 cable is plugged in, ``dsmr`` its version x 10; ``ct`` whether there
    are current transformers, whose output is divided by ``ct_ratio`` (2 for 200 A ones). New data
    come every ``every_s``. ``grid`` is what was set over the bus: bit 0 rotation, bit 1 3-wire.
    """

    def __init__(self, bus, measure, model="2.1", p1=True, ct=True, every_s=1.0):
        super().__init__(bus, "Sensorbox", ADDRESS)
        self._measure = measure
        self._hardware, self._software, self._count = MODELS[model]
        self.p1 = p1 and model != "1.5"
        self.ct = ct
        self.dsmr = 50
        self.ct_ratio = 1
        self.every_s = every_s
        self.grid = 0
        self.wifi_mode = OFF
        self.connected = False
        self.address_ip = (0, 0, 0, 0)
        self.password = "Sensor-B"
        self._read_of = None

    def join_wifi(self, *octets):
        """Somebody has used the portal: it is in a network, as this address."""
        self.connected = True
        self.address_ip = octets

    def reply(self, function, data):
        first, count = peer.values(data[:4]) if len(data) >= 4 else (0, 0)
        if function == peer.WRITE_ONE:
            return self._write(first, count, data)
        if self._count == _SHORT:  # it answers nothing but the one request, and that in full
            asked = function == peer.READ_INPUT and first == 0 and (
                count == _SHORT if self._hardware == 0x0F else 0 < count <= _SHORT)
            if not asked or self._hardware != 0x0F and not self._fresh():
                return None
            return peer.read_reply(function, self.registers())
        if function not in (peer.READ_HOLDING, peer.READ_INPUT):
            return None
        if not count or first + count > _FULL:
            return peer.exception(function, peer.NO_SUCH_REGISTER)
        return peer.read_reply(function, self.registers()[first:first + count])

    def _write(self, register, value, data):
        if register == _GRID and self._hardware != 0x0F:
            self.grid = value & 3
        elif register == _WIFI and self._count == _FULL:
            self.wifi_mode = value
            self.connected = self.connected and value != OFF
        elif self._count == _FULL:
            return peer.exception(peer.WRITE_ONE, peer.NO_SUCH_REGISTER)
        else:
            return None
        return bytes([peer.WRITE_ONE]) + data

    def _period(self):
        return int(asyncio.get_running_loop().time() / self.every_s)

    def _fresh(self):
        return self._period() != self._read_of and (self.p1 or self.ct)

    def registers(self):
        """What a read gives now; it takes the marks of new data away."""
        flags = dsmr = 0
        if self._fresh():
            if self.p1:
                flags, dsmr = (_NEW_P1 if self.dsmr >= 50 else _NEW_P1_DSMR4), self.dsmr
            flags |= _NEW_CT * self.ct
            self._read_of = self._period()
        reading = self._measure()
        amps = [milliamps / 1000 for milliamps in reading.amps_ma]
        coils = [one / self.ct_ratio for one in amps]
        if self._hardware == 0x0F:  # it knows no voltage, so no direction
            coils = [abs(one) for one in coils]
        numbers = [reading.volts if self.p1 else 0] * 3
        numbers += amps if self.p1 else [0] * 3
        numbers += coils if self.ct else [0] * 3
        image = [self._software << 8 | self._hardware | self.grid, dsmr << 8 | flags]
        for number in numbers:
            image += ModbusClientMixin.convert_to_registers(
                float(number), ModbusClientMixin.DATATYPE.FLOAT32)
        return image + self._network() if self._count == _FULL else image

    def _network(self):
        now = time.localtime()
        portal = self.wifi_mode == PORTAL
        text = self.password.encode()[::-1] if self._software == 1 and portal else bytes(8)
        return [(self.connected | self.connected << 1 | portal << 2) << 8 | self.wifi_mode,
                now.tm_hour << 8 | now.tm_min, now.tm_mday << 8 | now.tm_mon - 1,
                now.tm_year - 1900 << 8 | (now.tm_wday + 1) % 7,
                *peer.values(bytes(self.address_ip)), 0xC41A, 0x2B3C, *peer.values(text)]
