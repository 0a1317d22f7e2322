"""How much current: the settings, meters and neighbours the regulator is told of."""

from micropython import const

from evse import reasons, ticks
from evse.charging import cable
from evse.power import readings as sources
from evse.power.draws import EVSES
from evse.power.phases import Phases
from evse.power.readings import Readings
from evse.power.regulator import Regulator
from evse.power.rooms import count
from evse.power.views import NO_LIMIT, NORMAL, SOLAR

W_PER_DA = const(23)
# In the order of the settings and of ``evse.mode`` in the legacy document.
SETTING_MODES = ("Normal", "Smart", "Solar")
_ROTATIONS = {"L1L2L3": (0, 1, 2), "L2L3L1": (1, 2, 0), "L3L1L2": (2, 0, 1),
              "L1L3L2": (0, 2, 1), "L2L1L3": (1, 0, 2), "L3L2L1": (2, 1, 0)}

_MASTER = const(1)
# A node that hears nothing for so long stops; an old Master gives its share away no earlier.
_TOLD_MS = const(11_000)
# And so long it takes until a node that hears nothing any more is certainly off.
_ACTS_MS = const(20_000)
# Below this no EVSE charges, whatever its own MIN: the Master decides for all.
_LEAST_DA = const(60)


def _size(share):
    """Return how many EVSEs one regulates whose setting pwr_share has the index ``share``."""
    return EVSES if share == _MASTER else 1


def _places(first):
    """Return the place of each EVSE where those numbered ``first`` come before all others."""
    return bytes([first.index(i) if i in first else EVSES + i for i in range(EVSES)])


def _middle(spread):
    return spread // 2


