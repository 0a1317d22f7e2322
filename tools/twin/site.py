"""The site: house, circuit, sun, battery, and the chargers on it. Pure; runs anywhere.

Currents are mA per phase (L1, L2, L3 of the grid connection), time is ms since the start. What the
chargers cannot know is true here: mains = load + circuit load + cars + battery - sun, and
circuit = circuit load + cars.
"""


class Site:
    """One grid connection. ``worlds`` are what hangs on each charger, in their order."""

    def __init__(self, volts=230):
        self.volts = volts
        self.load_ma = [0, 0, 0]
        self.circuit_load_ma = [0, 0, 0]
        self.battery_ma = [0, 0, 0]
        self.pv_ma = [0, 0, 0]
        self.worlds = []

    def ev_ma(self, phase):
        """Current of all cars on phase 0, 1 or 2."""
        total = 0
        for world in self.worlds:
            total += world.amps()[phase]
        return total

    def circuit_ma(self, phase):
        """True current of the circuit the chargers are on."""
        return self.circuit_load_ma[phase] + self.ev_ma(phase)

    def mains_ma(self, phase):
        """True current of the grid connection; negative feeds the grid."""
        return (self.load_ma[phase] + self.circuit_ma(phase) + self.battery_ma[phase]
                - self.pv_ma[phase])

    def next_change(self):
        """(moment, world) of the next change nobody commands; (None, None) without one."""
        soonest = place = None
        for world in self.worlds:
            moment = world.next_change()
            if moment is not None and (soonest is None or moment < soonest):
                soonest, place = moment, world
        return soonest, place
