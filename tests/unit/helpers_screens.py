"""Every screen outside the menu, brought about on a simulated charger: for tests and pictures."""

from evse import reasons
from evse.charging import faults
from evse.panel.canvas import Canvas
from evse.panel.screens import Screens
from evse.panel.texts import Texts
from helpers_core import NOON_S, Bench, drawing

_SMART = {"mains_met": "API", "mode": "Smart", "max": 16, "mains": 25, "tz": "UTC0"}
_SOLAR = {"mains_met": "API", "mode": "Solar", "max": 16, "mains": 25, "import": 2, "tz": "UTC0"}
_ERRORS = ("CT_NOCOMM", "TEMP_HIGH", "EV_NOCOMM", "RCM_TRIPPED", "CIRCUIT_NOCOMM", "PILOT",
           "STALL", "DIODE", "WELDED", "NO_CURRENT", "LOCK", "LOCK_STUCK", "OVERCURRENT",
           "STORAGE", "RCM_MISSING")


class Display:
    """The screens of a bench's charger; ``facts`` are told instead of what status says of them.

    ``canvas`` is what is seen, ``texts`` the words, ``screens`` what draws.
    ``Display.language`` is that of all displays that are not told another.
    """

    language = "en"

    def __init__(self, bench, language="", canvas=None, **facts):
        self.bench = bench
        self.facts = facts
        self.canvas = canvas or Canvas()
        self.texts = Texts(language or Display.language)
        self.screens = Screens(self.canvas, self._refreshed(), self.texts)
        self._second = 0

    def _refreshed(self):
        status = self.bench.status
        for name in self.facts:
            setattr(status, name, self.facts[name])
        return status

    def draw(self):
        """Draw without time passing; yields after each step."""
        self._refreshed()
        yield from self.screens.draw(self._second)

    def second(self, number=1):
        """Draw once a second, so often; returns this display."""
        for _ in range(number):
            self._second += 1
            for _ in self.draw():
                pass
        return self

    def turn(self, number):
        """Draw until it is the turn of the text ``number``; returns this display."""
        self.second()
        if self.screens.seconds // 4 > number:
            self.screens.seconds = 0
        while self.screens.seconds // 4 != number:
            self.second()
        return self


def charging(settings, house=None, meter=drawing, clock_s=NOON_S):
    """A bench that charges."""
    bench = Bench(settings, clock_s=clock_s)
    bench.house = house
    bench.meter = meter
    bench.charge()
    bench.run(20000)
    return bench


def sunny(house, settings=None):
    """A bench in Solar whose car waits or charges, the house drawing ``house`` dA a phase."""
    document = dict(_SOLAR)
    document.update(settings or {})
    bench = Bench(document, clock_s=NOON_S)
    bench.house = house
    bench.car = "B"
    bench.run(100000)
    if bench.core.charger.offered_da:
        bench.car = "C"
        bench.run(30000)
    return bench


def _errors():
    for name in _ERRORS:
        bench = Bench({"mains_met": "Eastron3P" if name == "CT_NOCOMM" else "API"})
        bench.run(2000)
        bench.core.charger.faults |= getattr(faults, name)
        display = Display(bench).second()
        yield "error_" + name.lower(), display
        if name == "RCM_TRIPPED":
            yield "error_rcm_reset", display.turn(1)
        elif name == "CT_NOCOMM":
            bench.command("set", ("mains_met", "API"), "LCD")
            yield "error_ct_nocomm_api", display.second()
            bench.command("set", ("pwr_share", "Node 2"), "LCD")
            yield "error_ct_nocomm_node", display.second()


def _hold():
    display = Display(Bench({"max": 16}))
    for key, name in ((1, "stop"), (2, "menu"), (4, "start")):
        display.screens.held = key
        yield "hold_" + name, display.second()


def _set_up():
    bench = Bench({"tz": "UTC0"}, clock_s=NOON_S)
    bench.run(1000)
    yield "welcome", Display(bench, wizard=True).second()
    yield "portal", Display(
        bench, portal=("SmartEVSE-123456", "k3v9wq7m", "192.168.4.1")).second()
    yield "update", Display(bench, update=45).second()


