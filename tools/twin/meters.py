"""What a scenario's chargers are told about the site: its meters and the battery's report.

All of them speak to the first charger, as REST clients do.
"""

from twin.sampler import Noise, Sampler, to_da
from twin.script import ms

# Key in the scenario, name in its events, setting that has to be API, name of the reading.
_METERS = (("mains_meter", "meter", "mains_met", "mains"),
           ("ev_meter", "ev_meter", "ev_meter", "ev"),
           ("circuit_meter", "circuit_meter", "circt_met", "circuit"))
BATTERY = "battery_report"


class Meters:
    """The instruments of ``scenario`` at ``site``. ``by_name`` has their samplers.

    ``settings()`` gives those of the first charger in force. ``due`` is the moment of the next
    measurement or arrival, None without any.
    """

    def __init__(self, scenario, site, settings):
        self.by_name = {}
        self.kinds = []  # the settings that have to be API
        self._site = site
        self._settings = settings
        self._rows = []
        for number, (key, name, setting, reading) in enumerate(_METERS):
            if scenario[key]:
                self.kinds.append(setting)
                self._add(name, reading, scenario[key], scenario["seed"] + number)
        report = scenario["site"][BATTERY]
        if report:
            self._add(BATTERY, BATTERY, report, 0)

    def _add(self, name, reading, document, seed):
        again = document.get("redeliver_s")
        sampler = Sampler(ms(document["period_s"]), ms(document["latency_s"]),
                          ms(document["start_s"]), ms(again) if again else None,
                          Noise(seed, document.get("noise_da", 0)))
        measure = {"mains": self._mains, "circuit": self._circuit, "ev": self._ev,
                   BATTERY: self._battery}[reading]
        self.by_name[name] = sampler
        self._rows.append((reading, sampler, measure))

    @property
    def due(self):
        """Moment at which any of them needs to be looked at."""
        soonest = None
        for _, sampler, _ in self._rows:
            moment = sampler.next_change()
            if soonest is None or moment < soonest:
                soonest = moment
        return soonest

    def arrived(self, now):
        """Let them measure; returns what arrives as (name of a command, value)."""
        messages = []
        for reading, sampler, measure in self._rows:
            if sampler.next_change() <= now:
                value = sampler.at(now, measure)
                if value and reading == BATTERY:
                    messages.append(("battery", value[0]))
                elif value:
                    messages.append(("reading", [reading] + value))
        return messages

    def _mains(self):
        return [to_da(self._site.mains_ma(phase)) for phase in range(3)]

    def _circuit(self):
        return [to_da(self._site.circuit_ma(phase)) for phase in range(3)]

    def _ev(self):
        """In the first car's own lines, or in those of a sub-panel the chargers share."""
        if self._settings().get("ev_meter_role") != "Car only":
            return self._circuit()
        world = self._site.worlds[0]
        return [to_da(world.ev_ma(phase)) for phase in range(3)] + world.ev_meter()

    def _battery(self):
        """The whole current of the battery, + charging."""
        return [to_da(sum(self._site.battery_ma))]
