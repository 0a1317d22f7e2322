"""Runs on MicroPython: the cases of timing_table about lock, modem and the car's meter."""

from array import array

from evse.charging import faults, modem, supervise
from evse.charging.pilot import FULL, current_of
from evse.charging.states import STATE_C, STATE_MODEM_DENIED
from timing_rig import ASKING, CONNECTED
from timing_wake import pulses

_METER_MS = 1000


# ---- lock, switch, modem ----

def unlocked(rig):
    rig.charger.locked = False
    rig.ready()
    rig.moment()
    rig.show(ASKING)
    start = rig.t
    rig.run(6_000)
    return len([entry for entry in rig.trace if entry[0] >= start and entry[1]])


def locked_late(rig):
    unlocked(rig)
    rig.moment()
    rig.charger.locked = True
    return rig.until(lambda: rig.c1, 5000)


def stop_pause(rig):
    rig.charge()
    rig.moment()
    rig.charger.stop(30, 15_000)
    rig.until(lambda: rig.duty == FULL, 1000)
    silent = rig.t
    rig.run(rig.rng.between(100, 2900))
    rig.show(CONNECTED)
    rig.until(lambda: current_of(rig.duty), 60_000)
    return rig.t - silent


def _asked(rig, required=""):
    rig.charger.modem = modem.Modem(rig.record)
    rig.charger.modem.required = required
    rig.run(60)
    rig.moment()
    rig.show(CONNECTED)
    rig.until(lambda: 0 < rig.duty < 4000, 20_000)


def modem_open(rig):
    _asked(rig)
    found = pulses(rig, 100)
    return found[0][2] if len(found) == 1 else None


def modem_wait(rig):
    _asked(rig)
    start = rig.t
    rig.board.stress(rig.rng, start + 60_000)
    rig.until(lambda: not rig.connect, 100_000)
    return rig.t - start


def modem_told(rig):
    _asked(rig)
    rig.moment(100, 5_000)
    rig.charger.modem.tell({"current_soc": 50})
    rig.touch()
    return rig.until(lambda: not rig.connect, 100_000)


def modem_denied(rig):
    _asked(rig, "X")
    rig.charger.modem.tell({"current_soc": 50, "evccid": "Y"})
    rig.touch()
    rig.until(lambda: rig.charger.state == STATE_MODEM_DENIED, 30_000)
    return rig.until(lambda: rig.charger.state != STATE_MODEM_DENIED, 100_000)


def modem_closings(rig):
    """A car that asks all the while: closings before it was told and admitted."""
    rig.charger.modem = modem.Modem(rig.record)
    rig.run(60)
    rig.moment()
    rig.show(CONNECTED)
    rig.run(rig.rng.between(500, 8000))
    rig.show(ASKING)
    rig.run(40_000)
    return len([entry for entry in rig.trace if entry[1]])


# ---- supervision by the car's meter ----

class _Meter:
    """A meter on the bus: each second what flowed ``delay`` ms ago."""

    def __init__(self, rig):
        self.rig = rig
        self.supervisor = supervise.Supervisor(rig.record)
        self.amps = array("i", (0, 0, 0))
        self.delay = rig.rng.between(50, 1500)
        self.due = rig.t + rig.rng.below(_METER_MS)
        self.bits = 0
        self._told = array("i", (0, 0, 0))

    def run(self, ms, stop=None):
        """Run for ``ms`` or until a fault of the mask ``stop`` is up."""
        rig = self.rig
        end = rig.t + ms
        while rig.t < end:
            rig.run_to(max(rig.t, min(end, self.due)))
            if rig.t < self.due:
                continue
            self.due = rig.t + _METER_MS - 40 + rig.rng.below(80)
            charger = rig.charger
            self.bits = self.supervisor.sample(self.amps, charger, charger.grant_da, rig.now())
            mask = faults.WELDED | faults.NO_CURRENT | faults.OVERCURRENT
            charger.faults = charger.faults & ~mask | self.bits
            if self.bits:
                rig.touch()
            if stop and self.bits & stop:
                return True
        return False

    def draw(self, da):
        """The car draws ``da`` on three phases."""
        for i in range(3):
            self.amps[i] = da


def _metered(rig, da=160):
    rig.charge(da)
    meter = _Meter(rig)
    meter.draw(da)
    meter.run(rig.rng.between(5000, 12_000))
    rig.moment()
    return meter


def welded(rig):
    meter = _metered(rig)
    rig.show(CONNECTED)
    rig.until(lambda: not rig.c1, 1000)
    opened = rig.t
    return rig.t - opened if meter.run(20_000, faults.WELDED) else None


def welded_stops(rig):
    welded(rig)
    rig.run(5000)
    rig.show(ASKING)
    start = rig.t
    rig.run(30_000)
    return len([entry for entry in rig.trace if entry[0] > start and entry[1]])


def not_welded(rig):
    meter = _metered(rig)
    rig.show(CONNECTED)
    rig.until(lambda: not rig.c1, 1000)
    meter.run(meter.delay)
    meter.draw(0)
    meter.run(60_000)
    return 1 if faults.WELDED & meter.bits else 0


def no_path(rig):
    rig.charge()
    closed = rig.charger.switched_at
    meter = _Meter(rig)
    meter.run(100_000, faults.NO_CURRENT)
    return (rig.now() - closed) & 0x3FFFFFFF if meter.bits & faults.NO_CURRENT else None


def overcurrent(rig):
    meter = _metered(rig)
    meter.draw(160 + rig.rng.between(11, 80))
    start = rig.t
    for _ in range(400):
        if meter.supervisor.ceiling_da:
            return rig.t - start
        meter.run(50)
    return None


def overcurrent_stop(rig):
    meter = _metered(rig)
    meter.draw(160 + rig.rng.between(11, 80))
    start = rig.t
    meter.run(60_000, faults.OVERCURRENT)
    rig.until(lambda: rig.duty == FULL, 1000)
    return rig.t - start if rig.charger.state != STATE_C else None


def overcurrent_borne(rig):
    meter = _metered(rig)
    for _ in range(5):
        meter.draw(160 + rig.rng.between(11, 200))
        meter.run(rig.rng.between(500, 5500))
        meter.draw(160)
        meter.run(2500)
    return 1 if meter.supervisor.ceiling_da or meter.bits else 0
