"""The site in real time: house, sun, battery and what else hangs on the circuit; its commands."""

from twin import day
from twin.arguments import AMP_LIMIT, flag, milliamps, number, three
from twin.instrument import Instrument
from twin.site import Site


class Grid:
    """One Site, moved by commands or by the recorded day, with its two meters.

    ``speed`` is that of the recorded day; everything else lives in real time.
    """

    def __init__(self, speed=1.0, recorded=False):
        self.site = Site()
        self.meter = Instrument("mains meter", self.site, self.site.mains_ma)
        self.circuit_meter = Instrument("circuit meter", self.site, self.site.circuit_ma)
        self.speed = speed
        self.recorded = recorded
        self._day_s = 8.0 * 3600
        self._manual_load = [2.0, 1.0, 1.0]
        self._manual_sun = 0.0
        self._day = day.read(day.RECORDED)

    def advance(self, elapsed):
        """Let ``elapsed`` seconds pass."""
        site = self.site
        if self.recorded:
            self._day_s = (self._day_s + elapsed * self.speed) % day.DAY_S
            row = day.at(self._day, self._day_s)
            watts = 1000 / site.volts
            site.load_ma = [int(value * watts) for value in row[1:4]]
            site.pv_ma = [int(value * watts) for value in row[4:7]]
        else:
            site.load_ma = milliamps(self._manual_load)
            site.pv_ma = [int(self._manual_sun * 1000)] * 3
        self.meter.count(elapsed)
        self.circuit_meter.count(elapsed)

    def state(self):
        """What the world page shows of it; currents in A."""
        site = self.site
        return {
            "site": {"volts": site.volts,
                     "load_a": _amps(site.load_ma),
                     "sun_a": _amps(site.pv_ma),
                     "battery_a": _amps(site.battery_ma),
                     "circuit_load_a": _amps(site.circuit_load_ma),
                     "circuit_a": _amps([site.circuit_ma(phase) for phase in range(3)]),
                     "ev_a": _amps([site.ev_ma(phase) for phase in range(3)]),
                     "mains_a": _amps([site.mains_ma(phase) for phase in range(3)])},
            "meter": self.meter.state(),
            "circuit_meter": self.circuit_meter.state(),
            "day": {"recorded": self.recorded, "second": int(self._day_s),
                    "speed": self.speed},
        }

    def _load(self, amps):
        self._manual_load = three(amps, "load")
        self.recorded = False

    def _sun(self, amps):
        self._manual_sun = number(amps, 0, AMP_LIMIT)
        self.recorded = False

    def _battery(self, amps):
        self.site.battery_ma = milliamps(three(amps, "battery"))

    def _circuit(self, amps):
        self.site.circuit_load_ma = milliamps(three(amps, "circuit"))

    def _recorded(self, on=True, hour=None):
        self.recorded = flag(on)
        if hour is not None:
            self._day_s = number(hour, 0, 24) * 3600 % day.DAY_S

    def _speed(self, factor):
        self.speed = number(factor, 0.1, 3600)

    def _meter(self, on):
        self.meter.switch(on)

    def _circuit_meter(self, on):
        self.circuit_meter.switch(on)

    COMMANDS = {
        "load": _load, "sun": _sun, "battery": _battery,
        "circuit": _circuit, "recorded": _recorded, "speed": _speed,
        "meter": _meter, "circuit_meter": _circuit_meter,
    }


def _amps(milliamps_):
    return [value / 1000 for value in milliamps_]
