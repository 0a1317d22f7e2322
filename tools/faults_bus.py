"""Runs on MicroPython: faults of the bus, of what is on it, and of the site's meters."""

import asyncio

from evse.bus.rtu import crc16
from evse.charging import faults
from faults_case import Fault, Unwell, both, empty, offers, opens, silent, told

_LOST_MS = 13_000  # a sample holds for 11 s
_UNSEEN_MS = 20_000  # that, and the car's 6 s
_NODE_OPEN_MS = 20_000  # it stops after 11 s without its Master, and the car has 6 s
_CIRCUIT_A = 40


def _mains(name, value):
    return lambda site: setattr(site.mains, name, value)


def _ev(name, value):
    return lambda site: setattr(site.ev, name, value)


def _noise(share):
    """Every so manieth byte is spoilt; 0 ends it."""
    def do(site):
        site.line.noise = (lambda number: number % share == 0) if share else None
    return do


def _house(amps):
    return lambda site: setattr(site.ground, "load_ma", [1000 * amps] * 3)


def _talk(data, every_ms):
    """Somebody sends ``data`` each ``every_ms``, as long as there is ``site.disturbed``."""
    def do(site):
        port = site.line.join()

        async def talk():
            while site.disturbed:
                port.write(data)
                await asyncio.sleep_ms(every_ms)
        site.disturbed = True
        site.clock.owned(talk(), None)
    return do


def _calm(site):
    site.disturbed = False


def _refuse(site):
    def refuse(_data):
        raise OSError(5)
    site.charger.port.write = refuse


def _accept(site):
    del site.charger.port.write


def _jumps(site):
    """The meter is 12 A wrong to either side, changing with each answer."""
    sign = [1]

    def twist(milliamps):
        sign[0] = -sign[0]
        return milliamps + 12_000 * sign[0]
    site.mains.twist = twist


def _sealed(*body):
    crc = crc16(bytes(body), 0, len(body))
    return bytes(body) + bytes((crc & 0xFF, crc >> 8))


_REFUSAL = _sealed(10, 0x84, 2)
_STRANGER = _sealed(11, 4, 4, 0, 0, 0, 0)
_RUBBISH = bytes((0x55, 0xAA, 0x0A, 4, 255, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9))
_QUESTION = _sealed(60, 4, 0, 0, 0, 2)

_METERS = (
    Fault("Mains meter silent", "ends the offer", _mains("on", False), _mains("on", True), silent,
          _LOST_MS, over_ms=_UNSEEN_MS),
    Fault("Mains meter refuses every request", "ends the offer", _mains("raw", _REFUSAL),
          _mains("raw", None), silent, _LOST_MS, over_ms=_UNSEEN_MS),
    Fault("Another meter answers in its place", "ends the offer", _mains("raw", _STRANGER),
          _mains("raw", None), silent, _LOST_MS, over_ms=_UNSEEN_MS),
    Fault("Mains meter sends rubbish", "ends the offer", _mains("raw", _RUBBISH),
          _mains("raw", None), silent, _LOST_MS, over_ms=_UNSEEN_MS),
    Fault("Mains meter sends what is no number", "ends the offer",
          _mains("twist", lambda _: float("nan")), _mains("twist", None), silent,
          _LOST_MS, over_ms=_UNSEEN_MS),
    Fault("Mains meter sends infinity", "ends the offer",
          _mains("twist", lambda _: float("inf")), _mains("twist", None), silent,
          _LOST_MS, over_ms=_UNSEEN_MS),
    Fault("Mains meter shows 5000 A", "ends the offer", _mains("twist", lambda _: 5_000_000),
          _mains("twist", None), silent, _LOST_MS, over_ms=_UNSEEN_MS),
    Fault("Mains meter shows 10 A too much", "offers less",
          _mains("twist", lambda milliamps: milliamps + 10_000), _mains("twist", None),
          offers(15), 4000),
    Fault("Mains meter jumps 12 A up and down", "offers less", _jumps, _mains("twist", None),
          offers(15), 4000),
    Fault("Mains meter negative", "goes on, never above MAX",
          _mains("twist", lambda milliamps: -milliamps), _mains("twist", None)),
    Fault("Mains meter freezes", "goes on, never above MAX", lambda site: site.mains.freeze(),
          _mains("frozen", None), lasts_ms=30_000),
    Fault("Mains meter shows 0 A", "goes on, never above MAX",
          _mains("twist", lambda _: 0), _mains("twist", None)),
    Fault("EV meter silent", "tells, goes on", _ev("on", False), _ev("on", True),
          told(faults.EV_NOCOMM), 70_000, wh=None),
    Fault("EV meter freezes", "goes on", lambda site: site.ev.freeze(), _ev("frozen", None),
          lasts_ms=30_000, wh=None),
    Fault("EV meter shows 0 A from the start", "tells", both(
        _ev("twist", lambda _: 0), lambda site: site.charger.world.plug()),
          _ev("twist", None), told(faults.NO_CURRENT), 75_000, before=empty, wh=None),
    Fault("EV meter shows twice as much", "offers less",
          _ev("twist", lambda milliamps: 2 * milliamps),
          both(_ev("twist", None), lambda site: site.charger.world.unplug(True),
                lambda site: site.charger.world.plug()), offers(15), 12_000, wh=None),
    Fault("EV meter shows 9 A while nothing charges", "tells, does not close",
          _ev("twist", lambda _: 9000),
          both(_ev("twist", None), lambda site: site.charger.world.plug()),
          told(faults.WELDED), 10_000, before=empty, wh=None,
          hand=lambda site: site.charger.core.command("fault", "reset", "LCD")),
)

