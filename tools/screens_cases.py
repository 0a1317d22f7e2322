"""Runs on MicroPython: every situation outside the menu that has a picture of its own.

Most are reached as in life, by a core on simulated time with a car, meters and cards. What takes
weeks, or another device, is put into the status as it would be there.
"""

from evse.charging import faults
from helpers_core import NOON_S, Bench, Board

_DAY_S = 86400
_METERED = {"ev_meter": "API"}
_SMART = {"mode": "Smart", "mains_met": "API", "mains": 25, "max": 16}
_SOLAR = {"mode": "Solar", "mains_met": "API", "mains": 25, "max": 16, "import": 2, "stop": 10}
_SHOWN_ELSEWHERE = (faults.LESS_6A, faults.BOOT_DELAY, faults.CLOCK)
_NAMES = {faults.CIRCUIT_NOCOMM: "Circuit Meter Comm Error"}  # its old name says nothing
_MODEM_REQUEST, _MODEM_DENIED = 11, 14


def _with(settings, **more):
    mixed = dict(settings)
    mixed.update(more)
    return mixed


def _takes(bench):
    """An EV meter behind a car on three phases."""
    da = bench.core.charger.offered_da if bench.core.charger.c1 else 0
    return da, da, da, da * 69, 1_234_000 + bench._ms // 100


def _charging(settings, house=None, minutes=1, **more):
    bench = Bench(settings, **more)
    if settings.get("ev_meter"):
        bench.meter = _takes
    bench.house = house
    bench.run(3000)
    bench.charge()
    bench.run(minutes * 60_000)
    return bench


def _idle(settings, house=None, car="A", **more):
    bench = Bench(settings, **more)
    if settings.get("ev_meter"):
        bench.meter = _takes
    bench.house = house
    bench.car = car
    bench.run(8000)
    return bench


def plain(stage):
    """Normal mode, and switched off."""
    show = stage.show
    show("ready", "Normal, no car", Bench())
    show("ready_car", "Normal, a car is plugged in that wants nothing yet", _idle({}, car="B"))
    bench = Bench(delay_s=60)
    bench.run(5000)
    show("ready_delay", "Normal, shortly after the power came back", bench)
    show("charging", "Normal, charging", _charging({}))
    show("charging_metered", "Normal, charging through an EV meter",
         _charging(_with(_METERED, max=16)), 3)
    bench = _idle({"mains_met": "API", "mains": 25}, 220, "B")
    bench.car = "C"
    bench.run(8000)
    show("waiting_power", "Normal, the house leaves too little", bench, 2)
    bench = _charging({"switch": "Grid Relay", "max": 16}, board=Board())
    show("limited", "Normal, the grid relay is open", bench)
    bench = _charging({})
    bench.command("mode", "Pause")
    bench.run(10_000)
    show("pause", "Paused", bench)
    bench.command("mode", "Off")
    bench.run(1000)
    show("off", "Switched off", bench)
    show("modem", "The modem asks the car who it is", Bench({"modem": "Experimental"}),
         state_id=_MODEM_REQUEST)
    show("modem_denied", "Another car is required", Bench({"modem": "Experimental"}),
         state_id=_MODEM_DENIED)


def cards(stage):
    """What the card reader says."""
    bench = Bench({"rfid": "EnableAll"})
    bench.command("access", "Off")
    bench.run(1000)
    stage.show("rfid", "Waits for a card", bench)
    stage.show("rfid_invalid", "An unknown card", bench, rfid_status=7)
    bench.settings.load({"settings": {"rfid": "Learn"}})
    for number, name in ((2, "stored"), (4, "known")):
        stage.show("rfid_learn_" + name, "Cards are learnt", bench, rfid_status=number)
    bench.settings.load({"settings": {"rfid": "Delete"}})
    for number, name in ((3, "deleted"), (5, "unknown")):
        stage.show("rfid_delete_" + name, "Cards are deleted", bench, rfid_status=number)
    stage.show("rfid_full", "No room for another card", bench, rfid_status=6)


def timers(stage):
    """Delayed starts."""
    for name, start_s, caption in (
            ("today", 11 * 3600, "Starts within a day"),
            ("week", 4 * _DAY_S, "Starts within a week"),
            ("month", 20 * _DAY_S, "Starts later than that")):
        bench = Bench({}, clock_s=NOON_S)
        bench.run(1000)
        bench.command("timer", ("Normal", NOON_S + start_s, 0, False))
        bench.run(1000)
        stage.show("timer_" + name, caption, bench)
    bench.clock_s = bench.core.clock_s = 0
    bench.car = "B"
    bench.run(5000)
    stage.show("timer_no_clock", "Starts at a time, and nobody knows what time it is", bench, 2)
    bench = Bench(_with(_SMART), clock_s=NOON_S)
    bench.house = 30
    bench.run(1000)
    bench.command("timer", ("Smart", bench.clock_s, NOON_S + 7 * 3600, False))
    bench.charge()
    bench.run(60_000)
    stage.show("timer_stop", "Smart, charges until a time", bench, 2)


