"""What docs/timing.md proves: one row per requirement. Read by CPython and MicroPython alike."""

IEC = "IEC 61851-1:2017"


class Row:
    """One requirement.

    ``key`` names the function in the timing_case modules that measures it once; ``what`` says
    what, ``source`` where the limit comes from. A measured value passes from ``low`` to ``high``,
    each None where there is no limit; ``unit`` is theirs. The full run repeats it ``weight`` times
    200 times without and as often with stalls.
    """

    def __init__(self, key, what, source, low, high, unit="ms", weight=1):
        self.key = key
        self.what = what
        self.source = source
        self.low = low
        self.high = high
        self.unit = unit
        self.weight = weight

    def passes(self, value):
        """True when ``value`` lies within the limits."""
        return ((self.low is None or value >= self.low)
                and (self.high is None or value <= self.high))

    def limit(self):
        """The limit in words."""
        if self.low == self.high:
            return "%d %s" % (self.low, self.unit)
        if self.low is None:
            return "<= %d %s" % (self.high, self.unit)
        if self.high is None:
            return ">= %d %s" % (self.low, self.unit)
        return "%d to %d %s" % (self.low, self.high, self.unit)


def _a6(number):
    return "%s Table A.6 sequence %s" % (IEC, number)


SECTIONS = (
    ("Sequences of the control pilot", (
        Row("plug_in", "Plugged in, access and grant given: until the PWM starts",
            _a6("1.1") + "; limit ours", None, 1000),
        Row("always_asking", "A car that shows 6 V from the plugging in on: closings in 10 s",
            _a6("1.2") + "; DESIGN 3.1 wants 9 V seen first", 0, 0, "closings"),
        Row("unplug_idle", "Unplugged in B: until steady +12 V",
            _a6("2.1") + "; limit ours, with an erase", None, 600),
        Row("unplug_load", "Unplugged while charging: until the output opens",
            _a6("2.2") + " (100 ms with the contactor); DESIGN 3.2", None, 70, weight=2),
        Row("ready", "The car asks in B: until the output closes",
            _a6("4") + " (3 s); at least 0.5 s ours, against chatter", 500, 3000),
        Row("signals", "A car that toggles B-C-B for 150 to 450 ms each: closings in 10 tries",
            _a6("11") + " (a sign, no demand)", 0, 0, "closings"),
        Row("raise_spacing", "Grants change at random: least time between two raises of the duty",
            _a6("6") + " (5 s)", 5000, None),
        Row("lower_at_once", "Grant lowered: until the duty follows",
            "DESIGN 3.3 and issue 3: at once; limit ours", None, 60),
        Row("car_stops", "The car goes from 6 to 9 V with PWM on: until the output opens",
            _a6("7 and 8.1") + " (100 ms with the contactor); DESIGN 3.2", None, 70, weight=2),
        Row("car_stops_in_c1", "The car goes from 6 to 9 V with PWM off: until the output opens",
            _a6("8.2") + " (100 ms with the contactor); DESIGN 3.2", None, 70, weight=2),
        Row("pwm_off", "Access taken while charging: until steady +12 V",
            "DESIGN 3.3; limit ours", None, 60),
        Row("car_obeys", "PWM off, the car opens S2 within 3 s: from there until the output opens",
            _a6("10.1"), 0, 70),
        Row("car_ignores", "PWM off, the car goes on drawing: until the output is forced open",
            _a6("10.2") + " (6 s); DESIGN 3.3", 6000, 6100),
        Row("car_ignores_reason", "... and the journal says why: entries CAR_IGNORES_STOP",
            "DESIGN 3.3", 1, 1, "entries"),
        Row("x1_after_stop", "After a stop: steady +12 V before PWM again",
            "Issue 3 (X1 >= 3 s)", 3000, 5000),
        Row("x1_replug", "Unplugged and plugged in at once: steady +12 V before PWM again",
            "Issue 3 (X1 >= 3 s)", 3000, 3800),
    )),
    ("The diode", (
        Row("no_diode", "A car without a diode that asks for 20 s: closings",
            IEC + " Table A.4 (checked before closing); DESIGN 3.1", 0, 0, "closings"),
        Row("unproven_duty", "80 A granted, no diode: the most that is offered",
            "DESIGN 2 (at most 32 A until the diode is proven)", 60, 320, "dA"),
        Row("diode_lost", "The diode is lost while charging: until the output opens",
            "DESIGN 3.2 (1 s in any 3 s)", 1000, 1100),
        Row("diode_lost_80", "The same at 80 A, where it is looked at each 30 s",
            "DESIGN 2 (interval and dip stated there)", 1000, 33000),
    )),
    ("A pilot that says nothing sensible", (
        Row("disturbed", "20 disturbances of 1 to 30 ms at any level: openings",
            "DESIGN 3.2", 0, 0, "openings", weight=2),
        Row("short", "Pilot shorted to earth while charging: until the output opens",
            _a6("12") + " (3 s); DESIGN 3.2 at once", None, 70, weight=2),
        Row("ventilation", "3 V while charging: until the output opens",
            "DESIGN 3.2 (1 s in any 3 s)", 1000, 1100),
        Row("odd", "A level out of tolerance while charging: until the output opens",
            "DESIGN 3.2 (1 s in any 3 s)", 1000, 1100),
        Row("blind", "No samples while charging: until the output opens",
            "DESIGN 2 (none in 30 ms is invalid) and 3.2", 1000, 1140),
        Row("pieces", "3 V in pieces while charging: sum of the last 3 s at the opening",
            "DESIGN 3.2 (1 s in any 3 s), 100 ms for sampling", 900, 1100),
        Row("pieces_borne", "3 V for up to 875 ms in any 3 s, in 1 to 4 pieces: openings in 9 s",
            "DESIGN 3.2 (1 s in any 3 s)", 0, 0, "openings"),
        Row("state_f", "Opened by such a fault: state F held",
            IEC + " Table A.5 (300 ms); issue 3", 300, 900),
        Row("fault_pause", "Opened by such a fault, the car well again: until PWM",
            "docs/charging.md (15 s)", 15000, 17000),
    )),
    ("Faults and the guard", (
        Row("rcm", "Residual current while charging: until the output opens",
            "DESIGN 3.2 at once: one tick, one lost, one stall", None, 40, weight=2),
        Row("rcm_stays", "... line quiet again, nobody resets it: closings in 60 s",
            "Issue 3 (by hand)", 0, 0, "closings"),
        Row("hang", "Control hangs while charging: from its last step until the guard opens",
            "DESIGN 2 (200 ms)", 200, 240),
        Row("hang_level", "Control hangs and the car stops: until the guard opens",
            "DESIGN 2 and 3.2", None, 70, weight=2),
        Row("grant_expires", "A grant runs out while charging: until steady +12 V",
            "DESIGN 2; limit ours", 0, 60),
        Row("access_off", "Access off, the car obeys: until the output opens",
            _a6("10.1") + " (3 s) and 70 ms", None, 3130),
        Row("power_return", "Power returned with a car plugged in, least delay: until it closes",
            "DESIGN 3.4 (10 s)", 10000, 13000),
        Row("silent_regulator", "The regulator falls silent while charging: until steady +12 V",
            "DESIGN 2 (a grant ends by itself, 5 s)", 4000, 5100),
        Row("too_hot", "The board reaches its limit of temperature: until steady +12 V",
            "DESIGN 3.7; read twice a second", None, 600),
        Row("still_hot", "... 9.9 degrees below it again: offers in 15 s", "DESIGN 3.7",
            0, 0, "offers"),
        Row("derated", "5 degrees below the limit: what is offered of 13 A",
            "DESIGN 3.7 (1 A for each degree)", 80, 80, "dA"),
        Row("access_off_b", "Access off in B: until steady +12 V", "Limit ours, with an erase",
            None, 500),
    )),
    ("Waking a car that lets the offer lie", (
        Row("wake_wait", "From the offer until the first nudge",
            "Issue 3, ladder step 0", 30000, 30700),
        Row("wake_first", "First nudge: pilot open",
            IEC + " A.5.3 (4 s); issue 3", 4000, 4500),
        Row("wake_second", "Second nudge: pilot open",
            "Issue 3 (longer); evse/charging/wake.py", 10000, 30000),
        Row("wake_third", "Third nudge: state F", "Issue 3; evse/charging/wake.py", 4000, 4500),
        Row("wake_rest", "Least time of steady +12 V between a nudge and the offer",
            "Issue 3 (X1 >= 3 s)", 3000, None),
        Row("wake_bounded", "A car that never wakes: nudges in 5 minutes",
            "Issue 3; evse/charging/wake.py", 3, 3, "nudges"),
        Row("wake_works", "The car wakes with the offer after a nudge: until the output closes",
            _a6("4") + " (3 s)", 500, 3000),
        Row("wake_not_after_stop", "A car that stopped by itself: nudges in 4 minutes",
            "Issue 3", 0, 0, "nudges"),
        Row("wake_access", "Access off during a nudge: until steady +12 V",
            "Reference defect 5; limit ours, with an erase", None, 500),
        Row("wake_unplug", "Unplugged during a nudge: from its end until state A",
            "Reference defect 9; limit ours, with an erase", None, 600),
    )),
    ("Phases", (
        Row("c2_after_c1", "Contactor 2 closes after contactor 1",
            "docs/charging.md (50 ms, before any car draws)", 50, 100),
        Row("c2_with_c1", "Unplugged, car stops, short, residual current: between both openings",
            "Issue 3 (never under load)", 0, 0),
        Row("phases_under_load", "Phases switched: changes of contactor 2 under load, or alone",
            "Issue 3", 0, 0, "changes"),
        Row("phases_ignored", "Switching phases, the car goes on drawing: until both are open",
            _a6("10.2"), 6000, 6100),
        Row("phases_open", "Switching phases: pilot open", "Issue 3 (10 s by default)",
            10000, 10500),
        Row("phases_back", "Switching phases, the car obeys: until it charges again",
            "Issue 3; limit ours", 13000, 20000),
    )),
    ("Lock, switch and modem", (
        Row("unlocked", "The plug is not locked, the car asks for 6 s: closings",
            "Issue 3", 0, 0, "closings"),
        Row("locked_late", "... and is locked then: until the output closes",
            "Limit ours, with two erases", None, 1500),
        Row("stop_pause", "Stopped at the switch: until the offer is back",
            "Reference 5.3 (15 s)", 15000, 19000),
        Row("modem_open", "Modem: pilot open before it is asked", "Reference 2.3 (5 s)",
            5000, 5500),
        Row("modem_wait", "Modem: 5 % duty while nobody answers", "Reference 2.3 (60 s)",
            60000, 60500),
        Row("modem_told", "Modem: from the answer until the 5 % duty ends", "Limit ours",
            None, 500),
        Row("modem_denied", "Modem: another car is required, refused for",
            "Reference 2.3 (60 s)", 60000, 60600),
        Row("modem_closings", "Modem, a car that asks all the while: closings in 40 s",
            "Issue 3; DESIGN 3.1", 0, 0, "closings"),
    )),
    ("Supervision by a meter in the car's line, one sample per second", (
        Row("welded", "Current goes on after the opening: until the fault",
            "Issue 3; 2 s and three samples", 2000, 5200),
        Row("welded_stops", "... with the fault up, the car asks for 30 s: closings",
            "Issue 3", 0, 0, "closings"),
        Row("not_welded", "A meter that is up to 1.5 s late reports the last current: faults",
            "Issue 3", 0, 0, "faults"),
        Row("no_path", "Closed and no current at all: until it is told", "Issue 3; 60 s",
            60000, 61200),
        Row("overcurrent", "More than 1 A above the grant: until the offer is lowered",
            "Issue 3 (7 s)", 7000, 9200),
        Row("overcurrent_stop", "... and on: until the stop begins", "Issue 3 (7 s more)",
            14000, 18500),
        Row("overcurrent_borne", "Five peaks of up to 5.5 s: warnings", "Issue 3 (7 s)",
            0, 0, "warnings"),
    )),
)


def rows():
    """All rows, in order."""
    return [row for section in SECTIONS for row in section[1]]