_LOADS = (
    Fault("The house takes 15 A more", "offers less", _house(17), _house(2), offers(10), 4000),
    Fault("The house alone takes more than the mains", "opens", _house(30), _house(2), opens,
          20_000, over_ms=60_000),
)

_LINE = (
    Fault("Bus shorted: no byte is right", "ends the offer", _noise(1), _noise(0), silent,
          _LOST_MS, over_ms=_UNSEEN_MS),
    Fault("Bus cut at the charger", "ends the offer",
          lambda site: setattr(site.charger.port, "cut", True),
          lambda site: setattr(site.charger.port, "cut", False), silent, _LOST_MS,
          over_ms=_UNSEEN_MS),
    Fault("One byte in 97 spoilt", "goes on", _noise(97), _noise(0), lasts_ms=60_000),
    Fault("One byte in 11 spoilt", "ends the offer", _noise(11), _noise(0), silent, 30_000),
    Fault("Somebody talks without end", "ends the offer", _talk(_RUBBISH, 12), _calm, silent,
          30_000),
    Fault("A second master asks twice a second", "goes on", _talk(_QUESTION, 500), _calm,
          lasts_ms=60_000),
    Fault("The bus driver refuses to send", "ends the offer", _refuse, _accept, silent, _LOST_MS,
          over_ms=_UNSEEN_MS),
)


async def _sharing(site):
    """Before the fault: the Master and its two nodes charge."""
    site.judge.circuit_ma = 1000 * _CIRCUIT_A
    for number in range(3):
        if not await site.charge(number):
            raise Unwell("charger %d did not charge" % number)
    await asyncio.sleep_ms(20_000 + site.moment_ms)


def _all_draw(site):
    return all(charger.draws() for charger in site.chargers)


def _node_open(site):
    return site.chargers[1].open()


def _nodes_open(site):
    return site.chargers[1].open() and site.chargers[2].open()


def _cut(on):
    return lambda site: setattr(site.chargers[1].port, "cut", on)


def _circuit(amps):
    """The cable of all may carry so much from now on; the judge wants it as soon as it may."""
    def do(site):
        site.charger.core.command("set", ("circuit", amps), "LCD")
        site.judge.circuit_ma = 1000 * amps
    return do


def _among(*arguments, **keywords):
    return Fault(*arguments, before=_sharing, nodes=2, back=_all_draw, when="three charge",
                 **keywords)


_NODES = (
    _among("A node loses its power", "opens there", lambda site: site.chargers[1].off(),
           lambda site: site.chargers[1].back(), _node_open, 20),
    _among("A node restarts while the current is handed over", "opens there",
           both(_circuit(20), lambda site: site.chargers[1].down("watchdog")), None, _node_open,
           20, stays=False, settings=False),
    _among("A node is cut off the line", "opens there", _cut(True), _cut(False), _node_open,
           _NODE_OPEN_MS),
    _among("The Master loses its power", "opens at the nodes", lambda site: site.charger.off(),
           lambda site: site.charger.back(), _nodes_open, _NODE_OPEN_MS),
    _among("The Master restarts", "opens there", lambda site: site.charger.down("watchdog"),
           None, opens, 20, stays=False, lasts_ms=2000),
    _among("The line to all nodes is cut", "opens at the nodes",
           lambda site: setattr(site.charger.port, "cut", True),
           lambda site: setattr(site.charger.port, "cut", False), _nodes_open, _NODE_OPEN_MS,
           wh=40),
    _among("A node's regulation fails", "opens there",
           lambda site: setattr(site.chargers[1].core, "regulate", _fail), None, _node_open,
           20_000, stays=False),
    _among("One byte in 97 spoilt among three", "goes on", _noise(97), _noise(0),
           lasts_ms=60_000),
)


def _fail(*_arguments):
    raise RuntimeError("made by the campaign")


FAULTS = (("Meters", _METERS), ("Loads", _LOADS), ("The bus", _LINE), ("Several chargers", _NODES))
