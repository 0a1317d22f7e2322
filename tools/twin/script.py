"""A scenario's plugs and events, in order, as they act on the charger and the world."""

from evse.settings import Refused
from twin import events, hands


class Stopped(Exception):
    """The scenario cannot be run; the message is for its author."""


def ms(seconds):
    """Seconds of a scenario as whole ms."""
    return int(seconds * 1000 + 0.5)


class Script:
    """What happens when: ``due`` is the moment of the next thing in ms, None after the last.

    It acts on ``stations``, ``meters``, the samplers by the names of their events, and ``link``.
    """

    def __init__(self, scenario, stations, meters, link):
        self._stations = stations
        self._meters = meters
        self._link = link
        self._clock = scenario["clock"] or 0
        self._timers = [{"at": None, "stop": None, "mode": None, "daily": False}
                        for _ in stations]
        self._now = 0
        agenda = []
        for station, evse in zip(stations, scenario["evses"]):
            for span in evse["car"]["plugged"]:
                agenda.append([ms(span[0]), 0, self._plug, station])
                agenda.append([ms(span[1]), 0, self._unplug, station])
        for number, event in enumerate(scenario["events"]):
            agenda.append([ms(event[0]), 1, self._event, (number, event)])
        order = sorted(range(len(agenda)), key=lambda i: (agenda[i][0], agenda[i][1], i))
        self._agenda = [agenda[i] for i in order]

    @property
    def due(self):
        """Moment of the next thing to happen, or None."""
        return self._agenda[0][0] if self._agenda else None

    def act(self, now):
        """Let happen what is due at ``now``; Stopped when a charger refuses."""
        self._now = now
        while self._agenda and self._agenda[0][0] <= now:
            _, _, action, argument = self._agenda.pop(0)
            action(argument)

    def _touch(self, station):
        """Bring ``station`` here, and count what was before."""
        alive = station.wake(self._now)
        station.metrics.advance(self._now)
        station.tally.advance(self._now)
        return alive

    def _plug(self, station):
        self._touch(station)
        station.world.plug()

    def _unplug(self, station):
        self._touch(station)
        if not station.world.unplug():
            station.world.unplug(at_car=True)  # the lock holds the other end

    def _event(self, argument):
        number, event = argument
        where = "events[%d]" % number
        kind, name = event[1], event[2]
        evse = events.whose(event)
        if evse is None:
            self._site_event(kind, name, event)
            return
        station = self._stations[evse]
        alive = self._touch(station)
        if kind == "kill":
            station.kill(self._now)
        elif kind == "restore":
            station.restore(self._now)
        elif kind == "world":
            hands.put(station.world, name, event[3])
        elif kind == "car":
            hands.quirk(station.world, name, event[3])
        elif not alive:
            raise Stopped("%s: EVSE %d has no power" % (where, evse))
        elif kind == "set":
            command(station, "set", (name, event[3]), where)
        else:
            self._command(station, name, event[3], where)

    def _site_event(self, kind, name, event):
        if kind == "relay":
            self._touch(self._stations[0])
            self._stations[0].set_relay(name == "open")
        elif kind == "link":
            (self._link.cut.discard if event[3] == "on" else self._link.cut.add)(name)
        else:
            self._meters[kind].on = name == "on"

    def _command(self, station, name, value, where):
        if name == "access":
            command(station, name, events.ACCESS[value], where)
        elif name == "start" or name == "stop":
            self._delay(station, name, value, where)
        else:
            command(station, name, value, where)

    def _delay(self, station, name, value, where):
        timer = self._timers[station.number]
        if type(value) is dict:
            timer.update(value)
        else:
            timer["at" if name == "start" else "stop"] = value
        mode = timer["mode"] or station.settings.get("mode")
        command(station, "timer", (mode, events.moment(timer["at"], self._clock),
                                   events.moment(timer["stop"], self._clock),
                                   int(timer["daily"])), where)


def command(station, name, value, where):
    """Give the charger a command as the installer does; Stopped names ``where``."""
    try:
        station.core.command(name, value, "installer")
    except Refused as problem:
        raise Stopped("%s: %s" % (where, problem.reason)) from problem
