"""The supervisor: who is silent, who dies, and what comes of it, on simulated time."""

import asyncio

from evse import reasons, supervisor
from evse.supervisor import BUS, CONTROL, FRONT, MQTT, POWER, TASKS, WEB, WIFI

MOST_TURNS = 4000


class Over(Exception):
    """The test has seen enough."""


class Charger:
    c1 = False
    stopped = None

    def stop(self, reason, pause_ms):
        self.stopped = reason, pause_ms


class Site:
    """Board, core and status in one; ``until`` ends the run, ``each`` is called twice a second."""

    trial_s = 0

    def __init__(self):
        self.log = []
        self.charger = Charger()
        self.journal = self.network = self
        self.uptime_s = self.turns = self.fed = 0
        self.each = lambda: None
        self.until = lambda: False
        self.supervisor = supervisor.Supervisor(self, self, self)
        self.alive(CONTROL)
        self.alive(POWER)

    def record(self, code, a=0, b=0):
        self.log.append((code, a, b, self.uptime_s))

    def safe(self):
        self.log.append("safe")

    def renew(self):
        self.log.append("renew")

    def alive(self, number):
        """A task that runs for ever, and notes when it begins and is cancelled."""
        self.supervisor.add(number, lambda: self._busy(number))

    async def _busy(self, number):
        while True:
            await asyncio.sleep_ms(0)

    def turn(self):
        self.turns += 1
        self.uptime_s = self.turns // 2
        self.each()
        if self.until() or self.turns > MOST_TURNS:
            raise Over

    def feed(self):
        self.fed += 1

    def run(self):
        """Run until the end; returns the exception that ended it."""
        usual = supervisor.asyncio
        supervisor.asyncio = self
        try:
            asyncio.run(self.supervisor.run(self.feed, self.turn))
        except Exception as problem:
            return problem
        finally:
            supervisor.asyncio = usual
            asyncio.new_event_loop()

    # What the supervisor finds in place of asyncio: time that passes as fast as it can.

    create_task = staticmethod(asyncio.create_task)

    @staticmethod
    async def sleep_ms(_ms):
        await asyncio.sleep_ms(0)

    def restarts(self):
        """(task, was silent, s) of each in the journal."""
        return [entry[1:] for entry in self.log if entry[0] == reasons.TASK_RESTARTED]


class Service:
    """One that does the next of ``deeds`` each time it is started: dies, hangs, ends or lives.

    ``begun`` is when that was.
    """

    def __init__(self, site, number, *deeds):
        self.site = site
        self.deeds = list(deeds)
        self.begun = []
        self.cancelled = 0
        site.supervisor.add(number, self)

    def __call__(self):
        deed = self.deeds.pop(0) if len(self.deeds) > 1 else self.deeds[0]
        if deed == "unwanted":
            return None
        if deed == "broken":
            raise MemoryError
        self.begun.append(self.site.uptime_s)
        return self.run(deed)

    async def run(self, deed):
        try:
            if deed == "dies":
                raise OSError(5)
            if deed == "hangs":
                await asyncio.Event().wait()
            while deed == "lives":
                await asyncio.sleep_ms(0)
            while deed == "stubborn":
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    self.cancelled += 1
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


def test_who_waits_for_ever_is_cancelled_and_started_again():
    for number in (FRONT, WEB, BUS, MQTT):
        site = Site()
        one = Service(site, number, "hangs", "lives")
        site.until = lambda site=site: site.uptime_s > 30
        assert type(site.run()) is Over
        assert one.cancelled == 1 and len(one.begun) == 2
        limit_s = TASKS[number][1] // 1000
        assert site.restarts()[0][:2] == (number, 1)
        assert limit_s <= site.restarts()[0][2] <= limit_s + 1
        assert limit_s + 2 <= one.begun[1] <= limit_s + 4
        assert site.fed == site.turns - 1


def test_who_dies_is_started_again_ever_later():
    site = Site()
    one = Service(site, WEB, "dies")
    site.until = lambda: len(one.begun) == 9
    assert type(site.run()) is Over
    pauses = [after - before for before, after in zip(one.begun, one.begun[1:])]
    assert pauses == [2, 4, 8, 16, 32, 64, 64, 64]
    assert {row[:2] for row in site.restarts()} == {(WEB, 0)}
    assert [row[1] for row in site.supervisor.rows() if row[0] == "web"] == [8]


def test_after_five_minutes_of_health_the_pause_is_short_again():
    site = Site()
    one = Service(site, WEB, "dies", "dies", "lives", "dies", "lives")
    rest = []

    def each():
        if len(one.begun) == 3 and site.uptime_s >= one.begun[2] + 300:
            one.kill()

    async def mortal(deed):
        while deed == "lives" and not rest:
            await asyncio.sleep_ms(0)
        del rest[:]
        if deed == "dies" or len(one.begun) == 3:
            raise OSError(5)

    one.run = mortal
    one.kill = lambda: rest.append(1)
    site.each = each
    site.until = lambda: len(one.begun) == 4
    assert type(site.run()) is Over
    assert one.begun[1] - one.begun[0] == 2 and one.begun[2] - one.begun[1] == 4
    assert one.begun[3] - one.begun[2] in (302, 303)


