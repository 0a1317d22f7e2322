"""What hangs on one charger: contactors, pilot line, lock, cable and the car. Pure; runs anywhere.

Currents are mA per phase, time is ms since the start.
"""

from twin.car import UJ_PER_WH
from twin.card import NO_CARD
from twin.contactors import Contactors
from twin.lock import Lock
from twin.site import Site

OPEN_MV = 12000
PP_OPEN_MV = 3300
PP_MV = {"none": PP_OPEN_MV, "13 A": 2600, "16 A": 1336, "32 A": 595, "63 A": 300}


_UNKNOWN = -1  # a moment that has still to be worked out


class World:
    """The true state of everything one charger deals with, on ``site`` or on one of its own.

    The firmware's outputs go in by ``outputs`` and ``drive_lock``; time by ``advance``. Nothing
    changes by itself before ``next_change``. ``rotation`` has for each of the charger's phases the
    phase of the site it is connected to.
    """

    def __init__(self, car, site=None):
        self.now = 0
        self.site = site or Site()
        self.site.worlds.append(self)
        self.number = len(self.site.worlds) - 1
        self.car = car
        self.rotation = (0, 1, 2)
        self.duty = 65536
        self.connect = False
        self.contactors = Contactors()
        self.lock = Lock()
        self.short = False
        self.resistor_mv = None  # forces the pilot's high level, for levels no sane car makes
        self.floating_mv = 0  # what an open pilot line is read as
        self.cable = "32 A"
        self.in_socket = False  # the cable's plug at the charger's end
        self.temp_c = 25
        self.rcm = False  # a residual current flows
        self.rcm_fitted = True
        self.switch = False
        self.card = NO_CARD
        self._next = _UNKNOWN
        self._amps = None

    @property
    def c1(self):
        """True while contactor 1 is commanded closed."""
        return self.contactors.c1

    @property
    def c2(self):
        """True while contactor 2 is commanded closed."""
        return self.contactors.c2

    def outputs(self, duty, connect, c1, c2):
        """What the charger drives from now on."""
        self.contactors.command(c1, c2, self.car.draw_ma)
        self.duty = duty
        self.connect = connect
        self.touch()

    def power_off(self):
        """The charger has no power: contactors drop out, the pilot line hangs loose."""
        self.contactors.command(False, False, 0)
        self.duty = 65536
        self.connect = False
        self.drive_lock(0)
        self.touch()

    def touch(self):
        """Let the car see what the line and the contactors are like now."""
        self.car.see(self.duty, self.connect, self.contactors.powered(), self.now)
        self._changed()

    def quirk(self, name, value):
        """Change a quirk of the car."""
        self.car.quirk(name, value, self.now)
        self._changed()

    def _changed(self):
        self._next = _UNKNOWN
        self._amps = None

    def drive_lock(self, direction):
        """Drive the lock: 1 lock, -1 unlock, 0 off."""
        self.lock.drive(direction, self.now)
        self._next = _UNKNOWN

    def replace_car(self, car):
        """Swap the car for another model; it starts unplugged."""
        self.car.unplug(self.now)
        self.car = car
        car.unplug(self.now)
        self.touch()

    def plug(self):
        """Plug the car in, and the cable into the socket if it was out."""
        self.in_socket = True
        self.car.plug(self.now)
        self._changed()

    def unplug(self, at_car=False):
        """Unplug at the car's end, or at the socket; False when the lock holds the plug."""
        if not at_car:
            if self.in_socket and self.lock.locked:
                return False
            self.in_socket = False
        self.car.unplug(self.now)
        self._changed()
        return True

    def next_change(self):
        """Moment of the next change nobody commands, or None."""
        if self._next == _UNKNOWN:
            change = self.car.next_change(self.site.volts)
            bolt = self.lock.next_change()
            if change is None or (bolt is not None and bolt < change):
                change = bolt
            self._next = change
        return self._next

    def advance(self, now):
        """Bring the world to ``now``, through every change on the way."""
        while True:
            change = self.next_change()
            moment = now if change is None or change > now else change
            self.now = moment
            self.car.step(moment, self.site.volts)
            self.lock.step(moment)
            if change is None or change > now:
                return
            self._changed()

    def ev_ma(self, phase):
        """Current of the car on its phase 0, 1 or 2."""
        return self.car.draw_ma if self.car.uses(phase) else 0

    def amps(self):
        """Currents of the car by the phases of the site."""
        if self._amps is None:
            self._amps = [0, 0, 0]
            for phase in range(3):
                self._amps[self.rotation[phase]] = self.ev_ma(phase)
        return self._amps

    def ev_meter(self):
        """[W, Wh] as a meter in the car's lines counts them."""
        watts = (self.car.power_mw(self.site.volts) + 500) // 1000
        return [watts, self.car.taken_uj // UJ_PER_WH]

    def pilot_mv(self):
        """(high, low): the pilot's voltage with the PWM high and low, in mV, on the car's side."""
        car = self.car
        if self.short:
            return 0, 0
        if not self.connect:
            return self.floating_mv, self.floating_mv
        if self.resistor_mv is not None:
            high = self.resistor_mv
        elif not car.plugged:
            return OPEN_MV, -OPEN_MV
        else:
            high = 6000 if car.drawing_state else 9000
        return high, -OPEN_MV if car.diode or not car.plugged else -high

    def proximity_mv(self):
        """Voltage of the proximity pin."""
        return PP_MV[self.cable] if self.in_socket else PP_OPEN_MV

    def rcm_line(self):
        """Level of the monitor's line: high on a residual current, and without a monitor."""
        return self.rcm or not self.rcm_fitted
