"""The state machine at the plug, after IEC 61851-1.

A no car; B1 car connected, steady +12 V; B current offered; C charging; C1 asked to stop, steady
+12 V, contactor still closed. ACTSTART is a nudge for a car that sleeps (``wake``), the MODEM
states ask a modem about the car (``modem``). Level B (9 V) must be seen before B is entered, and C
is entered from B alone, so each closing of the contactor has seen the car at rest and proven its
diode. After a fault that opened under load the pilot is at state F (-12 V) for 350 ms, so that the
car learns of it, and then at +12 V: a steady F would hide that the plug is pulled.
"""

from micropython import const

from evse import reasons
from evse.charging import faults as registry
from evse.charging.offer import REST_MS, later, sooner
from evse.charging.pilot import (
    FULL,
    INVALID_LIMIT_MS,
    LEVEL_A,
    LEVEL_B,
    LEVEL_C,
    LEVEL_E,
    LEVEL_INVALID,
    LEVEL_UNKNOWN,
)
from evse.charging.plug import ACCESS_ON, LEAST_PWM, Plug
from evse.charging.states import (
    STATE_A,
    STATE_ACTSTART,
    STATE_B,
    STATE_B1,
    STATE_C,
    STATE_C1,
    STATE_MODEM_DENIED,
    STATE_MODEM_DONE,
    STATE_MODEM_REQUEST,
    STATE_MODEM_WAIT,
)
from evse.charging.wake import STEPS

# A car that asks must keep asking for 500 ms: some close and reopen their switch when the PWM
# starts, which made contactors chatter in the field. The standard leaves the EVSE 3 s.
_ASK_MS = const(500)
_STOP_MS = const(6000)

# Contactor 2 follows the first while no car draws yet. Later it must not close any more.
_SECOND_MS = const(50)
_TOO_LATE_MS = const(300)

_INVALID_START_MS = const(500)  # a pilot this bad in the last 3 s would soon trip the guard
_NO_DIODE_MS = const(1000)

_MODEM_LINE_MS = const(5000)  # the line is open so long before and after asking
_MODEM_WAIT_MS = const(60000)
_MODEM_DUTY = const(3264)  # 5 %: digital communication

_CYCLE_MS = const(10)
_CLOSED_MS = const(150)  # the guard opens when no step came for 200
_IDLE_MS = const(1000)
_MASK = const(0x3FFFFFFF)
_HALF = const(0x20000000)