def test_what_cannot_even_begin_counts_as_dead():
    site = Site()
    one = Service(site, MQTT, "broken", "lives")
    site.until = lambda: one.begun
    assert type(site.run()) is Over
    assert site.restarts() == [(MQTT, 0, 0)] and one.begun == [2], site.restarts()


def test_nobody_wants_it_until_somebody_does():
    site = Site()
    one = Service(site, MQTT, *["unwanted"] * 20, "ends", "lives")
    site.until = lambda: len(one.begun) == 2
    states = []
    site.each = lambda: states.append([row[2] for row in site.supervisor.rows()][-1])
    assert type(site.run()) is Over
    assert one.begun[1] - one.begun[0] in (2, 3), "what has ended is asked again soon"
    assert not site.restarts(), "and that is no failure"
    assert states[0] == "off" and "runs" in states


def test_control_that_dies_or_is_late_leaves_the_outputs_safe_and_ends_all():
    for deed in ("dies", "hangs", "ends"):
        site = Site()
        site.supervisor = supervisor.Supervisor(site, site, site)
        one = Service(site, CONTROL, deed)
        site.charger.c1 = True
        assert type(site.run()) is (OSError if deed == "dies" else RuntimeError), deed
        assert "safe" in site.log and len(one.begun) == 1
        assert site.turns == site.fed == 1, "within half a second"


def test_without_the_regulator_charging_ends_in_order_and_then_all():
    for deed in ("dies", "hangs"):
        for obeys in (True, False):
            site = Site()
            site.supervisor = supervisor.Supervisor(site, site, site)
            site.alive(CONTROL)
            one = Service(site, POWER, deed)
            site.charger.c1 = True
            asked = []

            def each(site=site, asked=asked, obeys=obeys):
                if site.charger.stopped:
                    asked.append(site.turns)
                    if obeys and len(asked) == 4:
                        site.charger.c1 = False

            site.each = each
            problem = site.run()
            assert type(problem) is (OSError if deed == "dies" else RuntimeError)
            assert site.charger.stopped[0] == reasons.SUPERVISED
            assert site.charger.stopped[1] >= 60_000
            assert site.log[-1] == "safe"
            assert len(asked) == 4 if obeys else 15 <= len(asked) <= 25, len(asked)
            assert site.fed == site.turns, "the watchdog does not open under load"
            assert len(one.begun) == 1, "what it left is not to be trusted"


def test_a_wifi_that_hung_gets_its_radio_renewed():
    site = Site()
    Service(site, WIFI, "hangs", "lives")
    site.until = lambda: site.uptime_s > 20
    assert type(site.run()) is Over
    assert site.log.count("renew") == 1


def test_what_cannot_be_ended_ends_all_once_nothing_charges():
    site = Site()
    one = Service(site, WEB, "stubborn")
    problem = site.run()
    assert type(problem) is RuntimeError and "web" in str(problem)
    assert one.cancelled >= 1 and len(one.begun) == 1
    assert site.charger.stopped and site.log[-1] == "safe"


def test_the_journal_tells_silence_from_death():
    for deed, silent in (("dies", 0), ("hangs", 1)):
        for number in (CONTROL, POWER, WEB):
            site = Site()
            site.supervisor = supervisor.Supervisor(site, site, site)
            for one in (CONTROL, POWER, WEB):
                if one == number:
                    Service(site, one, deed, "lives")
                else:
                    site.alive(one)
            site.until = lambda site=site: site.restarts()
            site.run()
            assert site.restarts()[0][:2] == (number, silent), (number, deed)


def test_an_update_in_which_a_task_fails_twice_has_not_proven_itself():
    site = Site()
    site.trial_s = 40
    Service(site, WEB, "dies", "dies", "lives")
    assert type(site.run()) is OSError and site.log[-1] == "safe"
    site = Site()
    site.trial_s = 40
    Service(site, WEB, "dies", "lives")
    site.until = lambda: site.uptime_s > 20
    assert type(site.run()) is Over


def test_a_stall_of_everything_is_nobodys_fault():
    site = Site()
    Service(site, WEB, "lives")

    def turn():
        site.turns += 1
        site.uptime_s += 20  # so long nobody had a turn
        if site.turns > 20:
            raise Over

    site.turn = turn
    assert type(site.run()) is Over
    assert not site.restarts() and "safe" not in site.log


def test_it_tells_who_has_run_lately():
    site = Site()
    Service(site, WEB, "hangs")
    Service(site, MQTT, "lives")
    seen = []
    site.each = lambda: seen.append(site.supervisor.seen)
    site.until = lambda: site.turns == 8
    site.run()
    assert seen[-1] == 1 << CONTROL | 1 << POWER | 1 << MQTT
