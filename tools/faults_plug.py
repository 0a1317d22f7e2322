"""Runs on MicroPython: faults at the plug: pilot, contactors, lock, sensors and the car."""

import asyncio

from evse.charging import faults
from faults_case import Fault, both, connected, empty, offers, opens, silent, told
from twin import hands
from twin.contactors import FINE, STUCK, WELDED


def _world(name, value):
    return lambda site: hands.put(_at(site), name, value)


def _car(name, value):
    return lambda site: hands.quirk(_at(site), name, value)


def _at(site):
    world = site.charger.world
    world.advance(site.clock.ms)
    return world


def _board(name, value):
    def do(site):
        setattr(site.charger.board, name, value)
    return do


def _pause(site):
    site.charger.core.command("access", "Pause", "REST")


def _go(site):
    site.charger.core.command("access", "On", "REST")


def _reset(site):
    site.charger.core.command("fault", "reset", "LCD")


def _plug(site):
    _at(site).plug()


def _unplug(site):
    _at(site).unplug(at_car=True)


def _bursts(site):
    """A short of 25 ms each 300 ms, as long as there are ``site.disturbed``."""
    async def disturb():
        while site.disturbed:
            hands.put(_at(site), "short", True)
            await asyncio.sleep_ms(25)
            hands.put(_at(site), "short", False)
            await asyncio.sleep_ms(275)
    site.disturbed = True
    site.clock.owned(disturb(), None)


def _flaps(site):
    """The pilot goes between 9 and 6 V each 200 ms."""
    async def flap():
        while site.disturbed:
            hands.put(_at(site), "pilot_mv", 9000)
            await asyncio.sleep_ms(200)
            hands.put(_at(site), "pilot_mv", 6000)
            await asyncio.sleep_ms(200)
        hands.put(_at(site), "pilot_mv", None)
    site.disturbed = True
    site.clock.owned(flap(), None)


def _calm(site):
    site.disturbed = False


_PILOT = (
    Fault("Pilot short to earth", "opens", _world("short", True), _world("short", False),
          opens, 100),
    Fault("Pilot wire broken: +12 V", "opens", _world("pilot_mv", 12000),
          _world("pilot_mv", None), opens, 100),
    Fault("Pilot stuck at 9 V", "opens", _world("pilot_mv", 9000), _world("pilot_mv", None),
          opens, 100),
    Fault("Pilot stuck at 3 V", "opens", _world("pilot_mv", 3000), _world("pilot_mv", None),
          opens, 1150),
    Fault("Pilot at -5 V, which is no level", "opens", _world("pilot_mv", -5000),
          _world("pilot_mv", None), opens, 1150),
    Fault("Diode lost", "opens", _car("diode", False), _car("diode", True), opens, 1150),
    Fault("Converter gives nothing", "opens", _board("blind", True), _board("blind", False),
          opens, 1200),
    Fault("Noise of 0.3 V on the pilot", "goes on", _board("noise_mv", 300),
          _board("noise_mv", 0), lasts_ms=30_000),
    Fault("One in five conversions lost", "goes on", _board("reject_pct", 20),
          _board("reject_pct", 0), lasts_ms=30_000),
    Fault("Shorts of 25 ms, three a second", "goes on", _bursts, _calm, lasts_ms=30_000),
    Fault("Pilot flaps between 9 and 6 V", "opens", _flaps, _calm, opens, 100, stays=False),
    Fault("Pilot stuck at 12 V, then a car", "does not close",
          both(_world("pilot_mv", 12000), _plug), _world("pilot_mv", None),
          never_ms=15_000, before=empty),
    Fault("Pilot stuck at 6 V, then a car", "does not close",
          both(_world("pilot_mv", 6000), _plug), _world("pilot_mv", None),
          never_ms=15_000, before=empty),
    Fault("Car without a diode", "does not close", both(_car("diode", False), _plug),
          _car("diode", True), never_ms=15_000, before=empty),
)

