"""A Node and its Master: what is asked, what closes a contactor, and what never does."""

from evse import reasons
from evse.charging import faults
from evse.charging.states import (
    STATE_A,
    STATE_B,
    STATE_B1,
    STATE_C,
    STATE_C1,
    STATE_COMM_B,
    STATE_COMM_B_OK,
    STATE_COMM_C,
    STATE_COMM_C_OK,
    STATE_MODEM_DENIED,
)
from helpers_core import Bench

NODE = {"pwr_share": "Node 1", "max": 16}
LESS_6A, CT_NOCOMM, EV_NOCOMM = 1, 2, 8


class Node(Bench):
    """A node whose Master the test plays: ``da`` is broadcast each second, None is silence."""

    def __init__(self, settings=None, da=100):
        super().__init__(dict(NODE, **(settings or {})))
        self.da = da
        self.run(1000)

    def _slow(self, rcm):
        super()._slow(rcm)
        if self._ms % 1000 == 0 and self.da is not None:
            self.member.told(self.da, self.now)

    @property
    def member(self):
        return self.core.member

    def write(self, state):
        self.member.write_state(state, self.now)
        self.run(200)

    def asking(self):
        """Plug a car that asks for energy as soon as it is offered some."""
        self.obedient = True
        self.car = "C"
        self.run(4000)
        assert self.member.state() == STATE_COMM_B
        return self

    def charging(self):
        """Go through the whole handshake."""
        self.asking().write(STATE_COMM_B_OK)
        self.until(lambda: self.member.state() == STATE_COMM_C)
        self.write(STATE_COMM_C_OK)
        assert self.core.charger.c1 and self.member.state() == STATE_C
        return self


def test_without_a_car_there_is_nothing_to_ask():
    node = Node()
    assert node.member.state() == STATE_A and node.member.errors() == 0


def test_the_handshake_in_its_order():
    node = Node().asking()
    assert node.status.reason == reasons.WAITS_MASTER and not node.core.charger.offered_da
    node.write(STATE_COMM_B_OK)
    assert node.member.state() == STATE_B
    node.until(lambda: node.member.state() == STATE_COMM_C)
    assert node.core.charger.offered_da == 100 and not node.core.charger.c1
    node.run(5000)
    assert not node.core.charger.c1  # it waits for as long as it must
    node.write(STATE_COMM_C_OK)
    assert node.core.charger.c1 and node.member.state() == STATE_C


def test_no_state_written_at_any_moment_closes_anything():
    """Neither C itself nor a permission out of turn, with any pilot."""
    for state in list(range(STATE_MODEM_DENIED + 1)) + [255, 65535]:
        for car in ("A", "B", "C", "short"):
            node = Node()
            node.car = car
            node.run(3000)
            node.write(state)
            node.run(3000)
            assert not node.core.charger.c1, (state, car)
            assert node.core.charger.state in (STATE_A, STATE_B1, STATE_B)


def test_permission_to_close_needs_the_car_to_ask():
    node = Node()
    node.car = "B"
    node.run(4000)
    node.write(STATE_COMM_B_OK)
    node.run(3000)
    node.write(STATE_COMM_C_OK)
    node.car = "C"
    node.run(3000)
    assert not node.core.charger.c1 and node.member.state() == STATE_COMM_C


def test_each_closing_is_asked_for_anew():
    node = Node().charging()
    node.obedient = False
    node.car = "B"  # the car pauses
    node.run(2000)
    assert not node.core.charger.c1 and node.member.state() == STATE_B
    node.car = "C"
    node.run(3000)
    assert not node.core.charger.c1 and node.member.state() == STATE_COMM_C
    node.write(STATE_COMM_C_OK)
    assert node.core.charger.c1


def test_no_current_stops_in_order_and_takes_the_permission_back():
    node = Node().charging()
    node.da = 0
    node.run(1500)
    assert node.core.charger.state in (STATE_C1, STATE_B1)
    node.run(7000)
    assert not node.core.charger.c1 and node.member.state() == STATE_COMM_B
    node.da = 100
    node.run(5000)
    assert not node.core.charger.offered_da  # current alone permits nothing
    node.write(STATE_COMM_B_OK)
    node.until(lambda: node.core.charger.offered_da == 100)


