"""A meter of the running twin: what it measures, what it counts, whether it is on the bus."""

from twin.arguments import BadCommand, flag
from twin.meter import MeterReading


class Instrument:
    """The meter ``name`` at ``site``, measuring ``current(phase)`` in mA.

    ``kind``, ``address``, ``server`` and ``port`` say what it is on the bus, where there is one.
    ``order`` has the phase in each of its places, ``sign`` how its transformer points there: wrong
    in wrong installations.
    """

    def __init__(self, name, site, current):
        self.name = name
        self.kind = None
        self.address = 0
        self.server = None
        self.port = None
        self.order = [0, 1, 2]
        self.sign = [1, 1, 1]
        self.reading = MeterReading()
        self._site = site
        self._current = current

    @property
    def on(self):
        """True while it is on the bus."""
        return self.port is not None and self.port.attached

    def switch(self, on):
        """Take it off the bus, or put it back."""
        if self.port is None:
            raise BadCommand("there is no %s" % self.name)
        self.port.attached = flag(on)

    def measure(self):
        """The reading at this moment."""
        reading = self.reading
        reading.volts = self._site.volts
        reading.amps_ma = [sign * self._current(phase)
                           for phase, sign in zip(self.order, self.sign)]
        return reading

    def count(self, seconds):
        """Let ``seconds`` pass at the present currents."""
        self.measure().count(seconds)

    async def close(self):
        """Let its server leave the bus."""
        await self.server.close()

    def state(self):
        """What the world page shows of it."""
        return {"on": self.on, "kind": self.kind, "address": self.address,
                "import_wh": round(self.reading.import_wh, 1),
                "export_wh": round(self.reading.export_wh, 1)}
