"""Single calls of the reference regulator, and the same situations put before ours.

A case is one call: what the reference knew and what it decided. ``Desk`` brings our regulator into
the situation of a case, by its public inputs alone.
"""

import gzip
import json

from evse import reasons, ticks
from evse.power import allocate
from evse.power.readings import BATTERY, CIRCUIT, MAINS, Readings
from evse.power.regulator import Regulator
from evse.power.views import NO_LIMIT, NORMAL, SMART, SOLAR

MODES = {"normal": NORMAL, "smart": SMART, "solar": SOLAR}
FILE = "balancing_reference_vectors.jsonl.gz"
CHARGING = "C"
EVSES = 8
VALID_MS = 11_000
SETTLED_MS = 20_000


class Case:
    """One call. Names as in the file; currents in dA unless the name ends in ``_a``."""

    def __init__(self, name, config, before, step):
        self.name = name
        self.config = config
        self.before = before
        self.step = step
        self.given = step["in"]
        self.after = step["out"]
        self.mode = MODES[before["mode"]]
        self.solo = config["load_bl"] == 0
        self.min = 10 * config["min_current_a"]
        self.states = before["balanced_state"]
        self.active = [i for i in range(EVSES) if self.states[i] == CHARGING]
        self.grants = [before["balanced_da"][i] for i in range(EVSES)]
        self.fresh = "mains_irms_raw_da" in self.given
        self.fresh_before = before.get("fresh_measurement", False)
        self.mains = self.given.get("mains_irms_raw_da", before["mains_irms_da"])
        self.circuit = self.given.get("circuit_irms_da")
        self.metered = config["mains_meter_type"] != 0
        self.circuit_metered = config["circuit_meter_type"] != 0
        self.override = self.given.get("set_override_da", before["override_current_da"])

    @property
    def battery(self):
        """What the home battery takes, dA; 0 where the reference does not count it."""
        if self.mode != SOLAR:
            return 0
        if "home_battery_da" in self.given:
            return self.given["home_battery_da"]
        age = self.before["home_battery_age_s"]
        if age is None or age + self.given["clock_advance_s"] > 60:
            return 0
        return self.before["home_battery_da"]

    @property
    def single_phase(self):
        """True when the reference knows that EVSE 0 charges on L1 alone."""
        option = self.config["contactor2"]
        return (option == "always_off" or (option == "solar_off" and self.mode == SOLAR)
                or (option == "auto" and self.before["nr_of_phases_charging"] == 1))

    @property
    def circuit_counts(self):
        """True when the reference holds the circuit's limit."""
        return not self.solo or (self.circuit_metered and self.mode != NORMAL)

    def limit(self, name):
        """Return a limit of the configuration in dA."""
        return 10 * self.config[name + "_a"]

    def phases(self, i):
        """How many phases EVSE ``i`` charges on, as far as the reference knows."""
        return 1 if i == 0 and self.single_phase else 3

    @property
    def drawn(self):
        """What the cars draw on each phase when they take what was granted."""
        return [sum(self.grants[i] for i in self.active if phase < self.phases(i))
                for phase in range(3)]

    @property
    def others(self):
        """What the mains feed on each phase beside the cars."""
        return [amps - drawn for amps, drawn in zip(self.mains, self.drawn)]

    @property
    def circuit_amps(self):
        """The circuit's currents; of an older sample only the greatest is known."""
        return self.circuit or (self.before["circuit_imeasured_da"],) * 3

    @property
    def circuit_others(self):
        """What the circuit feeds on each phase beside the cars; 0 where no meter shows it."""
        if not self.circuit_metered:
            return [0, 0, 0]
        return [amps - drawn for amps, drawn in zip(self.circuit_amps, self.drawn)]

    def slack(self, evses):
        """What each limit leaves when ``evses`` have MIN: (name, dA per phase), the least first.

        Judged as the physical limits are: each phase by what is on it, the sum as a sum.
        """
        found = []
        on = [self.min * sum(1 for i in evses if phase < self.phases(i)) for phase in range(3)]
        used = [phase for phase in range(3) if on[phase]]
        smart = self.mode != NORMAL
        if smart and self.metered:
            found += [(self.limit("max_mains") - self.others[p] - on[p], "mains") for p in used]
        if self.circuit_counts:
            found += [(self.limit("max_circuit") - self.circuit_others[p] - on[p], "circuit")
                      for p in used]
        if smart and self.config["max_sum_mains_a"]:
            left = self.limit("max_sum_mains") - sum(self.others) - sum(on)
            found.append((left // max(1, len(used)), "capacity"))
        if self.config["grid_relay_open"]:
            left = 10 * self.config["grid_relay_max_sum_mains_a"] - sum(on)
            found.append((left // max(1, len(used)), "grid relay"))
        return sorted(found) or [(NO_LIMIT, "")]

    @property
    def shortage(self):
        """What the reference says: "hard" (it will stop), "soft" (capacity, for a while) or ""."""
        if self.after["no_current_count"] > self.before["no_current_count"]:
            return "hard"
        at_min = all(self.after["balanced_da"][i] == self.min for i in self.active)
        return "soft" if self.after["max_sum_mains_timer_s"] and at_min else ""

    @property
    def decided(self):
        """What the reference granted to those who charge."""
        return [self.after["balanced_da"][i] for i in self.active]

    @property
    def granted(self):
        """What those who charge had been granted."""
        return [self.grants[i] for i in self.active]

    @property
    def surplus(self):
        """What could be used more without buying, by the reference: sum of phases, dA."""
        return -self.after["isum_da"] if self.fresh else -self.before["isum_da"]

    @property
    def ceilings(self):
        """The most each EVSE may have, without override and without what is not built here."""
        most = list(self.before["balanced_max_da"])
        most[0] = self.limit("max_current")
        if self.states[0] == CHARGING and not self.config["fixed_cable"]:
            most[0] = min(most[0], self.limit("cable_capacity"))
        return most

    @property
    def usable(self):
        """True when the situation before the call is one our regulator can be in."""
        most = self.ceilings
        return (all(self.min <= self.grants[i] <= most[i] <= 800 for i in self.active)
                and self.before["switching_c2"] == "none")

    @property
    def steady(self):
        """True when the reference's integrator agrees with what it had granted."""
        total = sum(self.grants[i] for i in self.active)
        return abs(self.before["iset_balanced_da"] - total) <= len(self.active)


def cases(path, kind="calc"):
    """Yield every call of ``kind`` in the file."""
    with gzip.open(path, "rt") as lines:
        for line in lines:
            if '"kind":"%s"' % kind not in line[:60]:
                continue
            vector = json.loads(line)
            before = vector["state_before"]
            for number, step in enumerate(vector["steps"]):
                name = "%d.%d" % (vector["id"], number)
                yield Case(name, vector["config"], before, step)
                before = step["out"]


class Desk:
    """Our regulator in the situation of a case.

    ``newcomer`` is one more EVSE, which waits for current, or -1.
    """

    def __init__(self, case, newcomer=-1, now=0):
        self.case = case
        self.now = now
        number = max([0, newcomer, *case.active]) + 1
        self.readings = Readings()
        self.regulator = Regulator(self.readings, allocate, lambda code, a=0, b=0: None, number)
        self.newcomer = newcomer
        self._plant()
        self._configure()

    def _plant(self):
        """Grant what the reference had granted: as ceilings, without a meter."""
        for i in self.case.active:
            view = self.regulator.evses[i]
            view.wants = True
            view.max_da = self.case.grants[i]
            view.phases = 1 if i == 0 and self.case.single_phase else 0
        self.regulator.params.min_da = self.case.min
        for charging in (False, True):
            for i in self.case.active:
                self.regulator.evses[i].charging = charging
            self._update()
        # One sample under limits that nobody meets: from here on what is drawn is known.
        self.regulator.params.mains_meter = True
        self.regulator.params.mains_da = 100_000
        self.sample()
        assert self.grants() == [self.case.grants[i] for i in self.case.active], self.case.name
        self.now = ticks.add(self.now, SETTLED_MS)

    def _configure(self):
        case = self.case
        config = case.config
        params = self.regulator.params
        params.mains_da = case.limit("max_mains")
        params.mains_meter = case.metered
        params.normal_mains = False
        params.circuit_meter = case.circuit_metered
        params.circuit_da = case.limit("max_circuit") if case.circuit_counts else NO_LIMIT
        if not case.circuit_counts:
            params.circuit_meter = False
        if config["max_sum_mains_a"] and case.mode != NORMAL:
            params.capacity_sum_da = case.limit("max_sum_mains")
            params.capacity_stop_s = 60 * config["max_sum_mains_time_min"]
        if config["grid_relay_open"]:
            params.relay_sum_da = 10 * config["grid_relay_max_sum_mains_a"]
        params.start_sum_da = case.limit("start_current")
        params.import_sum_da = case.limit("import_current")
        params.stop_s = 60 * config["stop_time_min"]
        most = case.ceilings
        for i, view in enumerate(self.regulator.evses):
            view.mode = case.mode
            view.min_da = case.min
            if i in case.active:
                view.max_da = most[i]
        view = self.regulator.evses[0]
        view.override_da = case.override
        if 0 in case.active:
            view.max_da = case.limit("max_current")
            view.cable_da = max(most[0], case.limit("cable_capacity"))
        if self.newcomer >= 0:
            view = self.regulator.evses[self.newcomer]
            view.wants = True
            view.max_da = max(case.min, 320)
            view.phases = 1 if self.newcomer == 0 and case.single_phase else 0

    def _update(self):
        while not self.regulator.update(self.now):
            pass

    def grants(self):
        """What each EVSE that charges has now."""
        return [self.regulator.grant_da[i] for i in self.case.active]

    def sample(self, mains=None, circuit=None, seconds=2):
        """A fresh sample of each meter there is, ``seconds`` after the last."""
        case = self.case
        self.now = ticks.add(self.now, 1000 * seconds)
        if mains is None:
            mains = case.mains
        if circuit is None:
            circuit = case.circuit_amps
        if case.battery:
            self.readings.put(BATTERY, case.battery, 0, 0, self.now, 60_000)
        if case.circuit_metered:
            self.readings.put(CIRCUIT, *circuit, self.now, VALID_MS)
        self.readings.put(MAINS, *mains, self.now, VALID_MS)
        self._update()
        return self.grants()

    def follow(self, seconds=8):
        """A sample in which all cars take what they have been granted, those at 0 disconnected."""
        case = self.case
        now = [0, 0, 0]
        for i in case.active:
            self.regulator.evses[i].charging = self.regulator.grant_da[i] > 0
            for phase in range(case.phases(i)):
                now[phase] += self.regulator.grant_da[i]
        return self.sample([a + b for a, b in zip(case.others, now)],
                           [a + b for a, b in zip(case.circuit_others, now)], seconds)

    @property
    def promised(self):
        """The sum of all grants on the busiest phase, and over the phases, in dA."""
        grants = [(i, da) for i, da in enumerate(self.regulator.grant_da) if da]
        return (sum(da for _, da in grants),
                sum(da * self.case.phases(i) for i, da in grants))

    def wait(self, seconds):
        """No news for ``seconds``."""
        self.now = ticks.add(self.now, 1000 * seconds)
        self._update()
        return self.grants()

    def limited_by(self, i):
        """The name of the limit that won at EVSE ``i``."""
        return reasons.text(self.regulator.grant_limit[i])


# Ten calls of our own, by the rules the reference documents: settings that differ from the usual,
# who charges as EVSE: (granted, ceiling), the mains, and what it decides.
_USUAL = {
    "mode": "smart", "load_bl": 0, "max_mains_a": 25, "max_circuit_a": 40, "max_sum_mains_a": 0,
    "max_sum_mains_time_min": 0, "max_current_a": 16, "min_current_a": 6, "cable_capacity_a": 32,
    "fixed_cable": True, "start_current_a": 4, "stop_time_min": 10, "import_current_a": 0,
    "contactor2": "always_on", "mains_meter_type": 9, "circuit_meter_type": 0,
    "grid_relay_open": False, "grid_relay_max_sum_mains_a": 18, "ocpp_mode": False,
    "ocpp_current_limit_a": -1.0,
}
_OWN = (
    ("overload", {}, {0: (160, 160)}, (270, 100, 90), {"decided": (140,)}),
    ("room", {}, {0: (100, 160)}, (150, 140, 130), {"decided": (125,), "available": 1}),
    ("no room for MIN", {}, {0: (60, 160)}, (270, 50, 50), {"decided": (60,), "count": 1}),
    ("two share a circuit", {"mode": "normal", "load_bl": 1, "max_circuit_a": 20},
     {0: (100, 160), 1: (100, 160)}, (0, 0, 0), {"decided": (100, 100), "available": 1}),
    ("low maximum", {"mode": "normal", "load_bl": 1, "max_circuit_a": 30},
     {0: (160, 160), 1: (80, 80)}, (0, 0, 0), {"decided": (160, 80), "available": 1}),
    ("sun goes", {"mode": "solar"}, {0: (120, 160)}, (30, 30, 30), {"decided": (75,)}),
    ("sun comes", {"mode": "solar", "contactor2": "always_off"}, {0: (80, 160)}, (-60, 0, 0),
     {"decided": (85,), "available": 1}),
    ("just enough for a start", {}, {}, (190, 0, 0), {"decided": (), "available": 1}),
    ("not enough for a start", {}, {}, (191, 0, 0), {"decided": ()}),
    ("capacity", {"max_sum_mains_a": 40, "max_mains_a": 63}, {0: (160, 160)}, (160, 160, 110),
     {"decided": (150,)}),
)


def own_cases():
    """Yield the calls worked out here."""
    for name, settings, charging, mains, result in _OWN:
        config = dict(_USUAL)
        config.update(settings)
        grants = [charging.get(i, (0, 0))[0] for i in range(EVSES)]
        before = {
            "mode": config["mode"],
            "balanced_state": [CHARGING if i in charging else "A" for i in range(EVSES)],
            "balanced_da": grants,
            "balanced_max_da": [charging.get(i, (0, 0))[1] for i in range(EVSES)],
            "iset_balanced_da": sum(grants), "isum_da": sum(mains), "mains_irms_da": mains,
            "nr_of_phases_charging": 1 if config["contactor2"] == "always_off" else 3,
            "switching_c2": "none", "override_current_da": 0, "circuit_imeasured_da": 0,
            "home_battery_da": 0, "home_battery_age_s": None, "no_current_count": 0,
            "max_sum_mains_timer_s": 0, "solar_stop_timer_s": 0, "state": "C",
        }
        after = dict(before)
        after["no_current_count"] = result.get("count", 0)
        after["balanced_da"] = list(grants)
        for i, da in zip(sorted(charging), result["decided"]):
            after["balanced_da"][i] = da
        yield Case(name, config, before, {
            "in": {"clock_advance_s": 2, "mains_irms_raw_da": mains, "mod": 0},
            "current_available_before": result.get("available", 0), "out": after})
