"""An electric car at the end of the cable, as the pilot and the contactor see it.

All time is an int in ms, all current an int in mA, so that a run gives the same numbers on every
interpreter and however it is stepped: between two moments named by ``next_change`` nothing moves.
The car's offer comes from the duty by the standard's own rule, never by the firmware's tables.
"""

FULL = 65536
RAMP_MS = 100  # the draw moves in steps of this length
STOP_MS = 1500  # a car told to stop ramps down at least this fast
OPEN_MS = 200  # from no current to S2 open
# How long the pilot must be open, or at -12 V, to wake a car that sleeps.
WAKES = {"interruption": 3000, "long": 8000, "f": 2000, "never": None}
NORMAL, OPEN, NEGATIVE = range(3)  # what the line is to the car
UJ_PER_WH = 3_600_000_000

MODELS = {
    "three-phase 16 A": {"phases": [1, 2, 3], "max_da": 160, "dead_s": 1.0, "ramp_da_s": 50},
    "three-phase 32 A": {"phases": [1, 2, 3], "max_da": 320, "dead_s": 2.0, "ramp_da_s": 50},
    "one-phase 32 A": {"phases": [1], "max_da": 320, "dead_s": 1.0, "ramp_da_s": 80},
    "two-phase 16 A": {"phases": [1, 2], "max_da": 160, "dead_s": 1.5, "ramp_da_s": 40},
    "slow one": {"phases": [1, 2, 3], "max_da": 160, "dead_s": 4.0, "ramp_da_s": 10},
    "nearly full": {"phases": [1, 2, 3], "max_da": 160, "dead_s": 1.0, "ramp_da_s": 50,
                    "energy_wh": 300},
    "sleeps, wakes by 3 s": {"phases": [1, 2, 3], "max_da": 160, "dead_s": 1.0, "ramp_da_s": 50,
                             "wake": "interruption", "asleep": True},
    "sleeps, wakes by 8 s": {"phases": [1], "max_da": 320, "dead_s": 1.0, "ramp_da_s": 80,
                             "wake": "long", "asleep": True},
    "sleeps, wakes by -12 V": {"phases": [1, 2, 3], "max_da": 160, "dead_s": 1.0, "ramp_da_s": 50,
                               "wake": "f", "asleep": True},
    "takes 3 A too much": {"phases": [1, 2, 3], "max_da": 160, "dead_s": 1.0, "ramp_da_s": 50,
                           "over_da": 30},
    "will not stop": {"phases": [1, 2, 3], "max_da": 160, "dead_s": 1.0, "ramp_da_s": 50,
                      "ignores_stop": True},
    "no diode": {"phases": [1], "max_da": 160, "dead_s": 1.0, "ramp_da_s": 50, "diode": False},
}


