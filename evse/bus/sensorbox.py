"""The Sensorbox at the mains, versions 1.5 and 2: what it measures, its wiring and its WiFi.

The box tells with each reply what is new since the last one. Version 2 reads the smart meter's P1
port and three current transformers (CT); version 1.5 has the transformers alone.
"""

from micropython import const
from umodbus import functions

from evse.bus.master import BadSample, Device
from evse.bus.meters import AMPS_MAX_DA, WATTS_MAX, Block, rounded

ADDRESS = const(10)

# Registers of a reply.
_P1_VOLTS = const(2)
_P1_AMPS = const(8)
_CT_AMPS = const(14)
_SHORT = const(20)  # all that every box has, and all that some answer to
_WHOLE = const(32)

# Bytes of a reply.
_SOFTWARE = const(0)
_VERSION = const(1)  # 0x0F, or 0x14 and the two bits of the wiring
_NEW = const(3)
_WIFI_STATE = const(40)
_WIFI_MODE = const(41)
_IP = const(48)
_PASSWORD = const(56)

_NEW_P1 = const(0x80)  # from a meter of DSMR 5 or later, each second
_NEW_OLD_P1 = const(0x40)  # from an older one, each 10 s and without voltages
_NEW_CT = const(0x03)
_CONNECTED = const(2)
_PORTAL = const(4)

_VERSION_1_5 = const(0x0F)
_VERSION_2 = const(0x14)
_ROTATION = const(1)
_WIRES_3 = const(2)
_WIRING = const(0x0800)
_WIFI = const(0x0801)
_OFF_TO_PORTAL = ("Disabled", "Enabled", "SetupWifi")  # the box's numbers are the setting's
_SETUP = const(2)
_HAS_WIFI = (1, 3)  # software 2 has other ways to get into a network, and ignores ours

_TRIES = const(3)  # writes of the same value; a box that will not is left alone
_LOST = const(5)  # turns without a reply after which another box may be there
_SOON_MS = const(1000)  # until it has measured again
_P1_TURNS = const(5)  # for which CTs do not stand in for a P1 port that has told nothing new
_SEEK_TURNS = const(6)  # for a P1 port to show itself before CTs are believed: some tell each 10 s
_COMPARED_DA = const(10)  # currents from here on show whether CTs are fitted
_LEAST_MV = const(50_000)
_NOMINAL_V = const(230)
_BIG_CT_A = const(100)  # above this MAINS the transformers are 200 A : 50 mA instead of 100 A

_BOX = {"fc": 4, "order": 3, "type": "f32"}


