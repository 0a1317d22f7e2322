"""The plug: its inputs and outputs, what forbids an offer, and how its state changes.

The charger decides by means of these; ``enter`` is the one way from state to state, so whatever
holds for a state is written there once.
"""

from micropython import const

from evse import reasons
from evse.charging import faults as registry
from evse.charging.contactors import Contactors
from evse.charging.offer import REST_MS, Offer, later
from evse.charging.pilot import FULL, current_of
from evse.charging.states import (
    STATE_A,
    STATE_ACTSTART,
    STATE_B,
    STATE_B1,
    STATE_C,
    STATE_C1,
)
from evse.charging.wake import Wake

ACCESS_OFF = const(0)
ACCESS_ON = const(1)
ACCESS_PAUSE = const(2)

LEAST_DA = const(60)  # no duty says less
LEAST_PWM = const(82)  # of 1024: the least that offers a current
_MOST_DA = const(800)
_FAULT_PAUSE_MS = const(15000)
_F_MS = const(350)
_MASK = const(0x3FFFFFFF)
_HALF = const(0x20000000)
_PAUSED_FAULTS = registry.PILOT | registry.STALL | registry.DIODE


class Plug:
    """One plug with its car, seen by ``pilot``; events go to ``record(code, a, b)``.

    Inputs, each set by the owner of the fact: ``access`` (0 off, 1 on, 2 pause), ``denied`` (the
    reason while it is off), ``faults`` (bits of evse.charging.faults; the charger itself sets
    RCM_TRIPPED, PILOT, DIODE and STALL and clears the latter three), ``min_da``, ``cable_da`` and
    ``max_da`` (dA), ``locked`` (the plug is held, or needs no lock), ``asks`` (a Master has to
    agree each time before the contactor closes), ``admitted`` (it has), permission by ``grant``.
    The guard sets ``trip`` and may take back ``c1`` and ``c2``; ``acknowledged`` is the trip that
    was obeyed. ``contactors`` takes the wish for phases. ``modem`` is a Modem or None; only with
    one ``pwm`` acts: -1 nothing, 0 stops in order, up to 1024 a duty that is put out where it is
    below the one of the grant (below 8 % it offers no current, so nothing charges).

    Outputs: ``duty`` (of 65536), ``connect`` (pilot), ``c1``, ``c2`` (contactors), ``state`` and
    ``state_since``, ``reason`` (why it does not charge), ``offered_da`` (0 when nothing is
    offered), ``plugged`` (a car is thought to be there), ``wants`` (and could be admitted),
    ``charging``, ``switched_at`` (tick at which contactor 1 last closed or opened),
    ``stop_reason`` (why state C was last left), ``woke`` (step of the ladder that woke this car,
    -1 none yet), ``stepped_at``.
    """

    def __init__(self, pilot, record):
        self.access = ACCESS_OFF
        self.denied = reasons.NO_ACCESS
        self.faults = 0
        self.min_da = LEAST_DA
        self.cable_da = 0
        self.max_da = 0
        self.grant_da = 0
        self.locked = True
        self.asks = False
        self.admitted = False
        self.trip = 0
        self.acknowledged = 0
        self.contactors = Contactors(record)
        self.modem = None
        self.pwm = -1

        self.duty = FULL
        self.connect = False
        self.c1 = False
        self.c2 = False
        self.state = STATE_A
        self.state_since = 0
        self.reason = reasons.NONE
        self.stop_reason = reasons.NONE
        self.offered_da = 0
        self.plugged = False
        self.wants = False
        self.charging = False
        self.switched_at = 0
        self.woke = -1
        self.stepped_at = 0

        self.pilot = pilot
        self.record = record
        self.grant_until = 0
        self.grant_reason = reasons.NO_GRANT
        self.stopping = reasons.NONE
        self.stay_ms = 0
        self.offer = Offer(pilot)
        self.wake = Wake()
        self.pausing = False
        self.pause_until = 0
        self._pause_reason = reasons.NONE

    def grant(self, da, valid_until, reason):
        """Permit ``da`` dA until the tick ``valid_until``; 0 asks for a stop, for ``reason``.

        A grant below ``min_da`` counts as 0. It takes effect with the next step.
        """
        self.grant_da = da
        self.grant_until = valid_until
        self.grant_reason = reason

    def stop(self, reason, pause_ms=0):
        """Have the next step stop charging in order: C over C1 to B1, any other state to B1.

        Unless access, a fault or the grant forbids it, charging may begin again after 3 s in B1,
        or ``pause_ms`` if that is more.
        """
        self.stopping = reason
        self.stay_ms = max(self.stay_ms, pause_ms)

    def refusal(self):
        """Why nothing may be offered to the car, or 0."""
        if self.access != ACCESS_ON:
            return reasons.PAUSED if self.access == ACCESS_PAUSE else self.denied
        blocking = self.faults & registry.BLOCKING
        if blocking & _PAUSED_FAULTS:
            return self._pause_reason or reasons.FAULT
        if blocking == registry.BOOT_DELAY:
            return reasons.POWER_RETURN
        if blocking:
            others = blocking & ~(registry.UPDATE | registry.BOOT_DELAY)
            return reasons.FAULT if others else reasons.UPDATING
        if not self.permitted():
            return (0 if self.grant_da else self.grant_reason) or reasons.NO_GRANT
        if self.modem and not self.pwm:
            return reasons.COMMANDED
        contactors = self.contactors
        if contactors.wanted() != (contactors.phases == 3):
            return reasons.SWITCHING_PHASES
        return reasons.NONE

    def permitted(self):
        """Return the dA that may be offered now, 0 when that is less than the least useful."""
        da = self.grant_da
        da = min(da, self.cable_da)
        da = min(da, self.max_da)
        da = min(da, _MOST_DA)
        if self.modem and self.pwm >= LEAST_PWM:
            da = min(da, current_of(self.pwm * 64) or da)
        return da if da >= self.min_da and da >= LEAST_DA else 0

    def fail(self, fault, reason, now):
        """Open at once and keep ``fault`` up for a while."""
        if self.pilot.no_diode and fault == registry.PILOT:
            fault = registry.DIODE
            reason = reasons.NO_DIODE
        self.set_fault(fault)
        self.pausing = True
        self.pause_until = later(now, _FAULT_PAUSE_MS)
        self._pause_reason = reason
        self.cut(reason, now)

    def cut(self, reason, now):
        """Open at once; tell the car by state F if that was under load."""
        loaded = self.state == STATE_C or self.state == STATE_C1
        self.enter(STATE_B1, reason, now)
        if loaded:
            self.offer.pulse(True, _F_MS, now)

    def enter(self, state, reason, now):
        """Change the state with its outputs. The only place that closes contactor 1."""
        before = self.state
        offer = self.offer
        wake = self.wake
        self.state = state
        self.state_since = now
        self.reason = reason
        if before == STATE_C:
            self.stop_reason = reason
        if state == STATE_C:
            self.admitted = False  # used up
            self.c1 = before == STATE_B
            self.contactors.c1_count += 1
            if wake.running:
                self.woke = wake.step
                self.record(reasons.WOKE, wake.step, (now - wake.since) & _MASK)
        elif state != STATE_C1:
            self.c1 = False
            self.c2 = False
        if state != STATE_B and state != STATE_ACTSTART:
            wake.running = False
        if state != STATE_B and state != STATE_C:
            offer.silence()
        if state != STATE_C1 and before != STATE_A and before != STATE_B1:
            offer.resting = False  # of a pulse or the modem
            if state == STATE_B1:
                offer.rest_for(max(REST_MS, self.stay_ms), now)
                self.stay_ms = 0
            elif state == STATE_A:
                offer.rest_for(REST_MS, now)
        if state == STATE_A:
            self.contactors.shown = None
        self.record(reasons.STATE, state, reason)

    def set_fault(self, bit):
        """Put up a fault and say so, unless it is up already."""
        if not self.faults & bit:
            self.faults |= bit
            self.record(reasons.FAULT_SET, bit, self.state)

    def clear_pause(self, now):
        """Take down what ``fail`` put up when its time is over."""
        if ((now - self.pause_until) & _MASK) < _HALF:
            self.pausing = False
            bits = self.faults & _PAUSED_FAULTS
            self.faults &= ~bits
            self.record(reasons.FAULT_CLEARED, bits, self.state)
