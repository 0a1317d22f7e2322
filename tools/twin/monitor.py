"""What goes over the bus, as somebody sees who only listens."""


class Monitor:
    """Hears ``bus``; ``watch`` begins anew.

    The answers of the mains meter are its measure of the cycle: ``gaps`` has how often, and the
    longest time between two of them, in seconds of the loop's clock.
    """

    def __init__(self, bus, mains):
        self._bus = bus
        self._mains = mains  # name of the mains meter's port
        self._last = None
        self.answers = 0
        self.longest_s = 0.0
        bus.monitor = self._heard

    def watch(self):
        """Count from now on."""
        self._bus.reset()
        self._last = None
        self.answers = 0
        self.longest_s = 0.0

    def _heard(self, name, data, began, ended):
        if name != self._mains:
            return
        if self._last is not None:
            self.longest_s = max(self.longest_s, ended - self._last)
        self._last = ended
        self.answers += 1

    def state(self):
        """What the world page shows of it."""
        bus = self._bus
        return {"load": round(bus.load(), 3), "bytes": bus.bytes, "collisions": bus.collisions,
                "mains_answers": self.answers, "longest_gap_s": round(self.longest_s, 2)}