_SENSORS = (
    Fault("Proximity pin open while charging", "goes on", _world("cable", "none"),
          _world("cable", "32 A"), setup={"config": "Socket"}),
    Fault("Proximity pin open, then a car", "offers at most 13 A",
          both(_world("cable", "none"), _plug), _world("cable", "32 A"),
          lambda site: not silent(site) and offers(13)(site), 6000, before=empty,
          setup={"config": "Socket"}),
    Fault("Temperature sensor jumps to 125 degrees", "ends the offer", _world("temp_c", 125),
          _world("temp_c", 25), silent, 600),
    Fault("Board at its limit of temperature", "ends the offer", _world("temp_c", 65),
          _world("temp_c", 25), silent, 600),
    Fault("Board 5 degrees below its limit", "offers at most 11 A", _world("temp_c", 60),
          _world("temp_c", 25), offers(11), 1500),
    Fault("Temperature sensor says -40 degrees", "goes on", _world("temp_c", -40),
          _world("temp_c", 25)),
    Fault("Residual current", "opens", _world("rcm", True), _world("rcm", False), opens, 50,
          hand=_reset),
    Fault("Residual current while nothing charges", "tells", _world("rcm", True),
          _world("rcm", False), told(faults.RCM_TRIPPED), 600, before=connected,
          hand=both(_reset, _go)),
    Fault("Residual current monitor missing, then a car", "does not close",
          both(_world("rcm_fitted", False), lambda site: site.charger.down("power"), _plug),
          _world("rcm_fitted", True), never_ms=20_000, before=empty),
)

_SWITCHES = (
    Fault("Contactor 1 welded, the car draws on", "opens, then tells",
          both(_world("contactor_1", WELDED), _car("ignores_stop", True), _pause),
          both(_world("contactor_1", FINE), _car("ignores_stop", False), _go),
          told(faults.WELDED), 12_000, hand=_reset, wh=60),
    Fault("Contactor 2 welded, one phase wanted", "opens, then tells",
          both(_world("contactor_2", WELDED), _plug), _world("contactor_2", FINE),
          lambda site: site.charger.faults() & faults.WELDED and site.charger.open(), 25_000,
          before=empty, setup={"contact_2": "Always Off"}, hand=_reset),
    Fault("Contactor 1 does not close, then a car", "tells", both(
        _world("contactor_1", STUCK), _plug), _world("contactor_1", FINE),
          told(faults.NO_CURRENT), 75_000, before=empty, wh=None),
    Fault("Contactor 1 falls open while charging", "goes on", _world("contactor_1", STUCK),
          _world("contactor_1", FINE)),
    Fault("Contactor 2 does not close, then a car", "charges with one phase", both(
        _world("contactor_2", STUCK), _plug), _world("contactor_2", FINE),
          lambda site: site.charger.draws(), 25_000, before=empty,
          setup={"contact_2": "Always On"}),
    Fault("Lock jammed, then a car", "does not close", both(_world("jammed", True), _plug),
          _world("jammed", False), never_ms=15_000, before=empty,
          setup={"config": "Socket", "lock": "Solenoid"}),
    Fault("Lock jammed, the car leaves", "tells", both(_world("jammed", True), _unplug),
          both(_world("jammed", False), _plug), told(faults.LOCK_STUCK), 40_000,
          setup={"config": "Socket", "lock": "Motor"}),
)

_CARS = (
    Fault("Unplugged under load", "opens", _unplug, _plug, opens, 100),
    Fault("Car takes 3 A too much", "offers at most 13 A", _car("over_da", 30),
          both(_car("over_da", 0), _unplug, _plug), offers(13), 10_000),
    Fault("Car ignores the offer, the house needs 20 A", "opens",
          both(_car("ignores_offer", True),
                lambda site: setattr(site.ground, "load_ma", [20_000] * 3)),
          both(_car("ignores_offer", False),
                lambda site: setattr(site.ground, "load_ma", [2000] * 3)), opens, 30_000,
          stays=False, over_ms=30_000),
    Fault("Car ignores the end of the offer", "opens", both(_car("ignores_stop", True), _pause),
          both(_car("ignores_stop", False), _go), opens, 6150),
    Fault("Car sleeps and does not take the offer", "does not close",
          both(_car("wake", "never"), _plug, _car("asleep", True)), both(
              _car("wake", None), _car("asleep", False)), never_ms=15_000,
          before=empty),
)

FAULTS = (("The pilot", _PILOT), ("Sensors", _SENSORS), ("Contactors and lock", _SWITCHES),
          ("The car", _CARS))
