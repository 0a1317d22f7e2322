"""The world in real time: driven by the clock, tied to the firmware, steered by commands."""

import asyncio
import time

from twin import car as cars
from twin.arguments import AMP_LIMIT, BadCommand, milliamps, number
from twin.contactors import FINE, STUCK, WELDED
from twin.lock import KINDS
from twin.record import Record
from twin.world import PP_MV

TICK_S = 0.01
RECORD_S = 0.1
CHOICES = {
    "models": list(cars.MODELS),
    "cables": list(PP_MV),
    "wakes": list(cars.WAKES),
    "locks": list(KINDS),
    "contactor_faults": [FINE, WELDED, STUCK],
}


class Clock:
    """Milliseconds since the twin began."""

    def __init__(self):
        self._began = time.monotonic()

    def __call__(self):
        return int((time.monotonic() - self._began) * 1000)


class LiveWorld:
    """A Grid and the plugs on it, moved by the clock.

    ``chargers`` has for each plug what drives it, where it can be killed and started again;
    without, the plugs are on their own. ``state`` is what the page shows, ``command`` what it may
    change; both look at one plug, the page at all of them in ``chargers``. ``monitor`` listens on
    the bus, None without one. ``places`` are others with commands and something to show.
    """

    def __init__(self, grid, plugs, monitor=None):
        self.grid = grid
        self.plugs = plugs
        self.chargers = []
        self.places = []
        self.monitor = monitor
        self.record = Record(grid.site, plugs)

    async def run(self):
        """Let time pass."""
        last = recorded = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            elapsed, last = now - last, now
            self.grid.advance(elapsed)
            for plug in self.plugs:
                plug.tick(elapsed)
            if now - recorded >= RECORD_S:
                self.record.sample(now - recorded)
                recorded = now

    def _places(self, evse):
        """Whose commands and states there are, as far as charger ``evse`` goes."""
        if isinstance(evse, bool) or not isinstance(evse, int) or \
                not 0 <= evse < len(self.plugs):
            raise BadCommand("evse is a number from 0 to %d" % (len(self.plugs) - 1))
        return [self.plugs[evse], self.grid, self, *self.chargers[evse:evse + 1], *self.places]

    def state(self, evse=0):
        """Everything worth seeing of the site and of charger ``evse``; currents in A."""
        self._places(evse)
        state = {"evse": evse, **self.plugs[evse].state(), **self.grid.state()}
        state["site"]["record"] = self.record.state()
        state["bus"] = self.monitor and self.monitor.state()
        for place in self.places:
            state.update(place.state())
        state["chargers"] = [plug.summary() for plug in self.plugs]
        for shown, charger in zip(state["chargers"], self.chargers):
            shown.update(charger.state())
        return {**state, **CHOICES}

    def command(self, name, arguments):
        """Carry out a command of the page; BadCommand names what is wrong with it."""
        arguments = dict(arguments)
        places = self._places(arguments.pop("evse", 0))
        owner = next((place for place in places if name in place.COMMANDS), None)
        if owner is None:
            known = sorted(known for place in places for known in place.COMMANDS)
            raise BadCommand("no command is called %s; there are %s" % (name, ", ".join(known)))
        for plug in self.plugs:
            plug.advance()
        try:
            owner.COMMANDS[name](owner, **arguments)
        except TypeError:
            raise BadCommand("%s does not take %s"
                             % (name, ", ".join(arguments) or "no arguments")) from None
        self.grid.advance(0)
        for plug in self.plugs:
            plug.sense()

    def _record(self, mains=None, circuit=None):
        limits = [None if amps is None else number(amps, 0, AMP_LIMIT)
                  for amps in (mains, circuit)]
        self.record.begin(*[amps if amps is None else milliamps([amps])[0] for amps in limits])
        if self.monitor:
            self.monitor.watch()

    COMMANDS = {"record": _record}