class Current:
    """The half of ``Core`` that is about current.

    ``readings``; ``regulator``; ``phases`` (what Auto wants); ``capacity``, the tariff,
    ``group``, the nodes of a Master, and ``member``, what a Node is to it: None unless used.
    ``node``: number of this EVSE in the group, 0 for the Master and without one. ``dice(n)`` gives
    a number from 0 to n - 1.

    Nothing here is private by its name: the build shortens private names module by module, so
    those of a class and of its heir elsewhere would meet.
    """

    def __init__(self, settings, record, allocate):
        self.settings = settings
        self.record = record
        self.allocate = allocate
        self.readings = Readings()
        number = _size(settings.index("pwr_share"))
        self.regulator = Regulator(self.readings, allocate, record, number)
        self.phases = Phases(self.regulator.params, record)
        self.capacity = None
        self.group = self.member = None
        self.node = 0
        self.joined = 0  # the value of pwr_share in force
        self.dice = _middle
        self.relay_open = False
        self.override_da = 0
        self.temperature_dc = 250
        self.mains_w = -1
        self.cable_da = cable.UNKNOWN_DA
        self.regulate_due = 0
        self.told_until = None
        self.told_reason = 0
        self.delayed = self.was_plugged = False
        self.now = 0

    @property
    def mains_meter(self):
        """True when a mains meter is configured."""
        return self.settings.get("mains_met") != "Disabled"

    @property
    def circuit_meter(self):
        """True when a meter shows what the circuit carries: its own, or the sub-panel's."""
        settings = self.settings
        return settings.get("circt_met") != "Disabled" or (
            settings.get("ev_meter") != "Disabled" and settings.get("ev_meter_role") != "Car only")

    # ---- settings in force ----

    def configure_current(self, charger):
        """Hand the settings about current on; who shares changes only while nothing charges."""
        settings = self.settings
        if not charger.c1:
            self.join(settings.index("pwr_share"), charger)
        params = self.regulator.params
        node = self.node
        view = self.regulator.evses[0]
        view.mode = NORMAL if node else SETTING_MODES.index(settings.get("mode"))
        view.auto = settings.get("contact_2") == "Auto"
        view.rotation = _ROTATIONS[settings.get("phase_rotation")]
        params.min_da = _LEAST_DA if node else settings.get("min") * 10
        params.mains_da = settings.get("mains") * 10
        params.mains_meter = self.mains_meter and not node
        params.normal_mains = settings.get("normal_mains") == "Enabled"
        params.circuit_meter = self.circuit_meter and not node
        limited = params.circuit_meter or self.group
        params.circuit_da = settings.get("circuit") * 10 if limited else NO_LIMIT
        params.start_sum_da = settings.get("start") * 10
        params.import_sum_da = settings.get("import") * 10
        params.stop_s = settings.get("stop") * 60
        params.style = settings.index("solar_style")
        params.order = settings.index("share_order")
        params.places = _places(settings.states["order"])
        params.rotation_s = settings.get("rotation_min") * 60
        params.reserve_da = settings.get("battery_reserve") * 10
        params.protect = settings.get("battery_protect") == "Enabled"
        self.phases.option = settings.index("c2_return")
        self.load_capacity(settings)

    def join(self, share, charger):
        """Become Master, node or neither."""
        number = _size(share)
        if number != len(self.regulator.evses):
            self.regulator = Regulator(self.readings, self.allocate, self.record, number)
            self.phases = Phases(self.regulator.params, self.record)
            self.group = None
        if share == _MASTER and not self.group:
            from evse.group import Group
            self.group = Group(self)
        if share == self.joined:
            return
        self.joined = share
        self.told_until = None  # what it was told as somebody else is no permission
        self.told_reason = 0
        self.node = max(0, share - _MASTER)
        self.member = None
        charger.asks = charger.admitted = False
        limits = self.regulator.limits[0]
        limits.withdraw(reasons.LIMIT_MASTER_LOST)
        if self.node:
            from evse.member import Member
            self.member = Member(self, charger)
        else:
            # Others may still act on what they were told before.
            limits.claim(reasons.LIMIT_SHARE, 0, ticks.add(self.now, _ACTS_MS))

    def load_capacity(self, settings):
        """Load the capacity tariff, where there is one."""
        mode = settings.index("cap_mode")
        if not mode or self.node:
            self.capacity = None
            self.regulator.params.capacity_sum_da = NO_LIMIT
            return
        if not self.capacity:
            from evse.power.capacity import Capacity
            self.capacity = Capacity(self.record)
            self.capacity.peak = settings.states["peak"]
        capacity = self.capacity
        capacity.mode = mode
        capacity.fixed_da = settings.get("capacity") * 10
        capacity.stop_s = settings.get("cap_stop") * 60
        capacity.intervals = settings.states["intervals"]

    def ceilings(self, charger):
        """Ceilings that follow the settings, the cable, the hand and the temperature."""
        settings = self.settings
        top = settings.get("max") * 10
        view = self.regulator.evses[0]
        view.max_da = top
        view.min_da = self.regulator.params.min_da
        view.override_da = self.override_da
        room = settings.get("max_temp") * 10 - self.temperature_dc
        # 1 A less for each degree nearer than 10 to the limit; at the limit the fault stops.
        view.temperature_da = max(view.min_da, top - 100 + room) if room < 100 else 0
        view.cable_da = top if settings.get("config") == "Fixed" else self.cable_da
        charger.cable_da = view.cable_da
        # With contactor 2 open only L1 is left; otherwise the phases are the car's own affair.
        view.phases = 1 << view.rotation[0] if charger.contactors.phases == 1 else 0
        self.regulator.params.relay_sum_da = (
            settings.get("relay_w") // W_PER_DA if self.relay_open else NO_LIMIT)

    # ---- the time ----

    def second_current(self, seconds, clock_s, zone, now):
        """Let whole seconds pass for the tariff and the neighbours."""
        if self.group:
            self.group.second(now)
        if self.member:
            self.member.sun_s = max(0, self.member.sun_s - seconds)
            self.member.step(now)
        self.phases.step(now)
        capacity = self.capacity
        if not capacity:
            return
        year, month, _, hour, minute = zone().local(clock_s)[:5] if clock_s else (0, 0, 0, 0, -1)
        watts = self.mains_w if self.readings.fresh(sources.MAINS, now) else None
        least = 0
        for i, view in enumerate(self.regulator.evses):
            if view.charging:
                least += W_PER_DA * self.regulator.least_da(i)
        capacity.min_w = least
        capacity.second(clock_s, 60 * hour + minute, 12 * year + month, watts, seconds)
        params = self.regulator.params
        params.capacity_sum_da = capacity.limit_da
        params.capacity_stop_s = capacity.stop_after_s
        self.settings.remember("peak", capacity.peak)

    def mains_da(self):
        """Return the currents of the mains in dA, zeros while they are not known."""
        if self.readings.fresh(sources.MAINS, self.now):
            return list(self.readings.amps[sources.MAINS])
        return [0, 0, 0]

    # ---- the decision ----

    def told(self, da, now, reason=reasons.NONE):
        """A node has heard the Master: ``da`` is its grant, 0 to stop; ``reason`` is why, or 0."""
        self.regulator.limits[0].withdraw(reasons.LIMIT_MASTER_LOST)
        self.told_until = ticks.add(now, _TOLD_MS)
        self.share(da, now, reason)

    def share(self, da, now, reason):
        """Change what was told: the Master has not spoken anew."""
        self.regulator.limits[0].claim(reasons.LIMIT_SHARE, da)
        self.told_reason = reason
        self.regulate_due = now

    def most_da(self):
        """Return what this EVSE may have by itself, as a node tells its Master."""
        view = self.regulator.evses[0]
        most = min(view.max_da, view.cable_da)
        for ceiling in (view.override_da, view.temperature_da):
            if ceiling:
                most = min(most, ceiling)
        return most

    def decide(self, charger, started, now):
        """Run the regulator; returns ms until it is due, 0 while its pass is not over."""
        view = self.regulator.evses[0]
        view.wants = charger.wants
        view.charging = charger.charging
        limits = self.regulator.limits[0]
        if self.node and (self.told_until is None or ticks.due(now, self.told_until)):
            self.told_until = None  # latched, so that a wrapping clock cannot revive it
            limits.claim(reasons.LIMIT_MASTER_LOST, 0)
        if charger.plugged and not self.was_plugged:
            self.phases.session(now)
            self.regulator.sun.forget(0)
        self.was_plugged = charger.plugged
        self.delay(limits, charger.wants, started, now)
        wait = self.regulator.update(now)
        why = self.regulator.grant_reason
        if self.told_reason and why[0] == reasons.LIMIT_SHARE:
            why[0] = self.told_reason
        if wait and view.auto and view.mode == SOLAR:
            self.choose_phases(charger, now)
        return wait

    def delay(self, limits, wants, started, now):
        """Wait a random time before a session starts: not all of a street start at once."""
        if not wants:
            self.delayed = False
            limits.withdraw(reasons.LIMIT_DELAY)
        elif not self.delayed:
            self.delayed = True
            spread = self.settings.get("random_start_s")
            if spread and not started:
                limits.claim(reasons.LIMIT_DELAY, 0,
                             ticks.add(now, 1000 * self.dice(spread + 1)))

    def choose_phases(self, charger, now):
        """Let the sun decide how many phases Auto connects."""
        regulator = self.regulator
        phases = self.phases
        contactors = charger.contactors
        if not regulator.new_sun:
            return
        regulator.new_sun = False
        low = regulator.evses[0].min_da
        free = regulator.free_da[0]
        if charger.charging:
            phases.draw_da = regulator.draw_da(0)
            phases.judge(free, low, regulator.most_da(0), contactors.phases,
                         count(regulator.uses[0]) if regulator.uses[0] else 0, now)
        elif charger.wants:
            phases.choose(free, low, now)
        contactors.auto = phases.wish
