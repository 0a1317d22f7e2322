"""The state machine at the plug, after IEC 61851-1.

A no car; B1 car connected, steady +12 V; B current offered; C charging; C1 asked to stop, steady
+12 V, contactor still closed. State ids are those clients and other EVSEs know. Level B (9 V) must
be seen before B is entered, and C is entered from B alone, so each closing of the contactor has
seen the car at rest and proven its diode.
"""

from micropython import const

from evse import reasons
from evse.charging import faults as registry
from evse.charging.offer import Offer, later, sooner
from evse.charging.pilot import FULL, INVALID_LIMIT_MS, LEVEL_A, LEVEL_B, LEVEL_C, LEVEL_E

STATE_A = const(0)
STATE_B = const(1)
STATE_C = const(2)
STATE_B1 = const(9)
STATE_C1 = const(10)

# What clients show for each state.
STATE_NAMES = {
    STATE_A: "Ready to Charge",
    STATE_B: "Connected to EV",
    STATE_C: "Charging",
    STATE_B1: "Charging Stopped",
    STATE_C1: "Stop Charging",
}

ACCESS_OFF = const(0)
ACCESS_ON = const(1)
ACCESS_PAUSE = const(2)

LEAST_DA = const(60)  # no duty says less
_MOST_DA = const(800)

# A car that asks must keep asking for 500 ms: some close and reopen their switch when the PWM
# starts, which made contactors chatter in the field. The standard leaves the EVSE 3 s.
_ASK_MS = const(500)
_STOP_MS = const(6000)
_REST_MS = const(3000)  # steady +12 V before PWM again
_FAULT_PAUSE_MS = const(15000)

_INVALID_START_MS = const(500)  # a pilot this bad in the last 3 s would soon trip the guard
_NO_DIODE_MS = const(1000)

_CYCLE_MS = const(10)
_CLOSED_MS = const(150)  # the guard opens when no step came for 200
_IDLE_MS = const(1000)
_MASK = const(0x3FFFFFFF)
_HALF = const(0x20000000)
_PAUSED_FAULTS = registry.PILOT | registry.STALL


