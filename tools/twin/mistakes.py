"""What people do wrong with a bus, for the running twin: wiring, settings of meters, transformers.

Each mistake is a command of the world, made and mended at run time.
"""

import asyncio

from twin import peer
from twin.arguments import BadCommand, flag, number
from twin.meter import MeterServer, entry

_ASKED = 60  # by the second master; nobody has this address
_ASKS_S = 0.5
_BAUD_MIN, _BAUD_MAX = 300, 1_000_000
_PARITIES = (None, "E", "O")


class Mistakes:
    """The mistakes on ``bus``; ``meters`` maps mains, circuit and ev to their Instruments."""

    def __init__(self, bus, meters):
        self._bus = bus
        self._meters = meters
        self._twins = {}  # name of the meter -> (port, server) of the second at its address
        self._master = None
        self._tasks = set()

    def state(self):
        """What is wrong now."""
        return {"mistakes": {
            "noise": self._bus.noise, "second_master": self._master is not None,
            "meters": {name: {
                "address": one.address, "kind": one.kind, "swapped": one.port.swapped,
                "baud": one.port.setting[0], "parity": one.port.setting[1],
                "order": [phase + 1 for phase in one.order], "sign": one.sign,
                "twice": name in self._twins} for name, one in self._meters.items()}}}

    async def close(self):
        """End what the mistakes have started."""
        if self._master:
            self._second_master(False)
        for name in list(self._twins):
            self._duplicate(name, False)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _meter(self, name):
        if name not in self._meters:
            raise BadCommand("the meters are %s" % ", ".join(self._meters))
        if self._meters[name].kind == "Sensorbox":
            raise BadCommand("the %s meter is a Sensorbox" % name)
        return self._meters[name]

    def _do(self, coroutine):
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ---- the meter ----

    def _meter_line(self, meter, baud=9600, parity=None, swapped=False):
        port = self._meter(meter).port
        if parity not in _PARITIES:
            raise BadCommand("parity is null, E or O")
        port.configure(number(baud, _BAUD_MIN, _BAUD_MAX), parity)
        port.swapped = flag(swapped)

    def _meter_is(self, meter, address=None, kind=None):
        one = self._meter(meter)
        if kind is not None:
            try:
                entry(kind)
            except ValueError as problem:
                raise BadCommand(str(problem)) from None
            one.kind = kind
        if address is not None:
            one.address = number(address, 1, 247)
        old = one.server
        one.server = MeterServer(one.port.path, one.address, one.measure, one.kind)
        self._do(_exchange(old, one.server))

    def _duplicate(self, meter, on=True):
        one = self._meter(meter)
        if flag(on) == (meter in self._twins):
            return
        if on:
            port = self._bus.join("second %s" % one.name, *one.port.setting)
            server = MeterServer(port.path, one.address, one.measure, one.kind)
            self._twins[meter] = port, server
            self._do(server.start())
        else:
            port, server = self._twins.pop(meter)
            self._do(self._remove(port, server))

    async def _remove(self, port, server):
        await server.close()
        self._bus.leave(port)

    def _ct(self, meter, reversed=(), order=(1, 2, 3)):  # noqa: A002
        one = self._meter(meter)
        if sorted(order) != [1, 2, 3] or not set(reversed) <= {1, 2, 3}:
            raise BadCommand("order has 1, 2 and 3, reversed some of them")
        one.order = [phase - 1 for phase in order]
        one.sign = [-1 if place in reversed else 1 for place in (1, 2, 3)]

    # ---- the bus ----

    def _noise(self, rate):
        self._bus.noise = number(rate, 0, 1)

    def _second_master(self, on=True):
        if flag(on) == (self._master is not None):
            return
        if on:
            port = self._bus.connect("second master", lambda *_: None)
            self._master = asyncio.ensure_future(_ask_for_ever(port)), port
        else:
            task, port = self._master
            self._master = None
            task.cancel()
            self._bus.leave(port)

    COMMANDS = {
        "meter_line": _meter_line, "meter_is": _meter_is, "duplicate": _duplicate, "ct": _ct,
        "noise": _noise, "second_master": _second_master,
    }


async def _exchange(old, new):
    await old.close()
    await new.start()


async def _ask_for_ever(port):
    request = peer.sealed(bytes([_ASKED, peer.READ_INPUT, 0, 0, 0, 2]))
    while True:
        port.send(request)
        await asyncio.sleep(_ASKS_S)
