"""Who looks after the tasks: one table says how long each may be silent and what comes of it.

A task marks itself whenever it runs, so that none can wait for ever unnoticed, and none has to
think of it. One that raises counts like one that is silent. Silence is counted in looks, between
which the others had their turn: a stall of the whole loop is nobody's fault, and the hardware
watchdog's business. That is fed here and nowhere else.
"""

import asyncio
import sys

from micropython import const

from evse import reasons

# What a miss does.
RESTART = const(0)  # the task is cancelled and started again
NETWORK = const(1)  # so it is, and the radio is switched off and on
STOP = const(2)  # charging ends in order, then the board is restarted
RESET = const(3)  # outputs safe at once, and the board is restarted

CONTROL, POWER, FRONT, WEB, TIME, BUTTONS, DISPLAY, WIFI, BUS = (
    const(0), const(1), const(2), const(3), const(4), const(5), const(6), const(7), const(8))
HOMEWIZARD, MQTT, MODBUS, LOG = const(9), const(10), const(11), const(12)

# Name, ms it may be silent, what a miss does. The place in here is the number in the journal.
TASKS = (
    ("control", 300, RESET),
    ("regulator", 2000, STOP),
    ("front", 3000, RESTART),
    ("web", 5000, RESTART),
    ("time", 10000, RESTART),
    ("buttons", 3000, RESTART),
    ("display", 5000, RESTART),
    ("WiFi", 5000, NETWORK),
    ("bus", 5000, RESTART),
    ("HomeWizard", 5000, RESTART),
    ("MQTT", 10000, RESTART),
    ("Modbus TCP", 5000, RESTART),
    ("log", 30000, RESTART),  # a password may wait for that of another, each is slow on purpose
)

_LOOK_MS = const(100)  # between two looks at control
_LOOKS = const(5)  # of these to one at all others
_AGAIN_S = const(2)  # until one that has ended is asked for again
_LONGEST = const(6)  # that pause doubles from failure to failure, up to 1 << 6 = 64 s
_HEALTHY_S = const(300)
_PATIENCE = const(20)  # looks at all, until what does not stop in order is stopped at once


class Watched:
    """One task; asyncio runs it as it runs a coroutine.

    ``service()`` returns the coroutine to run, or None while nobody wants it. ``silent`` counts
    the looks since it ran last, ``restarts`` how often it was started again.
    """

    def __init__(self, number, service):
        self.number = number
        self.silent = self.fails = self.restarts = 0
        self.at_s = 0  # uptime at which it began, or may begin
        self.task = self.problem = None
        self._service = service
        self._run = None

    @property
    def name(self):
        """What people call it."""
        return TASKS[self.number][0]

    def begin(self, uptime_s):
        """Start it if it is wanted; raises what keeps it from that."""
        self._run = self._service()
        self.problem = None
        if self._run:
            self.silent = 0
            self.at_s = uptime_s
            self.task = asyncio.create_task(self)

    def send(self, value):
        """Run it until it waits; for asyncio."""
        self.silent = 0
        try:
            return self._run.send(value)
        except StopIteration:
            raise
        except Exception as problem:
            self.problem = problem
            raise StopIteration

    def throw(self, problem):
        """Run it until it waits, beginning with an exception; for asyncio."""
        # To be told to end is no sign of life.
        try:
            return self._run.throw(problem)
        except StopIteration:
            raise
        except Exception as other:
            self.problem = other
            raise StopIteration

    def end(self, problem):
        """Have it ended for ``problem``; it gets to know of it when it is its turn."""
        self.problem = problem
        self.task.cancel()


