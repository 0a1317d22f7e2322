"""The plug lock of the socket: an actuator, its feedback line, and what can go wrong. Pure."""

NONE, SOLENOID, MOTOR = KINDS = ("none", "solenoid", "motor")
MOVE_MS = 300  # a pulse shorter than this does not get the bolt across


class Lock:
    """A bolt moved by pulses. ``locked`` is where it is; ``jammed`` True keeps it there."""

    def __init__(self, kind=NONE):
        self.kind = kind
        self.locked = False
        self.jammed = False
        self.pulses = 0
        self._drive = 0
        self._arrives = None

    def drive(self, direction, now):
        """Drive it from ``now`` on: 1 lock, -1 unlock, 0 off."""
        if direction == self._drive:
            return
        self._drive = direction
        self._arrives = None
        if direction and self.kind != NONE:
            self.pulses += 1
            self._arrives = now + MOVE_MS

    def next_change(self):
        """Moment the bolt arrives, or None."""
        return self._arrives

    def step(self, now):
        """Advance to ``now``."""
        if self._arrives is not None and now >= self._arrives:
            self._arrives = None
            if not self.jammed:
                self.locked = self._drive > 0

    def sense(self):
        """Level of the feedback line: a solenoid pulls it low when locked, a motor high."""
        if self.kind == NONE:
            return False
        return self.locked == (self.kind == MOTOR)
