"""A scenario's plugs and events, in order, as they act on the charger and the world."""

from evse.settings import Refused
from twin import events, hands


class Stopped(Exception):
    """The scenario cannot be run; the message is for its author."""


def ms(seconds):
    """Seconds of a scenario as whole ms."""
    return int(seconds * 1000 + 0.5)


class Script:
    """What happens when: ``due`` is the moment of the next thing in ms, None after the last."""

    def __init__(self, scenario, core, world, meters):
        self._core = core
        self._world = world
        self._meters = meters
        self._clock = scenario["clock"] or 0
        self._timer = {"at": None, "stop": None, "mode": None, "daily": False}
        agenda = []
        for span in scenario["evses"][0]["car"]["plugged"]:
            agenda.append([ms(span[0]), 0, self._plug, None])
            agenda.append([ms(span[1]), 0, self._unplug, None])
        for number, event in enumerate(scenario["events"]):
            agenda.append([ms(event[0]), 1, self._event, (number, event)])
        order = sorted(range(len(agenda)), key=lambda i: (agenda[i][0], agenda[i][1], i))
        self._agenda = [agenda[i] for i in order]

    @property
    def due(self):
        """Moment of the next thing to happen, or None."""
        return self._agenda[0][0] if self._agenda else None

    def act(self, now):
        """Let happen what is due at ``now``; Stopped when the charger refuses."""
        while self._agenda and self._agenda[0][0] <= now:
            _, _, action, argument = self._agenda.pop(0)
            action(argument)

    def _plug(self, _):
        self._world.plug()

    def _unplug(self, _):
        if not self._world.unplug():
            self._world.unplug(at_car=True)  # the lock holds the other end

    def command(self, name, value, where):
        """Give the charger a command as the installer does; Stopped names ``where``."""
        try:
            self._core.command(name, value, "installer")
        except Refused as problem:
            raise Stopped("%s: %s" % (where, problem.reason)) from problem

    def _event(self, argument):
        number, event = argument
        where = "events[%d]" % number
        kind, name = event[1], event[2]
        if kind == "set":
            self.command("set", (name, event[3]), where)
        elif kind == "world":
            hands.put(self._world, name, event[3])
        elif kind == "car":
            hands.quirk(self._world, name, event[3])
        elif kind == "command":
            self._command(name, event[3], where)
        else:
            self._meters[kind].on = name == "on"

    def _command(self, name, value, where):
        if name == "access":
            self.command(name, events.ACCESS[value], where)
        elif name == "start" or name == "stop":
            self._delay(name, value, where)
        else:
            self.command(name, value, where)

    def _delay(self, name, value, where):
        timer = self._timer
        if type(value) is dict:
            timer.update(value)
        else:
            timer["at" if name == "start" else "stop"] = value
        mode = timer["mode"] or self._core.settings.get("mode")
        self.command("timer", (mode, events.moment(timer["at"], self._clock),
                               events.moment(timer["stop"], self._clock), int(timer["daily"])),
                     where)