class Charger(Plug):
    """Decides the outputs of a plug, see there, from its inputs."""

    def step(self, now):
        """Decide all outputs for ``now``; returns ms until it must run again, inputs unchanged.

        The answer is 10 while the pilot is changing, at most 150 while a contactor is closed and
        1000 otherwise. Allocates nothing.
        """
        self.stepped_at = now
        offer = self.offer
        pilot = self.pilot
        if offer.pulsing:
            offer.hold(now)
        elif not offer.connect:
            offer.silence()
            self.state_since = now
        if self.grant_da and ((now - self.grant_until) & _MASK) < _HALF:
            self.grant_da = 0
            self.grant_reason = reasons.GRANT_EXPIRED
        if self.pausing:
            self.clear_pause(now)
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
        elif state == STATE_C1:
            wait = self._step_c1(now)
        else:
            wait = self._step_between(now)
        self.stopping = reasons.NONE
        if self.trip:  # also one that came during this step
            self.c1 = False
            self.c2 = False
        self.duty = offer.duty
        self.connect = offer.connect
        self.offered_da = offer.da
        if self.charging != self.c1:
            self.charging = self.c1
            self.switched_at = now
        state = self.state
        level = pilot.level
        self.plugged = state != STATE_A
        self.wants = (
            state != STATE_A
            and self.access == ACCESS_ON
            # A permission is not given back while the line is pulsed for it. Nor because of a bad
            # pilot while charging: that has limits of its own, and the orderly stop's steady
            # +12 V would hide a diode that is gone.
            and (level == LEVEL_C or level == LEVEL_B or state == STATE_C
                 or (level == LEVEL_UNKNOWN and offer.resting))
            and not self.faults & registry.BLOCKING
        )
        if state != before or pilot.raw != level:
            return _CYCLE_MS
        if offer.pulsing:
            wait = sooner(wait, now, offer.until)
        elif level > LEVEL_C and (level == LEVEL_UNKNOWN or self.c1 or self.duty != FULL):
            return _CYCLE_MS
        if self.pausing:
            wait = sooner(wait, now, self.pause_until)
        if self.grant_da:
            wait = sooner(wait, now, self.grant_until)
        return wait

    # ---- one method per state; each returns ms until its own next deadline ----

    def _step_a(self, now):
        level = self.pilot.level
        wait = self.offer.rest(now)
        self.stay_ms = 0
        self.contactors.take()
        if level == LEVEL_A:
            self.reason = reasons.NO_CAR
            if self.modem and self.modem.used:
                wait = self._part(wait, now)
        elif level == LEVEL_B or level == LEVEL_C:
            if self.access == ACCESS_ON:
                self.woke = -1
                self.enter(STATE_B1, reasons.CAR_NOT_READY, now)
            else:
                # Clients know a car without access as "Ready to Charge".
                self.reason = self.refusal()
        else:
            self.reason = reasons.PILOT_INVALID
        return wait

    def _step_b1(self, now):
        pilot = self.pilot
        contactors = self.contactors
        wait = self.offer.rest(now)
        contactors.take()
        if self.stopping and self.stay_ms:
            wait = self.offer.rest_for(self.stay_ms, now)
            self.stay_ms = 0
        refusal = self.refusal()
        if pilot.level == LEVEL_A:
            self.enter(STATE_A, reasons.CAR_UNPLUGGED, now)
        elif refusal:
            self.reason = refusal
        elif self.offer.pulsing:
            self.reason = reasons.SWITCHING_PHASES
        elif contactors.shown is not None and contactors.shown != (contactors.phases == 3):
            contactors.shown = None
            self.offer.pulse(False, contactors.pause_ms, now)
            return _CYCLE_MS
        elif self.offer.resting:
            self.reason = reasons.STOP_DELAY
        elif pilot.level == LEVEL_B:
            if pilot.invalid_ms > _INVALID_START_MS:
                self.reason = reasons.PILOT_INVALID
                return _CYCLE_MS
            if self.modem and not self.modem.done:
                self.modem.used = True
                self.modem.told = False
                self.enter(STATE_MODEM_REQUEST, reasons.MODEM, now)
                self.offer.pulse(False, _MODEM_LINE_MS, now)
                return _CYCLE_MS
            self._enter_b(reasons.CAR_NOT_READY, now)
        elif pilot.level == LEVEL_C:
            self.reason = reasons.CAR_NOT_READY  # it must show 9 V first
        else:
            self.reason = reasons.PILOT_INVALID
        return wait

    def _step_between(self, now):
        """Take ACTSTART and the MODEM states on: each lasts until its rest is over."""
        state = self.state
        level = self.pilot.level
        modem = self.modem
        wait = self.offer.rest(now)
        refusal = self.stopping or self.refusal()
        if not modem and state != STATE_ACTSTART:
            refusal = reasons.COMMANDED  # somebody has just switched it off
        if level == LEVEL_A:
            self.enter(STATE_A, reasons.CAR_UNPLUGGED, now)
        elif refusal:
            self.enter(STATE_B1, refusal, now)
        elif self.offer.resting and not (state == STATE_MODEM_WAIT and modem.told):
            return wait
        elif state == STATE_MODEM_WAIT:
            self.enter(STATE_MODEM_DONE, reasons.MODEM, now)
            self.offer.pulse(False, _MODEM_LINE_MS, now)
        elif level != LEVEL_B or state == STATE_MODEM_DENIED:
            self.enter(STATE_B1, reasons.CAR_NOT_READY, now)
        elif state == STATE_MODEM_REQUEST:
            self.enter(STATE_MODEM_WAIT, reasons.MODEM, now)
            self.offer.say(_MODEM_DUTY)
            self.offer.rest_for(_MODEM_WAIT_MS, now)
        elif state == STATE_MODEM_DONE and not modem.admits():
            self.enter(STATE_MODEM_DENIED, reasons.MODEM_DENIED, now)
            self.offer.rest_for(_MODEM_WAIT_MS, now)
        else:
            if state == STATE_MODEM_DONE:
                modem.done = True
            self._enter_b(reasons.CAR_NOT_READY, now)
        return _CYCLE_MS

    def _step_b(self, now):
        pilot = self.pilot
        level = pilot.level
        refusal = self.stopping or self.refusal()
        if level == LEVEL_A:
            self.enter(STATE_A, reasons.CAR_UNPLUGGED, now)
            return _CYCLE_MS
        if refusal:
            self.enter(STATE_B1, refusal, now)
            return _CYCLE_MS
        mute = self.modem and 0 < self.pwm < LEAST_PWM
        if mute:
            self.offer.say(self.pwm * 64)
            wait = _IDLE_MS
        else:
            wait = self._follow(now)
        if level > LEVEL_C:
            self.reason = reasons.NO_DIODE if pilot.no_diode else reasons.PILOT_INVALID
            if pilot.invalid_ms > INVALID_LIMIT_MS:
                self.fail(registry.PILOT, self.reason, now)
            return _CYCLE_MS
        if mute:
            self.reason = reasons.MODEM
            return wait
        if self.offer.unproven:
            self.enter(STATE_B1, reasons.NO_DIODE, now)
            return _CYCLE_MS
        if not pilot.diode:
            late = ((now - self.state_since) & _MASK) >= _NO_DIODE_MS
            self.reason = reasons.NO_DIODE if late else reasons.CAR_NOT_READY
            return _CYCLE_MS
        self.reason = reasons.WAKING if self.wake.step else reasons.CAR_NOT_READY
        if level != LEVEL_C:
            return self._rouse(wait, now) if self.wake.running else wait
        # A burst may have come since ``now`` was read, hence the upper bound.
        asked = (now - pilot.since) & _MASK
        if (_ASK_MS <= asked < _HALF and pilot.raw == LEVEL_C and not self.trip
                and pilot.invalid_ms <= _INVALID_START_MS):
            if self.asks and not self.admitted:
                self.reason = reasons.WAITS_MASTER
            elif self.locked:
                self.enter(STATE_C, reasons.CHARGING, now)
            else:
                self.reason = reasons.LOCKING
        return _CYCLE_MS

    def _rouse(self, wait, now):
        """Nudge a car that has let the offer lie for too long."""
        wake = self.wake
        if ((now - wake.due) & _MASK) >= _HALF:
            return sooner(wait, now, wake.due)
        if self.pilot.raw != LEVEL_B:
            return _CYCLE_MS
        ms = wake.climb(now)
        if ms:
            self.record(reasons.WAKE_STEP, wake.step)
            self.enter(STATE_ACTSTART, reasons.WAKING, now)
            self.offer.pulse(wake.step == STEPS, ms, now)
        return _CYCLE_MS

    def _step_c(self, now):
        if self._left(now):
            return _CYCLE_MS
        refusal = self.stopping or self.refusal()
        if not refusal and self.modem and 0 < self.pwm < LEAST_PWM:
            refusal = reasons.MODEM
        if not refusal and not self.c2 and self.contactors.phases == 3:
            closed = (now - self.state_since) & _MASK
            if closed > _TOO_LATE_MS:
                refusal = reasons.SWITCHING_PHASES
            elif closed >= _SECOND_MS and self.c1:
                self.c2 = True
                self.contactors.c2_count += 1
        if refusal:
            if self.pilot.level == LEVEL_INVALID and self.pilot.no_diode:
                # Not by steady +12 V, which shows no diode any more.
                self.fail(registry.PILOT, reasons.NO_DIODE, now)
            else:
                self.enter(STATE_C1, refusal, now)
            return _CYCLE_MS
        wait = self._follow(now)
        if self.offer.unproven:
            self.enter(STATE_C1, reasons.NO_DIODE, now)
        if not self.c2 and self.contactors.phases == 3:
            return _CYCLE_MS
        return min(_CLOSED_MS, wait)

    def _step_c1(self, now):
        if self._left(now):
            return _CYCLE_MS
        if ((now - self.state_since) & _MASK) >= _STOP_MS:
            self.enter(STATE_B1, reasons.CAR_IGNORES_STOP, now)
            return _CYCLE_MS
        return sooner(_CLOSED_MS, now, later(self.state_since, _STOP_MS))

    def _left(self, now):
        """True when C or C1 was left because of the pilot or a fault that opens at once."""
        pilot = self.pilot
        level = pilot.level
        if level == LEVEL_A:
            self.enter(STATE_A, reasons.CAR_UNPLUGGED, now)
        elif level == LEVEL_B:
            self._car_stopped(now)
        elif self.faults & registry.AT_ONCE:
            self.cut(reasons.FAULT, now)
        elif level == LEVEL_E or pilot.invalid_ms > INVALID_LIMIT_MS:
            self.fail(registry.PILOT, reasons.PILOT_INVALID, now)
        else:
            return False
        return True

    # ---- inside ----

    def _follow(self, now):
        return self.offer.follow(self.permitted(), self.c1, now)

    def _obey_guard(self, now):
        """Follow the guard, which has opened the contactors, into a safe state."""
        trip = self.trip
        self.c1 = False
        self.c2 = False
        if trip == reasons.GUARD_RCM:
            self.set_fault(registry.RCM_TRIPPED)
            if self.state != STATE_A and self.state != STATE_B1:
                self.cut(trip, now)
        elif trip == reasons.GUARD_LEVEL:
            if self.pilot.level == LEVEL_A:
                self.enter(STATE_A, reasons.CAR_UNPLUGGED, now)
            else:
                self._car_stopped(now)
        elif trip == reasons.GUARD_STALL:
            self.fail(registry.STALL, trip, now)
        elif trip:
            self.fail(registry.PILOT, trip, now)
        self.acknowledged = trip

    def _car_stopped(self, now):
        """The car went from 6 to 9 V: B while it may go on, else B1."""
        refusal = self.stopping or self.refusal()
        if self.state == STATE_C1 or refusal:
            self.enter(STATE_B1, reasons.CAR_STOPPED, now)
        else:
            self._enter_b(reasons.CAR_STOPPED, now)

    def _part(self, wait, now):
        """Have the modem forget a car that has been gone for 3 s."""
        gone = (now - self.pilot.since) & _MASK
        if gone < REST_MS:
            return sooner(wait, now, later(self.pilot.since, REST_MS))
        self.modem.forget()
        return wait

    def _enter_b(self, reason, now):
        before = self.state
        self.pilot.forget_diode()
        self.enter(STATE_B, reason, now)
        self.contactors.shown = self.contactors.phases == 3
        if before == STATE_ACTSTART:
            self.wake.offered(now)
        elif before != STATE_C:  # a car that stopped by itself is let alone
            self.wake.begin(now)
        self._follow(now)