def flow(stage):
    """Smart and Solar."""
    show = stage.show
    show("smart_ready", "Smart, no car", _idle(_SMART, 31))
    show("smart_no_meter", "Smart, the mains meter has not been read yet", Bench(_SMART))
    show("smart_ready_car", "Smart, a car is plugged in", _idle(_SMART, 31, "B"))
    bench = Bench(_SMART, delay_s=60)
    bench.house = 31
    bench.run(9000)
    show("smart_delay", "Smart, shortly after the power came back", bench)
    show("smart", "Smart, charging", _charging(_SMART, 31), 3)
    bench = _charging(_with(_SMART, ev_meter="API"), 61, 5)
    show("smart_metered", "Smart, charging through an EV meter", bench, 6)
    bench = _charging(_with(_SMART, switch="Grid Relay"), 31, board=Board())
    show("smart_limited", "Smart, the grid relay is open", bench, 2)
    bench = _idle(_SMART, 221, "B")
    bench.car = "C"
    bench.run(8000)
    show("smart_waiting", "Smart, the house leaves too little", bench, 2)
    bench = _charging(_with(_SMART, cap_mode="Fixed", capacity=40, cap_stop=10), 31, 3)
    bench.house = 100
    bench.run(30_000)
    show("smart_capacity", "Smart, soon stopped for the capacity", bench, 3)
    show("smart_pause", "Smart, paused", _idle(_SMART, 31, "B"), access=2, reason=3)
    show("smart_modem", "Smart, the modem asks the car who it is", _idle(_SMART, 31),
         state_id=_MODEM_REQUEST, reason=25)
    show("solar_ready", "Solar, no car, sun to spare", _idle(_SOLAR, -52), 2)
    bench = _idle(_SOLAR, 12, "B")
    bench.car = "C"
    bench.run(20_000)
    show("solar_waiting", "Solar, too little sun", bench, 2)
    sunny = _with(_SOLAR, ev_meter="API")
    bench = _idle(sunny, -120, "B")
    bench.until(lambda: bench.core.charger.offered_da, 300_000)
    bench.car = "C"
    bench.run(180_000)
    show("solar", "Solar, charging", bench, 6)
    bench.house = 10
    bench.run(120_000)
    show("solar_stopping", "Solar, a cloud", bench, 3)
    bench = _idle(_with(_SOLAR, contact_2="Auto"), -70, "B")
    for wish in (1, 3):
        show("phases_to_%d" % wish, "Solar, the phases are switched", bench, phases_wish=wish,
             reason=18, faults=0)


def group(stage):
    """Several chargers."""
    bench = _idle(_with(_SMART, pwr_share="Master", circuit=50), 31)
    rows = [(n, "Smart", True, n < 3, 160 if n < 3 else 0, "", "", n == 4) for n in range(5)]
    stage.show("master", "Master of four others, one of them lost", bench, 3, state_id=2,
               limit=58, offered_da=160, faults=0, phases=3, evse_rows=lambda: rows)
    bench = _idle({"pwr_share": "Node 3", "mode": "Smart"})
    stage.show("node", "A node", bench, 2, faults=0)
    stage.show("node_charging", "A node, charging", bench, 2, state_id=2, limit=58,
               offered_da=160, grant_da=160, faults=0, phases=3)
    stage.show("node_waiting", "A node without current", bench, 2, state_id=1, reason=36, faults=1)


def errors(stage):
    """Each fault, alone."""
    for fault in faults.FAULTS:
        words = _NAMES.get(fault[0], fault[2])
        name = words.lower().replace(" ", "_")
        turns = 2 if fault[4] == faults.CLEARS_BY_HAND or fault[3] == faults.STOPS_NOTHING else 1
        if fault[0] not in _SHOWN_ELSEWHERE:
            stage.show("fault_" + name, words, Bench(), turns, faults=fault[0])
    api = Bench({"mains_met": "API"})
    stage.show("fault_api", "Nobody tells the mains currents", api, faults=faults.CT_NOCOMM)
    node = Bench({"pwr_share": "Node 1"})
    stage.show("fault_master", "A node does not hear its Master", node, faults=faults.CT_NOCOMM)


def others(stage):
    """Buttons held, the first start, the set-up network, restarts, updates."""
    bench = Bench()
    for key, name in ((1, "stop"), (2, "menu"), (4, "start")):
        stage.show("hold_" + name, "A button is held", bench, held=key)
    stage.show("wizard", "The first start", bench, wizard=True)
    portal = ("SmartEVSE-123456", "k7pw4mzq", "192.168.4.1")
    stage.show("portal", "The set-up network", bench, portal=portal)
    stage.show("wizard_portal", "The first start, with the set-up network", bench, 2,
               wizard=True, portal=portal)
    stage.show("confirm", "An update without a known signature: shall it be installed?", bench,
               confirm=("v4.1.0-rc1", "3F2A 91BC 77D0 01EE", 0))
    stage.show("restarted", "Ten minutes after it had to start by itself", Bench(),
               reset_cause="watchdog")
    for percent in (0, 45, 100):
        stage.show("update_%d" % percent, "An update", bench, update=percent)


PARTS = (plain, cards, timers, flow, group, errors, others)
