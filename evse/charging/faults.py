"""The registry of faults: one bit each, what it stops, how it clears, what clients call it.

Bits up to 128 and their names are what clients of the reference know; ours are above and have no
legacy id. Who sets a bit is noted at its constant.
"""

from micropython import const

LESS_6A = const(1)  # core: too little current for this car
CT_NOCOMM = const(2)  # core: mains meter lost where it is needed
TEMP_HIGH = const(4)  # core
EV_NOCOMM = const(8)  # core: the EV meter is lost; the mains meter still protects
RCM_TRIPPED = const(16)  # core (line), charger (a trip of the guard)
CIRCUIT_NOCOMM = const(64)  # core: the meter of the circuit is lost where it is needed
PILOT = const(256)  # charger: the pilot was invalid for too long, or shorted
STALL = const(512)  # charger: the guard opened because control had stalled
BOOT_DELAY = const(1024)  # core: waits after a reset or after power returned
DIODE = const(2048)  # charger: the car's diode was lost, or never there
WELDED = const(4096)  # supervisor: current though the contactor is open
NO_CURRENT = const(8192)  # supervisor: no current though closed and asked for
LOCK = const(16384)  # lock: would not lock
LOCK_STUCK = const(32768)  # lock: would not release
OVERCURRENT = const(65536)  # supervisor: the car takes more than it was granted
STORAGE = const(131072)  # app: a record or the settings could not be written
CLOCK = const(262144)  # timer: a start is set and the time of day is not known
RCM_MISSING = const(524288)  # core: the line has never been quiet, as without a sensor
UPDATE = const(1048576)  # core: an update is written to flash, or has still to prove itself

# What a fault stops.
STOPS_NOTHING = const(0)  # shown only; LESS_6A acts through the grant that is not given
STOPS_ORDERLY = const(1)  # the car gets its 6 s
STOPS_AT_ONCE = const(2)

# How it clears.
CLEARS_WITH_CAUSE = const(0)
CLEARS_AFTER_PAUSE = const(1)
CLEARS_BY_HAND = const(2)

# bit, legacy id (0: none), name, severity, how it clears
FAULTS = (
    (LESS_6A, 1, "No Power Available", STOPS_NOTHING, CLEARS_WITH_CAUSE),
    (CT_NOCOMM, 2, "Communication Error", STOPS_ORDERLY, CLEARS_WITH_CAUSE),
    (TEMP_HIGH, 3, "Temperature High", STOPS_ORDERLY, CLEARS_WITH_CAUSE),
    (EV_NOCOMM, 4, "EV Meter Comm Error", STOPS_NOTHING, CLEARS_WITH_CAUSE),
    (RCM_TRIPPED, 5, "RCM Tripped", STOPS_AT_ONCE, CLEARS_BY_HAND),
    (CIRCUIT_NOCOMM, 7, "Test IO", STOPS_ORDERLY, CLEARS_WITH_CAUSE),
    (PILOT, 0, "Pilot Fault", STOPS_AT_ONCE, CLEARS_AFTER_PAUSE),
    (STALL, 0, "Control Stalled", STOPS_AT_ONCE, CLEARS_AFTER_PAUSE),
    (BOOT_DELAY, 0, "Start Delay", STOPS_ORDERLY, CLEARS_WITH_CAUSE),
    (DIODE, 0, "No Diode", STOPS_AT_ONCE, CLEARS_AFTER_PAUSE),
    (WELDED, 0, "Contactor Welded", STOPS_AT_ONCE, CLEARS_BY_HAND),
    (NO_CURRENT, 0, "No Current Path", STOPS_NOTHING, CLEARS_WITH_CAUSE),
    (LOCK, 0, "Lock Failure", STOPS_ORDERLY, CLEARS_WITH_CAUSE),
    (LOCK_STUCK, 0, "Lock Stuck", STOPS_NOTHING, CLEARS_WITH_CAUSE),
    (OVERCURRENT, 0, "Overcurrent", STOPS_ORDERLY, CLEARS_AFTER_PAUSE),
    (STORAGE, 0, "Storage Failure", STOPS_NOTHING, CLEARS_WITH_CAUSE),
    (CLOCK, 0, "Clock Not Set", STOPS_NOTHING, CLEARS_WITH_CAUSE),
    (UPDATE, 0, "Updating", STOPS_ORDERLY, CLEARS_WITH_CAUSE),
    (RCM_MISSING, 5, "RCM Sensor Missing", STOPS_AT_ONCE, CLEARS_WITH_CAUSE),
)


def _mask(least):
    bits = 0
    for fault in FAULTS:
        if fault[3] >= least:
            bits |= fault[0]
    return bits


BLOCKING = _mask(STOPS_ORDERLY)
AT_ONCE = _mask(STOPS_AT_ONCE)


def legacy_id(bits):
    """Return the id clients know for the highest fault in ``bits``, 0 when none has one."""
    number = 0
    for fault in FAULTS:
        if bits & fault[0] and fault[1] > number:
            number = fault[1]
    return number


def legacy_text(bits):
    """Return the text that goes with ``legacy_id(bits)``, "None" for 0."""
    number = legacy_id(bits)
    for fault in FAULTS:
        if number and fault[1] == number:
            return fault[2]
    return "None"


def name(bits):
    """Return the name of the first fault in ``bits``, ours included; "None" without one."""
    for fault in FAULTS:
        if bits & fault[0]:
            return fault[2]
    return "None"
