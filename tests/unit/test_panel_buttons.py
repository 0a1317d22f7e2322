"""The buttons: what samples every 10 ms mean, whatever the order, near the wrap of ticks too."""

import micropython

from evse import ticks
from evse.panel.buttons import BOTH, HELD, LEFT, MIDDLE, PRESS, REPEAT, RIGHT, SHORT, Buttons

WRAP_SOON = 2**30 - 1500


class Hand:
    """Presses; ``events`` are (ms since the start, event)."""

    def __init__(self, now=WRAP_SOON, first=0):
        self.it = Buttons()
        self.start = self.now = now
        self.events = []
        self.hold(first, 100)

    def hold(self, bits, ms):
        for _ in range(ms // 10):
            event = self.it.feed(bits, self.now)
            if event:
                self.events.append((ticks.diff(self.now, self.start), event))
            self.now = ticks.add(self.now, 10)
        return self

    def codes(self):
        return [event for _, event in self.events]


def test_a_short_press_of_each():
    for button in (LEFT, MIDDLE, RIGHT):
        hand = Hand().hold(button, 300).hold(0, 300)
        assert hand.events == [(110, PRESS | button), (410, SHORT | button)], hand.events


def test_bounces_are_left_out():
    hand = Hand()
    for bits in (1, 0, 1, 0, 0, 1, 0):
        hand.hold(bits, 10)
    hand.hold(0, 100)
    assert not hand.events
    hand.hold(1, 200)
    for bits in (0, 1, 0, 1):
        hand.hold(bits, 10)
    hand.hold(1, 100)
    assert hand.codes() == [PRESS | LEFT]
    assert hand.it.down == LEFT


def test_two_samples_at_once_are_no_proof():
    it = Buttons()
    it.feed(0, 0)
    it.feed(0, 10)
    assert it.feed(1, 20) == it.feed(1, 20) == it.feed(1, 21) == 0
    assert it.feed(1, 30) == PRESS | LEFT


def test_held_for_two_seconds_once_and_no_short():
    for button in (LEFT, MIDDLE, RIGHT):
        hand = Hand().hold(button, 1990).hold(0, 100)
        assert HELD | button not in hand.codes() and hand.codes()[-1] == SHORT | button
        hand = Hand().hold(button, 5000).hold(0, 100)
        assert [event for event in hand.events if event[1] & HELD] == [(2110, HELD | button)]
        assert not [event for event in hand.codes() if event & SHORT]
        hand.events.clear()
        hand.hold(button, 100).hold(0, 100)  # and then it is an ordinary button again
        assert hand.codes() == [PRESS | button, SHORT | button]


def test_repeats_come_ever_faster():
    hand = Hand().hold(RIGHT, 6000)
    times = [at for at, event in hand.events if event == REPEAT | RIGHT]
    gaps = [b - a for a, b in zip([110] + times, times)]
    assert gaps[:5] == [500, 440, 390, 340, 300], gaps
    assert all(a >= b - 10 for a, b in zip(gaps, gaps[1:]))
    assert set(gaps[-20:]) == {40}
    assert hand.codes().count(HELD | RIGHT) == 1


def test_both_in_either_order_and_nothing_else():
    for first, second in ((LEFT, RIGHT), (RIGHT, LEFT), (LEFT | RIGHT, LEFT | RIGHT)):
        for ms in (50, 1500, 1950):
            hand = Hand().hold(first, ms).hold(LEFT | RIGHT, 5000).hold(second, 3000)
            hand.hold(0, 100)
            codes = [event for event in hand.codes() if not event & (PRESS | REPEAT)]
            assert codes == [BOTH | LEFT | RIGHT], (first, ms, hand.events)
            assert PRESS | second not in hand.codes() or first == second
            hand.events.clear()
            hand.hold(LEFT, 100).hold(0, 100)
            assert hand.codes() == [PRESS | LEFT, SHORT | LEFT]


def test_a_hold_that_acted_is_no_half_of_two():
    hand = Hand().hold(LEFT, 2500)
    assert hand.codes()[-1] & (HELD | REPEAT)
    hand.events.clear()
    hand.hold(LEFT | RIGHT, 3000).hold(RIGHT, 3000).hold(0, 100)
    assert not hand.events
    hand.hold(LEFT | RIGHT, 100)
    assert hand.codes() == [BOTH | LEFT | RIGHT]


def test_other_pairs_mean_nothing():
    for first, pair in ((MIDDLE, 6), (LEFT, 3), (MIDDLE, 3), (RIGHT, 7), (7, 7), (3, 3), (6, 6)):
        hand = Hand()
        if first == pair:
            hand.hold(pair, 3000)
        else:
            hand.hold(first, 100)
            assert hand.codes() == [PRESS | first]
            hand.events.clear()
            hand.hold(pair, 3000)
        hand.hold(first, 3000).hold(0, 100)
        assert not hand.events, (first, pair, hand.events)


def test_at_power_up_two_of_them_lock_and_nothing_else_counts():
    assert Hand(first=6).hold(6, 5000).hold(0, 50).codes() == [BOTH | MIDDLE | RIGHT]
    for held in (1, 2, 4, 3, 5, 7):
        hand = Hand(first=held).hold(held, 5000).hold(0, 50)
        assert not hand.events, held
        hand.hold(RIGHT, 50).hold(0, 50)
        assert hand.codes() == [PRESS | RIGHT, SHORT | RIGHT]
    assert not Hand().hold(6, 5000).hold(0, 50).events  # too late


def test_what_is_to_be_ignored_is_so_until_released():
    hand = Hand().hold(LEFT, 100)
    hand.it.ignore()
    hand.hold(LEFT, 5000).hold(0, 100)
    assert hand.codes() == [PRESS | LEFT]
    hand.it.ignore()  # nothing is down
    hand.hold(LEFT, 100)
    assert hand.codes() == [PRESS | LEFT] * 2


def test_times_hold_across_the_wrap():
    long = [("hold", LEFT, 2600), ("hold", 0, 400), ("hold", RIGHT, 1000), ("hold", 5, 900)]
    heard = []
    for now in (0, 5000, WRAP_SOON, 2**30 - 200, 2**29 - 1000):
        hand = Hand(now)
        for _, bits, ms in long:
            hand.hold(bits, ms)
        heard.append(hand.events)
    assert heard[0] and all(one == heard[0] for one in heard)


def test_it_allocates_nothing():
    it = Buttons()
    it.feed(0, 0)
    it.feed(0, 10)
    it.feed(1, 20)
    micropython.heap_lock()
    try:
        for step in range(400):
            it.feed(1 if step < 300 else 5 if step < 350 else 0, 1000 + 10 * step)
    finally:
        micropython.heap_unlock()
    assert it.down == 0