class Supervisor:
    """Looks after the tasks of one charger: ``board``, ``core`` and ``status`` are the app's.

    ``seen`` has a bit set for each task that has run since the look before, by its number.
    """

    def __init__(self, board, core, status):
        self._board = board
        self._core = core
        self._status = status
        self._tasks = []
        self._problem = None  # for which the board is restarted once nothing charges
        self._patience = _PATIENCE
        self.seen = 0

    def add(self, number, service):
        """Look after the task ``number`` of ``TASKS``; ``service`` is as in ``Watched``.

        The first has to be control.
        """
        self._tasks.append(Watched(number, service))

    def rows(self):
        """Yield (name, restarts, "runs", "waits" or "off") of each task."""
        for task in self._tasks:
            yield task.name, task.restarts, (
                "runs" if task.task else "waits" if task.fails else "off")

    async def run(self, feed, turn):
        """Look after them for ever; call ``turn()`` and ``feed()`` twice a second.

        Raises what the board has to be restarted for; the outputs are safe then.
        """
        tasks = self._tasks
        for task in tasks:
            self._begin(task)
            await asyncio.sleep_ms(0)  # some load modules
        while True:
            turn()
            feed()
            for _ in range(_LOOKS):
                await asyncio.sleep_ms(_LOOK_MS)
                self._look(tasks[0])
            seen = 0
            for task in tasks:
                if not task.task:
                    self._begin(task)
                    await asyncio.sleep_ms(0)
                elif task.number != CONTROL:
                    self._look(task)
                if task.task and task.silent < 2:
                    seen |= 1 << task.number
            self.seen = seen
            if self._problem:
                self._patience -= 1
                if not (self._core.charger.c1 and self._patience):
                    self._leave(self._problem)
            await asyncio.sleep_ms(0)  # one slice for looking, one for all that is to be done

    def _begin(self, one):
        """Start a task that does not run, if it is time and somebody wants it."""
        uptime_s = self._core.journal.uptime_s
        if uptime_s >= one.at_s:
            try:
                one.begin(uptime_s)
            except Exception as problem:
                self._failed(one, problem)

    def _look(self, one):
        """See how a task does that was started."""
        if one.task.done():
            one.task = None
            problem = one.problem
            one.problem = None
            if problem or TASKS[one.number][2] >= STOP:
                self._failed(one, problem or RuntimeError(one.name + " has ended"))
            else:
                one.fails = 0
                one.at_s = self._core.journal.uptime_s + _AGAIN_S
        else:
            one.silent += 1
            _, limit_ms, action = TASKS[one.number]
            limit = limit_ms // (_LOOK_MS if one.number == CONTROL else _LOOKS * _LOOK_MS)
            if one.silent == limit:
                problem = RuntimeError(one.name + " is silent")
                if action >= STOP:
                    self._failed(one, problem)
                else:
                    one.end(problem)
            elif one.silent == 2 * limit and action < STOP:
                self._stop(one.problem)  # it cannot even be ended

    def _failed(self, one, problem):
        """Do what the table says."""
        core = self._core
        core.record(reasons.TASK_RESTARTED, one.number, int(one.silent > 0))
        one.silent = 0
        sys.print_exception(problem)
        action = TASKS[one.number][2]
        if action == RESET:
            self._leave(problem)
        uptime_s = core.journal.uptime_s
        if action == STOP:
            one.at_s = uptime_s + _HEALTHY_S
            self._stop(problem)
            return
        one.restarts += 1
        one.fails = 1 if uptime_s - one.at_s >= _HEALTHY_S else min(one.fails + 1, _LONGEST)
        if self._status.trial_s and one.fails > 1:
            self._leave(problem)  # an update that does this has not proven itself
        one.at_s = uptime_s + (_AGAIN_S << one.fails - 1)
        if action == NETWORK:
            self._status.network.renew()

    def _stop(self, problem):
        """End charging in order, then the program."""
        if not self._problem:
            self._problem = problem
            self._core.charger.stop(reasons.SUPERVISED, 1000 * _HEALTHY_S)

    def _leave(self, problem):
        """End the program: whoever started it restarts the board."""
        self._board.safe()
        raise problem
