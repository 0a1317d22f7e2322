"""One charger's end of the running world: board, cable, car and EV meter; its commands.

The board hears its sensors and tells its outputs in datagrams, see ``twin.wire``.
"""

import asyncio
import base64
import time

from twin import car as cars
from twin import hands, wire
from twin.arguments import BadCommand, flag, number
from twin.card import NO_CARD
from twin.instrument import Instrument
from twin.world import PP_MV, World

SENSE_S = 0.02
BUTTONS = {"left": 1, "middle": 2, "right": 4}


class Plug(asyncio.DatagramProtocol):
    """The next charger of ``grid``, with a car of ``model``.

    ``clock()`` is the twin's time in ms, ``sim_port`` the UDP port its board listens at, ``port``
    its place on the bus. ``alive`` says whether a board drives it. With ``sub_panel`` its EV meter
    sits in the lines of the circuit.
    """

    def __init__(self, grid, clock, model="three-phase 16 A"):
        self.world = World(cars.Car(**cars.MODELS[model]), grid.site)
        self.number = self.world.number
        self.model = model
        self.sim_port = None
        self.port = None
        self.alive = False
        self.sub_panel = False
        name = "EV meter %d" % self.number if self.number else "EV meter"
        self.ev_meter = Instrument(name, grid.site, self._ev_ma)
        self.reject_pct = 0
        self.noise_mv = 0
        self.buttons = 0
        self.led = [0, 0, 0]
        self.lcd = bytearray(wire.PAGES * wire.PAGE_BYTES)
        self.backlight = 0
        self._clock = clock
        self._transport = None
        self._sent = 0.0
        self._last = None

    def _ev_ma(self, phase):
        world = self.world
        return world.site.circuit_ma(phase) if self.sub_panel else world.ev_ma(phase)

    # ---- the wire ----

    def connection_made(self, transport):
        """asyncio: the datagram socket is up."""
        self._transport = transport

    def datagram_received(self, data, addr):
        """Outputs of the board arrive; what one said that has lost its power is not heard."""
        if not self.alive:
            return
        page = wire.unpack_page(data)
        if page:
            at = page[0] * wire.PAGE_BYTES
            self.lcd[at:at + wire.PAGE_BYTES] = page[1]
            return
        fields = wire.unpack_outputs(data)
        if fields is None:
            return
        line = wire.unpack_line(data)
        if self.port and line != self.port.setting:
            self.port.configure(*line)
        duty, flags, red, green, blue, self.backlight = fields
        self.led = [red, green, blue]
        self.advance()
        self.world.drive_lock(bool(flags & wire.OUT_LOCK) - bool(flags & wire.OUT_UNLOCK))
        self.world.outputs(duty, bool(flags & wire.OUT_CONNECT), bool(flags & wire.OUT_C1),
                           bool(flags & wire.OUT_C2))
        self.sense()

    def power_off(self):
        """The board has lost its processor: contactors drop out, the pilot is dead."""
        self.alive = False
        self.led = [0, 0, 0]
        self.lcd[:] = bytes(len(self.lcd))
        self.backlight = 0
        self.advance()
        self.world.power_off()

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
            self._transport.sendto(packet, ("127.0.0.1", self.sim_port))

    # ---- time ----

    def advance(self):
        """Bring the world to now."""
        self.world.advance(self._clock())

    def tick(self, elapsed):
        """Let ``elapsed`` seconds pass; the board hears of what changed, and now and then all."""
        self.advance()
        self.ev_meter.count(elapsed)
        self.sense(time.monotonic() - self._sent >= SENSE_S)

    # ---- what it is like ----

    def offer_ma(self):
        """What the pilot offers the car."""
        return cars.offer_ma(self.world.duty) if self.world.connect else 0

    def offered_ma(self):
        """Currents by the phases of the site a car may take at this moment, drawn or not."""
        world = self.world
        currents = [0, 0, 0]
        if world.car.plugged:
            powered = world.contactors.powered()
            for phase in world.car.phases:
                if powered >> phase & 1:
                    currents[world.rotation[phase]] = self.offer_ma()
        return currents

    def summary(self):
        """What its card on the world page shows; currents in A."""
        world = self.world
        car = world.car
        return {"number": self.number, "alive": self.alive, "model": self.model,
                "plugged": car.plugged, "state": self._car_state(),
                "offers_a": self.offer_ma() / 1000, "draw_a": car.draw_ma / 1000,
                "draws_a": [current / 1000 for current in world.amps()],
                "c1": world.c1, "closings": world.contactors.closings,
                "taken_wh": round(car.taken_uj / cars.UJ_PER_WH, 1)}

    def _car_state(self):
        car = self.world.car
        return ("C" if car.drawing_state else "B") if car.plugged else "A"

    def state(self):
        """Everything there is to see of it, as JSON-ready values; currents in A."""
        world = self.world
        car = world.car
        contactors = world.contactors
        high, low = world.pilot_mv()
        return {
            "firmware": self.alive,
            "seconds": round(world.now / 1000, 1),
            "car": {"model": self.model, "plugged": car.plugged, "state": self._car_state(),
                    "draw_a": car.draw_ma / 1000, "full": car.full,
                    "phases": [phase + 1 for phase in car.phases],
                    "drawing_on": [phase + 1 for phase in range(3) if car.uses(phase)],
                    "taken_wh": round(car.taken_uj / cars.UJ_PER_WH, 1),
                    **{name: getattr(car, name) for name in hands.CAR}},
            "pilot": {"connected": world.connect, "duty": world.duty,
                      "percent": round(world.duty * 100 / wire.FULL, 2),
                      "offers_a": self.offer_ma() / 1000,
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
            "lcd": {"pages": base64.b64encode(self.lcd).decode(), "backlight": self.backlight},
            "ev_meter": self.ev_meter.state(),
            "board": {"temp_c": world.temp_c, "rcm": world.rcm, "rcm_fitted": world.rcm_fitted,
                      "switch": world.switch, "buttons": self.buttons, "cable": world.cable,
                      "in_socket": world.in_socket,
                      "card": None if world.card == NO_CARD else world.card.hex(),
                      "reject_pct": self.reject_pct, "noise_mv": self.noise_mv},
        }

    # ---- commands ----

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

    def _ev_meter(self, on):
        self.ev_meter.switch(on)

    def _button(self, which, pressed):
        if which not in BUTTONS:
            raise BadCommand("no button is called %s" % which)
        mask = BUTTONS[which]
        self.buttons = self.buttons | mask if flag(pressed) else self.buttons & ~mask

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
        self.reject_pct = int(number(reject_pct, 0, 100))
        self.noise_mv = int(number(noise_mv, 0, 2550))

    COMMANDS = {
        "plug": _plug, "unplug": _unplug, "car": _car, "cable": _cable, "button": _button,
        "switch": _switch, "rcm": _rcm, "rcm_sensor": _rcm_sensor, "short": _short,
        "diode": _diode, "pilot": _pilot, "floating": _floating, "temperature": _temperature,
        "adc": _adc, "ev_meter": _ev_meter, "contactor": _contactor, "wiring": _wiring,
        "lock": _lock, "card": _card, "quirk": _quirk,
    }
