"""The world in real time: driven by the clock, tied to the firmware, steered by commands."""

import asyncio
import time

from twin import car as cars
from twin import day, hands, wire
from twin.card import NO_CARD
from twin.contactors import FINE, STUCK, WELDED
from twin.lock import KINDS
from twin.meter import MeterReading
from twin.world import PP_MV, World

TICK_S = 0.01
SENSE_S = 0.02
BUTTONS = {"left": 1, "middle": 2, "right": 4}
_AMP_LIMIT = 200


class BadCommand(Exception):
    """A command the world does not take; the message is for the caller."""


class LiveWorld(asyncio.DatagramProtocol):
    """World, clock, sensors and meters of one charger.

    ``attach_meter``, ``attach_ev_meter`` and ``attach_circuit_meter`` take True or False and wire
    that meter to the bus. With ``sub_panel`` the EV meter sits in the lines of the circuit.

    ``state()`` is what the page shows, ``command(name, arguments)`` what it may change. ``speed``
    is the speed of the recorded day; the car and the firmware always live in real time.
    """

    def __init__(self, sim_port, attach_meter, speed=1.0, model="three-phase 16 A",
                 attach_ev_meter=None, attach_circuit_meter=None):
        self.world = World(cars.Car(**cars.MODELS[model]))
        self.model = model
        self.meter = MeterReading()
        self.meter_on = True
        self.ev_meter = MeterReading()
        self.ev_meter_on = attach_ev_meter is not None
        self.circuit_meter = MeterReading()
        self.circuit_meter_on = attach_circuit_meter is not None
        self.sub_panel = False
        self.speed = speed
        self.day_s = 8.0 * 3600
        self.recorded = False
        self.reject_pct = 0
        self.noise_mv = 0
        self.buttons = 0
        self.firmware_alive = False
        self.led = [0, 0, 0]
        self._manual_load = [2.0, 1.0, 1.0]
        self._manual_sun = 0.0
        self._day = day.read(day.RECORDED)
        self._sim_port = sim_port
        self._attach_meter = attach_meter
        self._attach_ev_meter = attach_ev_meter
        self._attach_circuit_meter = attach_circuit_meter
        self._transport = None
        self._began = time.monotonic()
        self._sent = 0.0
        self._last = None
        self._heard = None

    # ---- the wire ----

    def connection_made(self, transport):
        """asyncio: the datagram socket is up."""
        self._transport = transport

    def datagram_received(self, data, addr):
        """Outputs of the board arrive."""
        fields = wire.unpack_outputs(data)
        if fields is None:
            return
        duty, flags, red, green, blue = fields
        self._heard = time.monotonic()
        self.led = [red, green, blue]
        self._advance()
        self.world.drive_lock(bool(flags & wire.OUT_LOCK) - bool(flags & wire.OUT_UNLOCK))
        self.world.outputs(duty, bool(flags & wire.OUT_CONNECT), bool(flags & wire.OUT_C1),
                           bool(flags & wire.OUT_C2))
        self.sense()

    def firmware_gone(self):
        """The board has lost its processor: contactors drop out, the pilot is dead."""
        self.firmware_alive = False
        self._advance()
        self.world.outputs(wire.FULL, False, False, False)
        self.world.drive_lock(0)

    def sense(self, again=False):
        """Send the sensors if they changed, or anyway."""
        world = self.world
        high, low = world.pilot_mv()
        flags = (wire.FLAG_RCM * world.rcm_line() | wire.FLAG_SWITCH * world.switch
                 | wire.FLAG_LOCK * world.lock.sense() | self.buttons << wire.BUTTON_SHIFT)
        packet = wire.pack_sensors(high, low, world.proximity_mv(), world.temp_c * 10, flags,
                                   self.reject_pct, self.noise_mv, world.card)
        if again or packet != self._last:
            self._last = packet
            self._sent = time.monotonic()
            self._transport.sendto(packet, ("127.0.0.1", self._sim_port))

    # ---- time ----

    def _advance(self):
        self.world.advance(int((time.monotonic() - self._began) * 1000))

    async def run(self):
        """Let time pass."""
        last = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            elapsed, last = now - last, now
            self._site(elapsed)
            self._advance()
            self.measure()
            self.measure_ev()
            self.measure_circuit()
            for meter in (self.meter, self.ev_meter, self.circuit_meter):
                meter.count(elapsed)
            self.sense(now - self._sent >= SENSE_S)

    def _site(self, elapsed):
        site = self.world.site
        if self.recorded:
            self.day_s = (self.day_s + elapsed * self.speed) % day.DAY_S
            row = day.at(self._day, self.day_s)
            watts = 1000 / site.volts
            site.load_ma = [int(value * watts) for value in row[1:4]]
            site.pv_ma = [int(value * watts) for value in row[4:7]]
        else:
            site.load_ma = _milliamps(self._manual_load)
            site.pv_ma = [int(self._manual_sun * 1000)] * 3

    def measure(self):
        """The mains meter's reading at this moment."""
        return self._read(self.meter, self.world.site.mains_ma)

    def measure_ev(self):
        """The EV meter's reading at this moment."""
        site = self.world.site
        return self._read(self.ev_meter, site.circuit_ma if self.sub_panel else self.world.ev_ma)

    def measure_circuit(self):
        """The circuit meter's reading at this moment."""
        return self._read(self.circuit_meter, self.world.site.circuit_ma)

    def _read(self, meter, current):
        meter.volts = self.world.site.volts
        meter.amps_ma = [current(phase) for phase in range(3)]
        return meter

    # ---- the page's two doors ----

    def state(self):
        """Everything worth seeing, as JSON-ready values; currents in A."""
        world = self.world
        car = world.car
        site = world.site
        contactors = world.contactors
        high, low = world.pilot_mv()
        return {
            "firmware": self.firmware_alive,
            "seconds": round(world.now / 1000, 1),
            "car": {"model": self.model, "plugged": car.plugged,
                    "state": ("C" if car.drawing_state else "B") if car.plugged else "A",
                    "draw_a": car.draw_ma / 1000, "full": car.full,
                    "phases": [phase + 1 for phase in car.phases],
                    "drawing_on": [phase + 1 for phase in range(3) if car.uses(phase)],
                    "taken_wh": round(car.taken_uj / cars.UJ_PER_WH, 1),
                    **{name: getattr(car, name) for name in hands.CAR}},
            "pilot": {"connected": world.connect, "duty": world.duty,
                      "percent": round(world.duty * 100 / wire.FULL, 2),
                      "offers_a": cars.offer_ma(world.duty) / 1000 if world.connect else 0,
                      "high_mv": high, "low_mv": low, "short": world.short,
                      "forced_mv": world.resistor_mv, "floating_mv": world.floating_mv},
            "contactors": {"c1": world.c1, "c2": world.c2, "second": contactors.second,
                           "closed_1": contactors.closed_1, "closed_2": contactors.closed_2,
                           "faults": contactors.faults, "closings": contactors.closings,
                           "c2_closings": contactors.c2_closings,
                           "opened_under_load": contactors.under_load,
                           "c2_under_load": contactors.c2_under_load,
                           "without_neutral": contactors.without_neutral},
            "lock": {"kind": world.lock.kind, "locked": world.lock.locked,
                     "jammed": world.lock.jammed, "pulses": world.lock.pulses},
            "led": self.led,
            "site": {"volts": site.volts,
                     "load_a": [value / 1000 for value in site.load_ma],
                     "sun_a": [value / 1000 for value in site.pv_ma],
                     "battery_a": [value / 1000 for value in site.battery_ma],
                     "circuit_load_a": [value / 1000 for value in site.circuit_load_ma],
                     "circuit_a": [site.circuit_ma(phase) / 1000 for phase in range(3)],
                     "ev_a": [site.ev_ma(phase) / 1000 for phase in range(3)],
                     "mains_a": [site.mains_ma(phase) / 1000 for phase in range(3)]},
            "meter": {"on": self.meter_on, "import_wh": round(self.meter.import_wh, 1),
                      "export_wh": round(self.meter.export_wh, 1)},
            "ev_meter": {"on": self.ev_meter_on,
                         "import_wh": round(self.ev_meter.import_wh, 1)},
            "circuit_meter": {"on": self.circuit_meter_on},
            "day": {"recorded": self.recorded, "second": int(self.day_s), "speed": self.speed},
            "board": {"temp_c": world.temp_c, "rcm": world.rcm, "rcm_fitted": world.rcm_fitted,
                      "switch": world.switch, "buttons": self.buttons, "cable": world.cable,
                      "in_socket": world.in_socket,
                      "card": None if world.card == NO_CARD else world.card.hex(),
                      "reject_pct": self.reject_pct, "noise_mv": self.noise_mv},
            "models": list(cars.MODELS),
            "cables": list(PP_MV),
            "wakes": list(cars.WAKES),
            "locks": list(KINDS),
            "contactor_faults": [FINE, WELDED, STUCK],
        }

    def command(self, name, arguments):
        """Carry out a command of the page; BadCommand names what is wrong with it."""
        handler = self._COMMANDS.get(name)
        if handler is None:
            raise BadCommand("no command is called %s; there are %s"
                             % (name, ", ".join(sorted(self._COMMANDS))))
        self._advance()
        try:
            handler(self, **arguments)
        except TypeError:
            raise BadCommand("%s does not take %s"
                             % (name, ", ".join(arguments) or "no arguments")) from None
        self._site(0)
        self.sense()

    def _plug(self):
        self.world.plug()

    def _unplug(self, at="socket"):
        if at not in ("socket", "car"):
            raise BadCommand("it is unplugged at the socket or at the car")
        if not self.world.unplug(at == "car"):
            raise BadCommand("the lock holds the plug")

    def _car(self, model):
        if model not in cars.MODELS:
            raise BadCommand("no car is called %s" % model)
        self.model = model
        self.world.replace_car(cars.Car(**cars.MODELS[model]))

    def _cable(self, size):
        if size not in PP_MV:
            raise BadCommand("no cable is called %s" % size)
        self.world.cable = size

    def _put(self, name, value):
        try:
            hands.put(self.world, name, value)
        except ValueError as problem:
            raise BadCommand(str(problem)) from None

    def _quirk(self, key, value):
        try:
            hands.quirk(self.world, key, value)
        except ValueError as problem:
            raise BadCommand(str(problem)) from None

    def _contactor(self, which, fault):
        if which not in (1, 2):
            raise BadCommand("there are contactors 1 and 2")
        self._put("contactor_%d" % which, fault)

    def _wiring(self, second):
        self._put("second", second)

    def _lock(self, kind=None, jammed=None):
        if kind is not None:
            self._put("lock", kind)
        if jammed is not None:
            self._put("jammed", jammed)

    def _card(self, uid):
        self._put("card", uid)

    def _load(self, amps):
        self._manual_load = _three(amps, "load")
        self.recorded = False

    def _circuit(self, amps):
        self.world.site.circuit_load_ma = _milliamps(_three(amps, "circuit"))

    def _sun(self, amps):
        self._manual_sun = _number(amps, 0, _AMP_LIMIT)
        self.recorded = False

    def _battery(self, amps):
        self.world.site.battery_ma = _milliamps(_three(amps, "battery"))

    def _recorded(self, on=True, hour=None):
        self.recorded = _flag(on)
        if hour is not None:
            self.day_s = _number(hour, 0, 24) * 3600 % day.DAY_S

    def _speed(self, factor):
        self.speed = _number(factor, 0.1, 3600)

    def _meter(self, on):
        self.meter_on = _flag(on)
        self._attach_meter(self.meter_on)

    def _ev_meter(self, on):
        if self._attach_ev_meter is None:
            raise BadCommand("there is no EV meter")
        self.ev_meter_on = _flag(on)
        self._attach_ev_meter(self.ev_meter_on)

    def _circuit_meter(self, on):
        if self._attach_circuit_meter is None:
            raise BadCommand("there is no circuit meter")
        self.circuit_meter_on = _flag(on)
        self._attach_circuit_meter(self.circuit_meter_on)

    def _button(self, which, pressed):
        if which not in BUTTONS:
            raise BadCommand("no button is called %s" % which)
        mask = BUTTONS[which]
        self.buttons = self.buttons | mask if _flag(pressed) else self.buttons & ~mask

    def _switch(self, pressed):
        self._put("switch", pressed)

    def _rcm(self, on):
        self._put("rcm", on)

    def _rcm_sensor(self, fitted):
        self._put("rcm_fitted", fitted)

    def _short(self, on):
        self._put("short", on)

    def _diode(self, on):
        self._quirk("diode", on)

    def _pilot(self, high_mv=None):
        self._put("pilot_mv", high_mv)

    def _floating(self, mv):
        self._put("floating_mv", mv)

    def _temperature(self, celsius):
        self._put("temp_c", celsius)

    def _adc(self, reject_pct=0, noise_mv=0):
        self.reject_pct = int(_number(reject_pct, 0, 100))
        self.noise_mv = int(_number(noise_mv, 0, 2550))

    _COMMANDS = {
        "plug": _plug, "unplug": _unplug, "car": _car, "cable": _cable, "load": _load,
        "sun": _sun, "battery": _battery, "recorded": _recorded, "speed": _speed,
        "meter": _meter, "button": _button, "switch": _switch, "rcm": _rcm, "short": _short,
        "diode": _diode, "pilot": _pilot, "temperature": _temperature, "adc": _adc,
        "ev_meter": _ev_meter, "contactor": _contactor, "wiring": _wiring, "lock": _lock,
        "card": _card, "quirk": _quirk, "rcm_sensor": _rcm_sensor, "floating": _floating,
        "circuit": _circuit, "circuit_meter": _circuit_meter,
    }


def _number(value, low, high):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise BadCommand("%r is not a number from %s to %s" % (value, low, high))
    return value


def _three(amps, name):
    """Currents of three phases, in A, from one number for all or one for each."""
    values = amps if isinstance(amps, list) else [amps] * 3
    if len(values) != 3:
        raise BadCommand("%s takes one current or three" % name)
    return [_number(value, -_AMP_LIMIT, _AMP_LIMIT) for value in values]


def _milliamps(amps):
    return [int(value * 1000) for value in amps]


def _flag(value):
    if not isinstance(value, bool):
        raise BadCommand("%r is neither true nor false" % (value,))
    return value
