"""The plug's lock: solenoid or motor, driven in pulses and believed only by its feedback."""

from micropython import const

from evse import reasons
from evse.charging import faults

_LOCKED = const(1)
_RELEASED = const(-1)
_MOTOR = const(2)

_PULSE_MS = const(600)
_FEEDBACK_MS = const(800)  # from the pulse's beginning; before it the bolt is still moving
_RECHARGE_MS = const(3000)  # the driver draws on a reservoir that needs a second or so to fill
_RETRY_MS = const(5000)
_RARELY_MS = const(60000)
_TRIES = const(5)
_SURE = const(3)  # readings in a row; the lines are long and motors near
_EMPTY_MS = const(1000)
_MASK = const(0x3FFFFFFF)


def wanted(plugged, empty_ms, released, cable_lock, live):
    """Return where the lock belongs: 1 locked, -1 released, 0 wherever it is.

    ``plugged``: a car is thought to be there. ``empty_ms``: for how long the pilot has shown 12 V
    without a break. ``released``: EnableOne, and access is off. ``cable_lock``: never release.
    ``live``: a contactor is commanded closed, or welded. After power-up nothing moves before the
    pilot has told whether a car is there, so that no plug comes loose under load.
    """
    if plugged and (live or cable_lock or not released):
        return _LOCKED
    if live or cable_lock:
        return 0
    return _RELEASED if released or empty_ms >= _EMPTY_MS else 0


class Lock:
    """``kind`` is 0 none, 1 solenoid, 2 motor; each success goes to ``record(code, a, b)``.

    ``locked`` is True once the feedback confirms it, and without a lock; ``moving`` until the
    feedback confirms what was last wanted. ``fault`` is 0, faults.LOCK or faults.LOCK_STUCK: five
    pulses were in vain, and one a minute goes on trying.
    """

    def __init__(self, record):
        self.kind = 0
        self.locked = True
        self.moving = False
        self.fault = 0
        self._record = record
        self._want = 0
        self._tries = 0  # pulses since the position was last kept for a minute
        self._age = _RARELY_MS  # ms since the last pulse began, at most this
        self._against = 0  # readings in a row that contradict ``moving``
        self._last = 0

    def step(self, want, sense, now):
        """Call every 100 ms; returns the drive: 1 lock, -1 release, 0 off.

        ``want`` is what ``wanted`` returned, ``sense`` the level of the feedback line.
        """
        passed = (now - self._last) & _MASK
        self._last = now
        if not self.kind:
            self.locked = True
            self.moving = False
            self.fault = 0
            self._want = 0
            return 0
        at_lock = bool(sense) == (self.kind == _MOTOR)
        if not self._want:
            passed = _RARELY_MS
        if want and want != self._want:
            self._want = want
            self._tries = 0
            self.moving = True
            self.locked = False
            self.fault = 0
        if not self._want:
            self.locked = at_lock
            return 0
        self._age = min(self._age + passed, _RARELY_MS)
        if self._tries and self._age < _FEEDBACK_MS:
            return self._want if self._age < _PULSE_MS else 0
        if self._tries or not self.moving:
            self._believe(at_lock == (self._want == _LOCKED))
        return self._pulse() if self.moving else 0

    def _believe(self, right):
        """Take a reading that counts: ``right`` where the bolt is where it was wanted."""
        if right != self.moving:
            self._against = 0
            if right and self._age >= _RARELY_MS:
                self._tries = 0
            return
        self._against += 1
        if self._against < _SURE:
            return
        self._against = 0
        self.moving = not right
        self.locked = right and self._want == _LOCKED
        if right:
            self.fault = 0
            self._record(reasons.LOCK_MOVED, self._want, self._tries)

    def _pulse(self):
        """Begin a pulse when one is due; what goes on failing becomes a fault and is tried rarely.

        Pulses that were needed within the same minute count together, however each one ended: a
        bolt that does not stay where it was put must not be hammered at for ever.
        """
        due = _RETRY_MS if self._tries else _RECHARGE_MS
        if self._tries >= _TRIES and self._age >= due:
            self.fault = faults.LOCK if self._want == _LOCKED else faults.LOCK_STUCK
            due = _RARELY_MS
        if self._age < due:
            return 0
        self._tries += 1
        self._age = 0
        self._against = 0
        return self._want