class Sensorbox(Device):
    """A Sensorbox as the master polls it; its readings are those of "mains".

    ``settings`` (mains, grid, sb2_wifi) are looked at anew in each turn. ``version`` 0 (not seen
    yet), 15 or 20; ``software`` of the box. ``p1`` says that the smart meter measures, and not the
    transformers. ``wiring``: bit 0 for a rotation to the left, bit 1 for three wires.

    A box whose WiFi can be set: ``wifi_mode`` 0 off, 1 on, 2 portal; ``wifi_connected``,
    ``portal`` (people can set it up now), ``ip`` and ``portal_password``, "" while not known.
    """

    name = "mains"
    address = ADDRESS

    def __init__(self, settings, command):
        self._settings = settings
        self._command = command
        self._short = Block(_BOX, {"reg": 0, "n": _SHORT})
        self._whole = functions.read_input_registers(0, _WHOLE)
        self._amps = [0, 0, 0]
        self._forget()

    def _forget(self):
        """Know nothing about the box: it may be another one."""
        self.version = self.software = self.wiring = self.wifi_mode = 0
        self.p1 = self.wifi_connected = self.portal = False
        self.ip = self.portal_password = ""
        self._misses = 0
        self._long = False  # ask for all registers
        self._p1_turns = 0
        self._turns = 0
        self._seen_p1 = self._fitted = False
        self._setup = None  # whether it was connected when its portal opened, None without one
        self._known = False  # its WiFi mode has become the setting
        self._writing = None
        self._wanted = [-1, -1]
        self._tries = bytearray(2)

    def begin(self):
        """Return the request for what the box measures."""
        self._writing = None
        self.soon_ms = 0
        return self._whole if self._long else self._short.pdu

    def missed(self):
        """Ask for less next time: not every box answers to more."""
        self._long = False
        self._misses += 1
        if self._misses == _LOST:
            self._forget()
        self.soon_ms = _SOON_MS if self.version else 0

    def take(self, data, clean):
        """Take a reply; return a write when the box is not set as it should be."""
        if self._writing:
            if data != self._writing[1:]:
                raise BadSample
            return None
        if len(data) != 2 * (_WHOLE if self._long else _SHORT):
            raise BadSample
        version = data[_VERSION]
        if version != _VERSION_1_5 and version & 0xFC != _VERSION_2:
            raise BadSample  # another device has this address
        self._misses = 0
        self.version = version & 0xFC if version != _VERSION_1_5 else version
        self.wiring = version & 3 if version != _VERSION_1_5 else 0
        self.software = data[_SOFTWARE]
        self._relay(data)
        self._long = self.software >= 1
        # It calls news what it has not told, and it has told even if the reply was spoiled.
        if not self._measure(data) and not clean:
            self.soon_ms = _SOON_MS
        self._writing = self._next_write(len(data)) if clean else None
        return self._writing

    # ---- currents ----

    def _measure(self, data):
        """Hand on what is new; False when nothing is.

        Transformers that are not there measure noise, which would look like an empty house. So
        where there is a smart meter they are believed only once they have agreed with it, and
        where none has shown itself only after it has had time to.
        """
        new = data[_NEW]
        amps = self._amps
        watts = None
        if self._p1_turns:
            self._p1_turns -= 1
        if self._turns < _SEEK_TURNS:
            self._turns += 1
        if new & (_NEW_P1 | _NEW_OLD_P1):
            if new & _NEW_P1:
                self._p1_turns = _P1_TURNS
            self._seen_p1 = self.p1 = True
            watts = self._smart_meter(data)
            if new & _NEW_CT:
                self._compare(data)
        elif (new & _NEW_CT and not self._p1_turns
              and (self._fitted if self._seen_p1
                   else self._turns == _SEEK_TURNS or self.version == _VERSION_1_5)):
            self.p1 = False
            for phase in range(3):
                amps[phase] = self._transformer(data, phase)
        else:
            return False
        for da in amps:
            if not -AMPS_MAX_DA <= da <= AMPS_MAX_DA:
                raise BadSample
        if watts is not None and not -WATTS_MAX <= watts <= WATTS_MAX:
            raise BadSample
        self._command("reading", ("mains", amps[0], amps[1], amps[2], watts, None), "bus")
        return True

    def _compare(self, data):
        """Note whether the transformers see what the smart meter sees."""
        for phase in range(3):
            smart = abs(self._amps[phase])
            if smart >= _COMPARED_DA:
                # Without the voltage plug they know no direction.
                self._fitted = 5 * abs(abs(self._transformer(data, phase)) - smart) <= smart
                if not self._fitted:
                    return

    def _smart_meter(self, data):
        """Fill the currents from the P1 port; return the power in W."""
        nano_watts = 0
        for phase in range(3):
            volts = self._short.value(data, _P1_VOLTS + 2 * phase, 3)
            amps = self._short.value(data, _P1_AMPS + 2 * phase, 6)
            nano_watts += volts * amps
            # The box divides the power by 1 where it was told no voltage.
            self._amps[phase] = rounded(amps, 100_000 if volts >= _LEAST_MV
                                        else 100_000 * _NOMINAL_V)
        return rounded(nano_watts, 1_000_000_000)

    def _transformer(self, data, phase):
        """Return what the transformer of ``phase`` measures, dA."""
        unit = 50_000 if self._settings.get("mains") > _BIG_CT_A else 100_000
        return rounded(self._short.value(data, _CT_AMPS + 2 * phase, 6), unit)

    # ---- wiring and WiFi ----

    def _relay(self, data):
        """Note what the box says about its WiFi."""
        if len(data) < 2 * _WHOLE or self.software not in _HAS_WIFI:
            return
        state = data[_WIFI_STATE]
        self.wifi_connected = bool(state & _CONNECTED)
        self.portal = bool(state & _PORTAL)
        self.wifi_mode = data[_WIFI_MODE]
        self.ip = "%d.%d.%d.%d" % tuple(data[_IP:_IP + 4]) if self.wifi_connected else ""
        self.portal_password = "".join(chr(data[_PASSWORD + 7 - i]) for i in range(8)
                                       if 32 < data[_PASSWORD + 7 - i] < 127)
        if self.wifi_mode > _SETUP:
            return
        if not self._known:
            self._known = True
            self._settings.set("sb2_wifi", _OFF_TO_PORTAL[self.wifi_mode])
        self._follow_setup()

    def _follow_setup(self):
        """Once people have used the portal the WiFi is on, and the setting says so."""
        if self._settings.get("sb2_wifi") != "SetupWifi":
            self._setup = None
        elif self._setup is None:
            if self.wifi_mode == _SETUP:
                self._setup = self.wifi_connected
        elif self.wifi_mode != _SETUP or self.wifi_connected and not self._setup:
            self._settings.set("sb2_wifi", "Enabled")

    def _next_write(self, length):
        """Return the write that sets the box as the settings say, or None."""
        pdu = None
        if self.version == _VERSION_2 and not self.p1:
            wires = _WIRES_3 if self._settings.get("grid") == "3Wire" else 0
            pdu = self._write(0, _WIRING, self.wiring, self.wiring & _ROTATION | wires)
        if not pdu and self._known and length == 2 * _WHOLE:
            pdu = self._write(1, _WIFI, self.wifi_mode, self._settings.index("sb2_wifi"))
        return pdu

    def _write(self, which, register, found, wanted):
        if found == wanted or wanted != self._wanted[which]:
            self._tries[which] = 0
        self._wanted[which] = wanted
        if found == wanted or self._tries[which] == _TRIES:
            return None
        self._tries[which] += 1
        return functions.write_single_register(register, wanted, False)