def test_a_refusal_is_kept_for_a_minute():
    node = Node().asking()
    node.member.write_errors(LESS_6A, node.now)
    assert node.member.state() == STATE_B1 and node.member.errors() == LESS_6A
    node.run(55_000)
    assert node.member.state() == STATE_B1
    node.write(STATE_COMM_B_OK)
    assert node.member.state() == STATE_B1
    node.run(6_000)
    assert node.member.state() == STATE_COMM_B and node.member.errors() == 0


def test_a_refusal_taken_back_does_not_hurry_the_car():
    node = Node().asking()
    node.member.write_errors(LESS_6A, node.now)
    node.run(5000)
    node.member.write_errors(0, node.now)
    assert node.member.errors() == 0 and node.member.state() == STATE_B1
    node.run(56_000)
    assert node.member.state() == STATE_COMM_B


def test_a_refusal_while_charging_stops_in_order():
    node = Node().charging()
    node.member.write_errors(LESS_6A, node.now)
    node.run(300)
    assert node.core.charger.state in (STATE_C1, STATE_B1)
    node.run(7000)
    assert not node.core.charger.c1


def test_what_a_master_only_sends_back_refuses_nothing():
    node = Node().charging()
    node.member.write_errors(EV_NOCOMM, node.now)
    node.run(2000)
    assert node.core.charger.c1 and node.member.errors() == 0


def test_a_node_shows_its_own_faults_but_not_that_it_waits():
    node = Node().asking()
    assert node.core.charger.faults & faults.LESS_6A and node.member.errors() == 0
    node.temperature = 700
    node.run(1000)
    assert node.member.errors() == faults.TEMP_HIGH
    assert node.member.state() == STATE_B1


def test_a_silent_master_stops_it_and_what_it_said_is_forgotten():
    node = Node().charging()
    node.da = None
    node.run(9_000)
    assert node.core.charger.c1
    node.run(10_000)
    assert not node.core.charger.c1
    assert node.member.da == 0 and node.member.errors() == CT_NOCOMM
    node.write(STATE_COMM_B_OK)  # it speaks, but tells no current
    node.run(3000)
    assert not node.core.charger.offered_da
    node.da = 100
    node.until(lambda: node.member.state() == STATE_COMM_B and node.member.errors() == 0)


def test_a_write_is_not_the_masters_word_about_current():
    node = Node().asking()
    node.da = None
    for _ in range(14):
        node.write(STATE_COMM_B_OK)
        node.run(800)
    assert not node.core.charger.offered_da


def test_a_master_without_its_meter_says_so_until_it_broadcasts_again():
    node = Node().charging()
    node.member.write_errors(CT_NOCOMM, node.now)
    node.da = None
    node.run(8000)
    assert not node.core.charger.c1 and node.member.errors() == CT_NOCOMM
    node.run(55_000)
    node.da = 100
    node.run(2500)
    assert node.member.errors() == 0 and node.member.state() == STATE_COMM_B


def test_the_plug_pulled_ends_every_permission():
    node = Node().charging()
    node.unplug()
    node.member.write_errors(LESS_6A, node.now)
    node.run(1000)
    node.asking()
    assert node.member.errors() == 0


def test_one_without_access_asks_for_nothing():
    node = Node()
    node.command("access", "Off")
    node.car = "B"
    node.run(4000)
    assert node.member.state() == STATE_A
    node.write(STATE_COMM_B_OK)
    node.run(3000)
    assert not node.core.charger.offered_da


def test_it_says_why_its_master_gave_nothing():
    node = Node(da=0).asking()
    assert node.status.reason == reasons.WAITS_MASTER
    node.member.explained(reasons.TURN)
    node.run(1500)
    assert node.status.reason == reasons.TURN


def test_who_is_no_node_any_more_asks_nobody():
    node = Node().asking()
    node.da = None
    node.command("set", ("pwr_share", "Disabled"), "LCD")
    node.until(lambda: node.core.charger.c1)
    assert node.core.member is None