def offer_ma(duty):
    """Current a pilot of this duty (0..65536) offers, in mA; 0 when it offers none."""
    if not 5243 <= duty <= 63570:  # 8 to 97 %
        return 0
    if duty <= 6554:  # 10 %
        return 6000
    if duty <= 55706:  # 85 %
        return (duty * 60_000 + FULL // 2) // FULL
    return min((duty * 250_000 + FULL // 2) // FULL - 160_000, 80_000)


def mask(phases):
    """Bits 1, 2, 4 of the phases 0, 1, 2."""
    bits = 0
    for phase in phases:
        bits |= 1 << phase
    return bits


def count(bits):
    """How many of three phases are in ``bits``."""
    return (bits & 1) + (bits >> 1 & 1) + (bits >> 2 & 1)


class Car:
    """One car. ``step`` brings it to a moment; ``next_change`` names the next one that matters.

    phases: list of 1..3 it draws on; max_da, min_da: its own limits per phase; dead_s: from an
    offer to its effect; ramp_da_s: slope of the draw; energy_wh: what it still takes, None for no
    end; ready_s: from the first offer to state C; diode: False for a car that lacks one.

    Quirks, which ``quirk`` changes on the way: wake: what wakes it once it sleeps, None for a car
    that never does, "interruption" or "long" of the pilot, "f" for -12 V, or "never"; sleep_s:
    how long without an offer until it sleeps; asleep: it sleeps already when it is plugged in;
    over_da: takes so much more than it is offered; ignores_offer: takes max_da of any offer;
    ignores_stop: draws on until it is cut off.

    It decides on its phases when it begins to draw: a phase that comes later waits for the next
    time, one that goes is gone.
    """

    def __init__(self, phases=(1, 2, 3), max_da=160, min_da=60, dead_s=2.0, ramp_da_s=50,
                 energy_wh=None, ready_s=1.5, diode=True, wake=None, sleep_s=600, asleep=False,
                 over_da=0, ignores_offer=False, ignores_stop=False):
        self.phases = tuple([phase - 1 for phase in phases])
        self._wired = mask(self.phases)
        self.max_ma = max_da * 100
        self.min_ma = min_da * 100
        self.dead_ms = int(dead_s * 1000 + 0.5)
        self.ramp_ma = max(ramp_da_s * RAMP_MS // 10, 1)
        self.ready_ms = int(ready_s * 1000 + 0.5)
        self.diode = diode
        self.wake = wake
        self.sleep_ms = int(sleep_s * 1000 + 0.5)
        self.sleepy = asleep
        self.over_da = over_da
        self.ignores_offer = ignores_offer
        self.ignores_stop = ignores_stop
        self.left_uj = None if energy_wh is None else int(energy_wh * UJ_PER_WH)
        self.plugged = False
        self.asleep = False
        self.drawing_state = False  # S2 closed: the pilot reads 6 V
        self.draw_ma = 0
        self.taken_uj = 0
        self._powered = 0  # bits of the phases that are live
        self._using = 0  # bits of the phases it draws on, or last drew on
        self._offer = 0
        self._target = 0
        self._now = 0
        self._line = NORMAL
        self._line_since = 0
        self._dark_since = 0  # without an offer, while there is none
        self._forget()

    def _forget(self):
        self._ready_at = None
        self._open_at = None
        self._ramp_at = None
        self._slope = self.ramp_ma
        self._adopt = []  # [moment, offer] still travelling through the car's electronics

    @property
    def full(self):
        """True once the car has all the energy it wanted."""
        return self.left_uj is not None and self.left_uj <= 0

    @property
    def hungry(self):
        """True while the car is plugged and would take energy."""
        return self.plugged and not self.full

    def plug(self, now):
        """Put the plug in."""
        self.plugged = True
        self.asleep = bool(self.wake) and self.sleepy
        self._now = self._dark_since = self._line_since = now
        self._follow(now)

    def unplug(self, now):
        """Pull the plug, under load or not."""
        self.plugged = False
        self.asleep = False
        self.drawing_state = False
        self.draw_ma = self._target = 0
        self._forget()
        self._now = now

    def quirk(self, name, value, now):
        """Change a quirk; one that concerns the current acts after the car's dead time."""
        setattr(self, name, value)
        if name == "asleep":
            self.asleep = bool(self.wake) and value and not self.drawing_state
            if self.asleep:
                self._ready_at = None
            else:
                self._dark_since = now
                self._follow(now)
        elif self._offer and self.drawing_state and self._powered:
            self._adopt.append([now + self.dead_ms, self._offer])

    def uses(self, phase):
        """True for a phase, 0..2, the car draws its current from."""
        return bool(self.draw_ma and self._using >> phase & 1)

    def see(self, duty, connected, powered, now):
        """Tell the car what the charger does from ``now`` on.

        ``powered`` has bits 1, 2, 4 for L1, L2, L3 as far as they are live and have their neutral.
        """
        line = OPEN if not connected else NORMAL if duty else NEGATIVE
        self._watch(line, now)
        offer = offer_ma(duty) if connected else 0
        powered &= self._wired
        if powered != self._powered:
            before, self._powered = self._powered, powered
            self._using &= powered
            if not self._using:
                self._cut_off(offer, now)
            if offer and powered and not (before and self._using):
                self._adopt = [[now + self.dead_ms, offer]]
        if offer != self._offer:
            self._offer = offer
            self._follow(now)

    def _cut_off(self, offer, now):
        self.draw_ma = self._target = 0
        self._ramp_at = None
        self._adopt = []
        if not offer and self.drawing_state:
            self._open_at = now + OPEN_MS  # even one that ignores a stop sees there is no mains

    def _watch(self, line, now):
        """Fall asleep when nothing was offered for long; wake by what wakes this car."""
        if not self.plugged or not self.wake:
            self.asleep = False
        elif not self._offer and now - self._dark_since >= self.sleep_ms:
            self.asleep = True
        if line != self._line:
            needed = WAKES.get(self.wake)
            by = NEGATIVE if self.wake == "f" else OPEN
            if self._line == by and needed is not None and now - self._line_since >= needed:
                self.asleep = False
                self._dark_since = now
            self._line = line
            self._line_since = now

    def _follow(self, now):
        if not self.plugged:
            return
        if not self._offer:
            self._dark_since = now
            self._ready_at = None
            if self.drawing_state and not (self.ignores_stop and self._powered):
                self._adopt = [[now + min(self.dead_ms, 1000), 0]]
            return
        self._open_at = None
        if not self.drawing_state:
            if not self.full and not self.asleep and self._ready_at is None:
                self._ready_at = now + self.ready_ms
        elif self._powered:
            # A stop still under way is forgotten: the offer that came back replaces it.
            self._adopt = [item for item in self._adopt if item[1]]
            self._adopt.append([now + self.dead_ms, self._offer])
        else:
            self._adopt = []

    def power_mw(self, volts):
        """Power the car takes at the phase voltage ``volts``."""
        return self.draw_ma * count(self._using) * volts

    def next_change(self, volts):
        """Moment of the next change that comes from the car itself, or None."""
        soonest = None
        full_at = None
        if self.left_uj is not None and self.draw_ma and self.left_uj > 0:
            full_at = self._now + -(-self.left_uj // self.power_mw(volts))
        for moment in (self._ready_at, self._open_at, self._ramp_at, full_at,
                       self._adopt[0][0] if self._adopt else None):
            if moment is not None and (soonest is None or moment < soonest):
                soonest = moment
        return soonest

    def step(self, now, volts):
        """Advance to ``now``, which must not lie beyond ``next_change``."""
        energy = self.power_mw(volts) * (now - self._now)
        self.taken_uj += energy
        self._now = now
        if self.left_uj is not None and energy:
            self.left_uj -= energy
            if self.left_uj <= 0:
                self._stop(now)
        if self._ready_at is not None and now >= self._ready_at:
            self._ready_at = None
            self.drawing_state = True
            if self._powered:
                self._adopt = [[now + self.dead_ms, self._offer]]
        while self._adopt and now >= self._adopt[0][0]:
            self._take(self._adopt.pop(0)[1], now)
        if self._ramp_at is not None and now >= self._ramp_at:
            self._ramp(now)
        if self._open_at is not None and now >= self._open_at:
            self._open_at = None
            self.drawing_state = False

    def _take(self, offer, now):
        if not offer:
            self._stop(now)
        elif not self.full:
            self._aim(self._wish(offer), self.ramp_ma, now)

    def _wish(self, offer):
        if offer < self.min_ma:
            return 0
        if self.ignores_offer:
            return self.max_ma
        return min(offer, self.max_ma) + self.over_da * 100

    def _stop(self, now):
        self._adopt = []
        self._aim(0, max(self.ramp_ma, -(-self.draw_ma * RAMP_MS // STOP_MS)), now)
        if not self.draw_ma and self._open_at is None:
            self._open_at = now + OPEN_MS

    def _aim(self, target, slope, now):
        self._target = target if self._powered else 0
        self._slope = slope
        if self.draw_ma == self._target:
            self._ramp_at = None
        elif self._ramp_at is None:
            self._ramp_at = now + RAMP_MS

    def _ramp(self, now):
        if not self.draw_ma:
            self._using = self._powered
        if self.draw_ma < self._target:
            self.draw_ma = min(self.draw_ma + self._slope, self._target)
        else:
            self.draw_ma = max(self.draw_ma - self._slope, self._target)
        self._ramp_at = None if self.draw_ma == self._target else now + RAMP_MS
        if not self.draw_ma and not self._target and (not self._offer or self.full):
            self._open_at = now + OPEN_MS
