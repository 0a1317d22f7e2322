"""The site: house, sun, battery, contactors, pilot line and the car. Pure; runs on any Python.

Currents are mA per phase (L1, L2, L3), time is ms since the start. What the charger cannot know is
true here: mains = load + circuit load + car + battery - sun.
"""

OPEN_MV = 12000
PP_OPEN_MV = 3300
PP_MV = {"none": PP_OPEN_MV, "13 A": 2600, "16 A": 1336, "32 A": 595, "63 A": 300}


class World:
    """The true state of everything outside the charger.

    The firmware's outputs go in by ``outputs``; time by ``advance``. Nothing changes by itself
    before ``next_change``.
    """

    def __init__(self, car, volts=230):
        self.now = 0
        self.volts = volts
        self.car = car
        self.load_ma = [0, 0, 0]
        self.circuit_ma = [0, 0, 0]
        self.battery_ma = [0, 0, 0]
        self.pv_ma = [0, 0, 0]
        self.duty = 65536
        self.connect = False
        self.c1 = False
        self.c2 = False
        self.lock = False
        self.short = False
        self.resistor_mv = None  # forces the pilot's high level, for levels no sane car makes
        self.cable = "32 A"
        self.closings = 0
        self.openings_under_load = 0

    def outputs(self, duty, connect, c1, c2):
        """What the charger drives from now on."""
        if c1 and not self.c1:
            self.closings += 1
        elif self.c1 and not c1 and self.car.draw_ma > 1000:
            self.openings_under_load += 1
        self.duty = duty
        self.connect = connect
        self.c1 = c1
        self.c2 = c2
        # Contactor 1 switches all wired phases; the second one is not fitted (setting c2).
        self.car.see(duty, connect, c1, self.now)

    def replace_car(self, car):
        """Swap the car for another model; it starts unplugged."""
        self.car.unplug(self.now)
        self.car = car
        car.unplug(self.now)
        car.see(self.duty, self.connect, self.c1, self.now)

    def plug(self):
        """Plug the car in."""
        self.car.plug(self.now)

    def unplug(self):
        """Unplug the car."""
        self.car.unplug(self.now)

    def next_change(self):
        """Moment of the car's next own change, or None."""
        return self.car.next_change(self.volts)

    def advance(self, now):
        """Bring the world to ``now``, through every change on the way."""
        while True:
            change = self.car.next_change(self.volts)
            moment = now if change is None or change > now else change
            self.now = moment
            self.car.step(moment, self.volts)
            if change is None or change > now:
                return

    def ev_ma(self, phase):
        """Current of the car on phase 0, 1 or 2."""
        return self.car.draw_ma if phase in self.car.phases else 0

    def mains_ma(self, phase):
        """True current of the grid connection; negative feeds the grid."""
        return (self.load_ma[phase] + self.circuit_ma[phase] + self.ev_ma(phase)
                + self.battery_ma[phase] - self.pv_ma[phase])

    def pilot_mv(self):
        """(high, low): the pilot's voltage with the PWM high and low, in mV."""
        car = self.car
        if not self.connect or self.short:
            return 0, 0
        if self.resistor_mv is not None:
            high = self.resistor_mv
        elif not car.plugged:
            return OPEN_MV, -OPEN_MV
        else:
            high = 6000 if car.drawing_state else 9000
        return high, -OPEN_MV if car.diode or not car.plugged else -high

    def proximity_mv(self):
        """Voltage of the proximity pin."""
        return PP_MV[self.cable] if self.car.plugged else PP_OPEN_MV
