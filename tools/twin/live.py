"""The world in real time: driven by the clock, tied to the firmware, steered by commands."""

import asyncio
import time

from twin import car as cars
from twin import day, wire
from twin.meter import MeterReading
from twin.world import PP_MV, World

TICK_S = 0.01
SENSE_S = 0.02
BUTTONS = {"left": 1, "middle": 2, "right": 4}
_AMP_LIMIT = 200
_TEMP_LIMITS = (-40, 125)


class BadCommand(Exception):
    """A command the world does not take; the message is for the caller."""


class LiveWorld(asyncio.DatagramProtocol):
    """World, clock, sensors and meter of one charger.

    ``state()`` is what the page shows, ``command(name, arguments)`` what it may change. ``speed``
    is the speed of the recorded day; the car and the firmware always live in real time.
    """

    def __init__(self, sim_port, attach_meter, speed=1.0, model="three-phase 16 A"):
        self.world = World(cars.Car(**cars.MODELS[model]))
        self.model = model
        self.meter = MeterReading()
        self.meter_on = True
        self.speed = speed
        self.day_s = 8.0 * 3600
        self.recorded = False
        self.temp_c = 25
        self.reject_pct = 0
        self.noise_mv = 0
        self.flags = 0
        self.firmware_alive = False
        self.led = [0, 0, 0]
        self._manual_load = [2.0, 1.0, 1.0]
        self._manual_sun = 0.0
        self._day = day.read(day.RECORDED)
        self._sim_port = sim_port
        self._attach_meter = attach_meter
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
        self.world.lock = bool(flags & wire.OUT_LOCK)
        self.world.outputs(duty, bool(flags & wire.OUT_CONNECT), bool(flags & wire.OUT_C1),
                           bool(flags & wire.OUT_C2))
        self.sense()

    def firmware_gone(self):
        """The board has lost its processor: contactors drop out, the pilot is dead."""
        self.firmware_alive = False
        self._advance()
        self.world.outputs(wire.FULL, False, False, False)

    def sense(self, again=False):
        """Send the sensors if they changed, or anyway."""
        high, low = self.world.pilot_mv()
        packet = wire.pack_sensors(high, low, self.world.proximity_mv(), self.temp_c * 10,
                                   self.flags, self.reject_pct, self.noise_mv)
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
            self.meter.count(elapsed)
            self.sense(now - self._sent >= SENSE_S)

    def _site(self, elapsed):
        world = self.world
        if self.recorded:
            self.day_s = (self.day_s + elapsed * self.speed) % day.DAY_S
            row = day.at(self._day, self.day_s)
            watts = 1000 / world.volts
            world.load_ma = [int(value * watts) for value in row[1:4]]
            world.pv_ma = [int(value * watts) for value in row[4:7]]
        else:
            world.load_ma = [int(amps * 1000) for amps in self._manual_load]
            world.pv_ma = [int(self._manual_sun * 1000)] * 3

    def measure(self):
        """The meter's reading at this moment."""
        self.meter.volts = self.world.volts
        self.meter.amps_ma = [self.world.mains_ma(phase) for phase in range(3)]
        return self.meter

    # ---- the page's two doors ----

    def state(self):
        """Everything worth seeing, as JSON-ready values; currents in A."""
        world = self.world
        car = world.car
        high, low = world.pilot_mv()
        return {
            "firmware": self.firmware_alive,
            "seconds": round(world.now / 1000, 1),
            "car": {"model": self.model, "plugged": car.plugged, "diode": car.diode,
                    "state": ("C" if car.drawing_state else "B") if car.plugged else "A",
                    "draw_a": car.draw_ma / 1000, "full": car.full,
                    "phases": [phase + 1 for phase in car.phases],
                    "taken_wh": round(car.taken_uj / cars.UJ_PER_WH, 1)},
            "pilot": {"connected": world.connect, "duty": world.duty,
                      "percent": round(world.duty * 100 / wire.FULL, 2),
                      "offers_a": cars.offer_ma(world.duty) / 1000 if world.connect else 0,
                      "high_mv": high, "low_mv": low, "short": world.short},
            "contactors": {"c1": world.c1, "c2": world.c2, "closings": world.closings,
                           "opened_under_load": world.openings_under_load},
            "lock": world.lock,
            "led": self.led,
            "site": {"volts": world.volts,
                     "load_a": [value / 1000 for value in world.load_ma],
                     "sun_a": [value / 1000 for value in world.pv_ma],
                     "battery_a": [value / 1000 for value in world.battery_ma],
                     "ev_a": [world.ev_ma(phase) / 1000 for phase in range(3)],
                     "mains_a": [world.mains_ma(phase) / 1000 for phase in range(3)]},
            "meter": {"on": self.meter_on, "import_wh": round(self.meter.import_wh, 1),
                      "export_wh": round(self.meter.export_wh, 1)},
            "day": {"recorded": self.recorded, "second": int(self.day_s), "speed": self.speed},
            "board": {"temp_c": self.temp_c, "rcm": bool(self.flags & wire.FLAG_RCM),
                      "switch": bool(self.flags & wire.FLAG_SWITCH),
                      "buttons": self.flags >> wire.BUTTON_SHIFT & 7, "cable": world.cable,
                      "reject_pct": self.reject_pct, "noise_mv": self.noise_mv},
            "models": list(cars.MODELS),
            "cables": list(PP_MV),
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

    def _unplug(self):
        self.world.unplug()

    def _car(self, model):
        if model not in cars.MODELS:
            raise BadCommand("no car is called %s" % model)
        self.model = model
        self.world.replace_car(cars.Car(**cars.MODELS[model]))

    def _cable(self, size):
        if size not in PP_MV:
            raise BadCommand("no cable is called %s" % size)
        self.world.cable = size

    def _load(self, amps):
        values = amps if isinstance(amps, list) else [amps] * 3
        if len(values) != 3:
            raise BadCommand("load takes one current or three")
        self._manual_load = [_number(value, -_AMP_LIMIT, _AMP_LIMIT) for value in values]
        self.recorded = False

    def _sun(self, amps):
        self._manual_sun = _number(amps, 0, _AMP_LIMIT)
        self.recorded = False

    def _battery(self, amps):
        self.world.battery_ma = [int(_number(amps, -_AMP_LIMIT, _AMP_LIMIT) * 1000)] * 3

    def _recorded(self, on=True, hour=None):
        self.recorded = _flag(on)
        if hour is not None:
            self.day_s = _number(hour, 0, 24) * 3600 % day.DAY_S

    def _speed(self, factor):
        self.speed = _number(factor, 0.1, 3600)

    def _meter(self, on):
        self.meter_on = _flag(on)
        self._attach_meter(self.meter_on)

    def _button(self, which, pressed):
        if which not in BUTTONS:
            raise BadCommand("no button is called %s" % which)
        self._set_flag(BUTTONS[which] << wire.BUTTON_SHIFT, pressed)

    def _switch(self, pressed):
        self._set_flag(wire.FLAG_SWITCH, pressed)

    def _rcm(self, on):
        self._set_flag(wire.FLAG_RCM, on)

    def _short(self, on):
        self.world.short = _flag(on)

    def _diode(self, on):
        self.world.car.diode = _flag(on)

    def _pilot(self, high_mv=None):
        self.world.resistor_mv = None if high_mv is None else int(_number(high_mv, 0, 12000))

    def _temperature(self, celsius):
        self.temp_c = int(_number(celsius, *_TEMP_LIMITS))

    def _adc(self, reject_pct=0, noise_mv=0):
        self.reject_pct = int(_number(reject_pct, 0, 100))
        self.noise_mv = int(_number(noise_mv, 0, 2550))

    def _set_flag(self, mask, on):
        self.flags = self.flags | mask if _flag(on) else self.flags & ~mask

    _COMMANDS = {
        "plug": _plug, "unplug": _unplug, "car": _car, "cable": _cable, "load": _load,
        "sun": _sun, "battery": _battery, "recorded": _recorded, "speed": _speed,
        "meter": _meter, "button": _button, "switch": _switch, "rcm": _rcm, "short": _short,
        "diode": _diode, "pilot": _pilot, "temperature": _temperature, "adc": _adc,
    }


def _number(value, low, high):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise BadCommand("%r is not a number from %s to %s" % (value, low, high))
    return value


def _flag(value):
    if not isinstance(value, bool):
        raise BadCommand("%r is neither true nor false" % (value,))
    return value