class Charger:
    """Decides the outputs for one car from ``pilot``; events go to ``record(code, a, b)``.

    Inputs, each set by the owner of the fact: ``access`` (0 off, 1 on, 2 pause), ``faults`` (bits
    of evse.charging.faults; the charger itself sets RCM_TRIPPED, PILOT and STALL and clears the
    latter two), ``min_da``, ``cable_da`` and ``max_da`` (dA), permission by ``grant``. The guard
    sets ``trip`` and may take back ``c1``; ``acknowledged`` is the trip that was obeyed.

    Outputs: ``duty`` (of 65536), ``connect`` (pilot), ``c1``, ``c2`` (contactors), ``state`` and
    ``state_since``, ``reason`` (why it does not charge), ``offered_da`` (0 when nothing is
    offered), ``wants`` (a car is there and could be admitted), ``charging``, ``stepped_at``.
    """

    def __init__(self, pilot, record):
        self.access = ACCESS_OFF
        self.faults = 0
        self.min_da = LEAST_DA
        self.cable_da = 0
        self.max_da = 0
        self.grant_da = 0
        self.trip = 0
        self.acknowledged = 0

        self.duty = FULL
        self.connect = False
        self.c1 = False
        self.c2 = False
        self.state = STATE_A
        self.state_since = 0
        self.reason = reasons.NONE
        self.offered_da = 0
        self.wants = False
        self.charging = False
        self.stepped_at = 0

        self._pilot = pilot
        self._record = record
        self._grant_until = 0
        self._grant_reason = reasons.NO_GRANT
        self._stop = reasons.NONE
        self._offer = Offer(pilot)
        # Deadlines, each with a state or flag that says it is running: a stamp alone would come
        # back to life when the ticks wrap.
        self._resting = False
        self._rest_until = 0
        self._pausing = False
        self._pause_until = 0
        self._pause_reason = reasons.NONE
        self._stop_by = 0

    def grant(self, da, valid_until, reason):
        """Permit ``da`` dA until the tick ``valid_until``; 0 asks for a stop, for ``reason``.

        A grant below ``min_da`` counts as 0. It takes effect with the next step.
        """
        self.grant_da = da
        self._grant_until = valid_until
        self._grant_reason = reason

    def stop(self, reason):
        """Have the next step stop charging in order: C over C1 to B1, B to B1.

        Unless access, a fault or the grant forbids it, charging may begin again after 3 s.
        """
        self._stop = reason

    def step(self, now):
        """Decide all outputs for ``now``; returns ms until it must run again, inputs unchanged.

        The answer is 10 while the pilot is changing, at most 150 while a contactor is closed and
        1000 otherwise. Allocates nothing.
        """
        self.stepped_at = now
        if not self.connect:
            self.connect = True
            self.state_since = now
        if self.grant_da and ((now - self._grant_until) & _MASK) < _HALF:
            self.grant_da = 0
            self._grant_reason = reasons.GRANT_EXPIRED
        if self._pausing and ((now - self._pause_until) & _MASK) < _HALF:
            self._pausing = False
            self._clear(_PAUSED_FAULTS)
        before = self.state
        if self.trip != self.acknowledged:
            self._obey_guard(now)
        state = self.state
        if state == STATE_A:
            wait = self._step_a(now)
        elif state == STATE_B1:
            wait = self._step_b1(now)
        elif state == STATE_B:
            wait = self._step_b(now)
        elif state == STATE_C:
            wait = self._step_c(now)
        else:
            wait = self._step_c1(now)
        self._stop = reasons.NONE
        self.duty = self._offer.duty
        self.offered_da = self._offer.da
        pilot = self._pilot
        self.charging = self.c1
        self.wants = (
            self.state != STATE_A
            and self.access == ACCESS_ON
            and (pilot.level == LEVEL_C or pilot.level == LEVEL_B)
            and not self.faults & registry.BLOCKING
        )
        if self.state != before or pilot.raw != pilot.level:
            return _CYCLE_MS
        if pilot.raw > LEVEL_C and (self.c1 or self.duty != FULL):
            return _CYCLE_MS
        if self._pausing:
            wait = sooner(wait, now, self._pause_until)
        if self.grant_da:
            wait = sooner(wait, now, self._grant_until)
        return wait

    # ---- one method per state; each returns ms until its own next deadline ----

    def _step_a(self, now):
        level = self._pilot.level
        if level == LEVEL_A:
            self.reason = reasons.NO_CAR
        elif level == LEVEL_B or level == LEVEL_C:
            if self.access == ACCESS_ON:
                self._enter(STATE_B1, reasons.CAR_NOT_READY, now)
            else:
                # Clients know a car without access as "Ready to Charge".
                self.reason = self._refusal()
        else:
            self.reason = reasons.PILOT_INVALID
        return self._rest(now)

    def _step_b1(self, now):
        pilot = self._pilot
        wait = self._rest(now)
        refusal = self._refusal()
        if pilot.level == LEVEL_A:
            self._enter(STATE_A, reasons.CAR_UNPLUGGED, now)
        elif refusal:
            self.reason = refusal
        elif self._resting:
            self.reason = reasons.STOP_DELAY
        elif pilot.level == LEVEL_B:
            if pilot.invalid_ms > _INVALID_START_MS:
                self.reason = reasons.PILOT_INVALID
                return _CYCLE_MS
            self._enter_b(reasons.CAR_NOT_READY, now)
        elif pilot.level == LEVEL_C:
            self.reason = reasons.CAR_NOT_READY  # it must show 9 V first
        else:
            self.reason = reasons.PILOT_INVALID
        return wait

    def _step_b(self, now):
        pilot = self._pilot
        level = pilot.level
        refusal = self._stop or self._refusal()
        if level == LEVEL_A:
            self._enter(STATE_A, reasons.CAR_UNPLUGGED, now)
            return _CYCLE_MS
        if refusal:
            self._enter(STATE_B1, refusal, now)
            return _CYCLE_MS
        if level > LEVEL_C:
            self.reason = reasons.NO_DIODE if pilot.no_diode else reasons.PILOT_INVALID
            if pilot.invalid_ms > INVALID_LIMIT_MS:
                self._fail(registry.PILOT, self.reason, now)
            return _CYCLE_MS
        wait = self._follow(now)
        if self._offer.unproven:
            self._enter(STATE_B1, reasons.NO_DIODE, now)
            return _CYCLE_MS
        if not pilot.diode:
            late = ((now - self.state_since) & _MASK) >= _NO_DIODE_MS
            self.reason = reasons.NO_DIODE if late else reasons.CAR_NOT_READY
            return _CYCLE_MS
        self.reason = reasons.CAR_NOT_READY
        if level != LEVEL_C:
            return wait
        # A burst may have come since ``now`` was read, hence the upper bound.
        asked = (now - pilot.since) & _MASK
        if (_ASK_MS <= asked < _HALF and pilot.raw == LEVEL_C and not self.trip
                and pilot.invalid_ms <= _INVALID_START_MS):
            self._enter(STATE_C, reasons.CHARGING, now)
        return _CYCLE_MS

    def _step_c(self, now):
        if self._left(now):
            return _CYCLE_MS
        refusal = self._stop or self._refusal()
        if refusal:
            self._enter(STATE_C1, refusal, now)
            return _CYCLE_MS
        wait = self._follow(now)
        if self._offer.unproven:
            self._enter(STATE_C1, reasons.NO_DIODE, now)
        return min(_CLOSED_MS, wait)

    def _step_c1(self, now):
        if self._left(now):
            return _CYCLE_MS
        if ((now - self._stop_by) & _MASK) < _HALF:
            self._enter(STATE_B1, reasons.CAR_IGNORES_STOP, now)
            return _CYCLE_MS
        return sooner(_CLOSED_MS, now, self._stop_by)

    def _left(self, now):
        """True when C or C1 was left because of the pilot or a fault that opens at once."""
        pilot = self._pilot
        level = pilot.level
        if level == LEVEL_A:
            self._enter(STATE_A, reasons.CAR_UNPLUGGED, now)
        elif level == LEVEL_B:
            self._car_stopped(now)
        elif self.faults & registry.AT_ONCE:
            self._enter(STATE_B1, reasons.FAULT, now)
        elif level == LEVEL_E or pilot.invalid_ms > INVALID_LIMIT_MS:
            self._fail(registry.PILOT, reasons.PILOT_INVALID, now)
        else:
            return False
        return True

    # ---- inside ----

    def _refusal(self):
        """Why nothing may be offered to the car, or 0."""
        if self.access != ACCESS_ON:
            return reasons.PAUSED if self.access == ACCESS_PAUSE else reasons.NO_ACCESS
        blocking = self.faults & registry.BLOCKING
        if blocking & _PAUSED_FAULTS:
            return self._pause_reason or reasons.FAULT
        if blocking:
            return reasons.POWER_RETURN if blocking == registry.BOOT_DELAY else reasons.FAULT
        if not self._permitted():
            return (0 if self.grant_da else self._grant_reason) or reasons.NO_GRANT
        return reasons.NONE

    def _permitted(self):
        """Return the dA that may be offered now, 0 when that is less than the least useful."""
        da = self.grant_da
        da = min(da, self.cable_da)
        da = min(da, self.max_da)
        da = min(da, _MOST_DA)
        return da if da >= self.min_da and da >= LEAST_DA else 0

    def _follow(self, now):
        return self._offer.follow(self._permitted(), self.c1, now)

    def _rest(self, now):
        """Let the pause after a stop run out; returns ms until it does."""
        if not self._resting:
            return _IDLE_MS
        if ((now - self._rest_until) & _MASK) < _HALF:
            self._resting = False
            return _IDLE_MS
        return sooner(_IDLE_MS, now, self._rest_until)

    def _obey_guard(self, now):
        """Follow the guard, which has opened the contactors, into a safe state."""
        trip = self.trip
        self.c1 = False
        self.c2 = False
        if trip == reasons.GUARD_RCM:
            self._raise(registry.RCM_TRIPPED)
            if self.state != STATE_A and self.state != STATE_B1:
                self._enter(STATE_B1, trip, now)
        elif trip == reasons.GUARD_LEVEL:
            if self._pilot.level == LEVEL_A:
                self._enter(STATE_A, reasons.CAR_UNPLUGGED, now)
            else:
                self._car_stopped(now)
        elif trip == reasons.GUARD_STALL:
            self._fail(registry.STALL, trip, now)
        elif trip:
            self._fail(registry.PILOT, trip, now)
        self.acknowledged = trip

    def _car_stopped(self, now):
        """The car went from 6 to 9 V: B while it may go on, else B1."""
        refusal = self._stop or self._refusal()
        if self.state == STATE_C1 or refusal:
            self._enter(STATE_B1, reasons.CAR_STOPPED, now)
        else:
            self._enter_b(reasons.CAR_STOPPED, now)

    def _enter_b(self, reason, now):
        self._pilot.forget_diode()
        self._enter(STATE_B, reason, now)
        self._follow(now)

    def _fail(self, fault, reason, now):
        """Open at once and keep ``fault`` up for a while."""
        self._raise(fault)
        self._pausing = True
        self._pause_until = later(now, _FAULT_PAUSE_MS)
        self._pause_reason = reason
        self._enter(STATE_B1, reason, now)

    def _enter(self, state, reason, now):
        """Change the state with its outputs; the only place that closes a contactor."""
        running = self.state != STATE_A and self.state != STATE_B1
        self.state = state
        self.state_since = now
        self.reason = reason
        self.c1 = state == STATE_C or (state == STATE_C1 and self.c1)
        if state != STATE_B and state != STATE_C:
            self._offer.silence()
        if state == STATE_C1:
            self._stop_by = later(now, _STOP_MS)
        elif running and (state == STATE_A or state == STATE_B1):
            self._resting = True
            self._rest_until = later(now, _REST_MS)
        self._record(reasons.STATE, state, reason)

    def _raise(self, bit):
        if not self.faults & bit:
            self.faults |= bit
            self._record(reasons.FAULT_SET, bit, self.state)

    def _clear(self, bits):
        self.faults &= ~bits
        self._record(reasons.FAULT_CLEARED, bits, self.state)