def _plain():
    bench = Bench({"max": 16}, delay_s=10)
    bench.run(2000)
    yield "plain_ready_delay", Display(bench, delay_s=8).second()
    bench.run(20000)
    yield "plain_ready", Display(bench).second()
    yield "plain_modem", Display(bench, state_id=12).second()
    yield "plain_modem_denied", Display(bench, state_id=14).second()
    bench.car = "B"
    bench.run(6000)
    yield "plain_ready_car", Display(bench).second()
    yield "plain_waiting", Display(bench, faults=faults.LESS_6A, reason=reasons.TURN).second()
    bench = charging({"max": 16, "ev_meter": "Eastron3P"})
    display = Display(bench)
    for turn in range(3):
        yield "plain_charging_%d" % turn, display.turn(turn)
    bench.core.relay_open = True
    yield "plain_limited", Display(bench).second()
    bench.command("mode", "Pause")
    bench.run(100)
    yield "plain_pause_stopping", Display(bench).second()
    bench.car = "B"
    bench.run(20000)
    yield "plain_pause", Display(bench).second()
    bench.command("mode", "Off")
    bench.run(1000)
    yield "plain_denied", Display(bench).second()
    bench.command("timer", ("Normal", NOON_S + 10 * 3600, 0, 0))
    bench.run(1000)
    yield "plain_delayed_today", Display(bench).second()
    bench.command("timer", ("Normal", NOON_S + 34 * 3600, 0, 0))
    bench.run(1000)
    yield "plain_delayed_week", Display(bench).second()
    bench.command("timer", ("Normal", NOON_S + 90 * 86400, 0, 0))
    bench.run(1000)
    yield "plain_delayed_later", Display(bench).second()
    bench = Bench({"rfid": "EnableAll"})
    bench.command("mode", "Off")
    bench.run(1000)
    yield "plain_card", Display(bench).second()
    bench.core.rfid_status = 7
    yield "plain_card_invalid", Display(bench).second()
    bench.command("set", ("rfid", "Learn"), "LCD")
    bench.core.rfid_status = 2
    yield "plain_card_stored", Display(bench).second()


def _smart():
    bench = Bench(_SMART, clock_s=NOON_S)
    bench.house = 42
    bench.run(3000)
    yield "smart_no_car", Display(bench).second()
    bench.car = "B"
    bench.run(6000)
    yield "smart_ready", Display(bench).second()
    bench = Bench(_SMART, clock_s=NOON_S)
    bench.house = 212
    bench.car = "B"
    bench.run(9000)
    display = Display(bench)
    for turn in range(3):
        yield "smart_waiting_%d" % turn, display.turn(turn)
    document = dict(_SMART)
    document["ev_meter"] = "Eastron3P"
    bench = charging(document, 42)
    display = Display(bench)
    for turn in range(6):
        yield "smart_charging_%d" % turn, display.turn(turn)
    bench.core.relay_open = True
    yield "smart_limited", Display(bench).turn(1)
    bench.core.relay_open = False
    yield "smart_capacity", Display(bench, capacity_left_s=754).second(3)
    bench.command("mode", "Pause")
    bench.run(100)
    bench.car = "B"
    bench.run(10000)
    yield "smart_pause", Display(bench).second()


def _solar():
    bench = sunny(-5)
    display = Display(bench)
    for turn in range(3):
        yield "solar_waiting_%d" % turn, display.turn(turn)
    bench = sunny(-120)
    display = Display(bench)
    for turn in range(3):
        yield "solar_charging_%d" % turn, display.turn(turn)
    bench.house = -20
    bench.run(40000)
    display = Display(bench)
    for turn in range(3):
        yield "solar_stops_%d" % turn, display.turn(turn)
    bench = sunny(-120, {"contact_2": "Auto"})
    bench.command("phases", 1)
    bench.until(lambda: bench.status.reason == reasons.SWITCHING_PHASES)
    yield "solar_to_1p", Display(bench).second()


def _extremes():
    bench = Bench(_SOLAR, clock_s=NOON_S)
    bench.run(1000)
    bench.command("reading", ("mains", -1999, -1999, -1999))
    display = Display(bench, state_id=2, ev_w=22000, ev_age_ms=0, session_wh=9999900,
                      offered_da=800, phases_used=7, relay_open=True, faults=0)
    for turn in range(6):
        yield "extreme_%d" % turn, display.turn(turn)
    bench.command("reading", ("mains", 1999, 1999, 1999))
    display.facts["solar_left_s"] = 9999
    display.facts["ev_w"] = 9949
    yield "extreme_import", display.turn(7)


def _sharing():
    document = dict(_SMART)
    document["pwr_share"] = "Master"
    bench = Bench(document)
    bench.house = 10
    bench.run(25000)
    for node, charges in ((1, True), (2, False)):
        bench.core.group.heard(node, True, charges, 1, 160, 0, bench.now)
    bench.run(2000)
    yield "master", Display(bench).turn(1)
    bench = Bench({"pwr_share": "Node 2"})
    bench.core.told(130, bench.now)
    bench.car = "B"
    bench.run(2000)
    yield "node", Display(bench).second()
    yield "node_share", Display(bench).turn(1)


def situations(language="en"):
    """Yield (name, Display) of each screen; a display is drawn and may be drawn on."""
    Display.language = language
    try:
        for part in (_errors, _hold, _set_up, _plain, _smart, _solar, _extremes, _sharing):
            yield from part()
    finally:
        Display.language = "en"
