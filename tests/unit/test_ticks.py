"""Time stamps that wrap at 2**30 ms: difference, sum and deadlines on both sides of the wrap."""

from evse import ticks

LAST = 2**30 - 1
FARTHEST = 2**29 - 1
STAMPS = (0, 1, 29_999, FARTHEST, FARTHEST + 1, LAST - 1, LAST)
SPANS = (0, 1, 40, 86_400_000, FARTHEST)


def test_stamps_stay_small_ints():
    assert ticks.MASK == LAST
    for stamp in STAMPS:
        for span in SPANS:
            assert 0 <= ticks.add(stamp, span) <= LAST
            assert 0 <= ticks.add(stamp, -span) <= LAST


def test_diff_undoes_add_on_both_sides_of_the_wrap():
    for stamp in STAMPS:
        for span in SPANS:
            assert ticks.diff(ticks.add(stamp, span), stamp) == span
            assert ticks.diff(ticks.add(stamp, -span), stamp) == -span


def test_the_wrap_is_one_millisecond_wide():
    assert ticks.add(LAST, 1) == 0
    assert ticks.add(0, -1) == LAST
    assert ticks.diff(0, LAST) == 1
    assert ticks.diff(LAST, 0) == -1


def test_half_the_circle_counts_as_past():
    # 2**29 ms apart the two directions are the same; it must be one of them, and always the same.
    for stamp in STAMPS:
        assert ticks.diff(ticks.add(stamp, 2**29), stamp) == -(2**29)


def test_a_deadline_is_due_when_reached_and_not_before():
    for now in STAMPS:
        assert ticks.due(now, now)
        for span in SPANS[1:]:
            deadline = ticks.add(now, span)
            assert not ticks.due(now, deadline)
            assert not ticks.due(ticks.add(deadline, -1), deadline)
            assert ticks.due(deadline, deadline)
            assert ticks.due(ticks.add(deadline, 1), deadline)


def test_a_deadline_stays_due_for_six_days():
    for deadline in STAMPS:
        assert ticks.due(ticks.add(deadline, FARTHEST), deadline)
        assert not ticks.due(ticks.add(deadline, FARTHEST + 1), deadline)
