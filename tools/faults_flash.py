"""Runs on MicroPython: faults of the flash and of the files on it."""

import os

from evse.charging import faults
from faults_case import Fault, both, charging, empty, nothing, told
from helpers_flash import worn


def _flash(*kinds):
    """Writing to these fails, and a setting is changed meanwhile."""
    def do(site):
        site.charger.flash.failing = kinds
        if kinds:
            site.charger.core.command("set", ("backlight_max", 98), "LCD")
    return do


def _again(site):
    """The car leaves and comes again: only now files are written."""
    site.charger.world.unplug(at_car=True)
    site.charger.world.plug()


def _remembers(site):
    return site.charger.draws() and not site.charger.faults() & faults.STORAGE


def _fill(site):
    """Leave no block of the file system free."""
    with open(site.charger.folder + "/filler", "wb") as file:
        try:
            while True:
                file.write(bytes(512))
        except OSError:
            pass


def _empty(site):
    flash = site.charger.flash
    closed, flash.closed = flash.closed, lambda: False  # it is not the charger that writes
    os.remove(site.charger.folder + "/filler")
    flash.closed = closed


async def _full(site):
    """Before the fault: connected, paused; then the file system fills up."""
    await empty(site)
    _fill(site)
    await charging(site)


async def _log_full(site):
    """Before the fault: it starts with a log without room, and charges."""
    site.charger.off()
    worn(site.charger.flash, 900)
    site.charger.back()
    await site.until(lambda: site.charger.alive, 5000)
    await charging(site)


async def _stored(site):
    """Before the fault: settings were written, and once more; no car is there."""
    site.charger.core.command("set", ("backlight_max", 97), "LCD")
    site.charger.app.save()
    await empty(site)


def _spoil(name, data):
    """The file becomes ``data``; a restart finds it so, and then a car comes."""
    def do(site):
        path = site.charger.folder + "/" + name
        with open(path, "wb") as file:
            file.write(data)
        site.charger.down("watchdog")
        site.charger.world.plug()
    return do


def _folder(name):
    """A folder of that name is in the way."""
    def do(site):
        path = site.charger.folder + "/" + name
        try:
            os.remove(path)
        except OSError:
            pass
        os.mkdir(path)
        site.charger.down("watchdog")
        site.charger.world.plug()
    return do


def _charges(site):
    return site.charger.draws()


def _file(what, make, **keywords):
    return Fault(what, "starts and charges", make, None, _charges, 30_000, before=_stored,
                 when="no car", lasts_ms=5000, **keywords)


_FLASH = (
    Fault("Flash refuses all writes while charging", "tells, goes on", _flash("file", "log"),
          both(_flash(), _again), told(faults.STORAGE), 70_000, settings=False, back=_remembers),
    Fault("The log refuses all writes while charging", "tells, goes on", _flash("log"),
          both(_flash(), _again), told(faults.STORAGE), 70_000, settings=False, back=_remembers),
    Fault("File system full while charging", "goes on", nothing, _empty,
          before=_full, lasts_ms=70_000),
    Fault("Log full while charging", "goes on", nothing, None, before=_log_full,
          lasts_ms=70_000, wh=400),
    _file("Settings file of zeros", _spoil("settings.json", bytes(300)), settings=False),
    _file("Settings file cut short", _spoil("settings.json", b'{"version": 1, "settings": {'),
          settings=False),
    _file("Sessions file of rubbish", _spoil("sessions.bin", b"\x55\xaa" * 200)),
    _file("A folder in place of the sessions", _folder("sessions.bin"), wh=None),
    _file("A folder in place of the cards", _folder("cards.csv")),
    _file("History of rubbish", _spoil("minutes.bin", b"\x12" * 1000)),
)


FAULTS = (("Flash", _FLASH),)
