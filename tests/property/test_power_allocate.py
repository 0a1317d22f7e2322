"""Sharing among eight: what holds for any room, any order and any phases."""

from array import array

from hypothesis import given, settings
from hypothesis import strategies as st

from evse.power import allocate

ROOM = st.integers(-100, 1500)
INT32 = st.one_of(st.integers(-(2**31), 2**31 - 1), st.sampled_from((2**31 - 1, -(2**31), 2**27)))


def eight(values):
    return st.lists(values, min_size=8, max_size=8)


def ints(values):
    return array("i", values)


@given(st.permutations(range(8)), st.integers(0, 8), eight(st.integers(1, 120)),
       eight(st.integers(0, 400)), eight(st.integers(0, 7)), st.tuples(ROOM, ROOM, ROOM, ROOM))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_share(order, count, low, high, mask, room):
    left, grant = ints(room), ints([-7] * 8)
    served = allocate.share(count, ints(order), ints(low), ints(high), ints(mask), left, grant)
    used = [0, 0, 0]
    for i in order[:count]:
        assert grant[i] == 0 or low[i] <= grant[i] <= high[i]
        for phase in range(3):
            if (mask[i] or 7) >> phase & 1:
                used[phase] += grant[i]
    assert served == sum(1 for i in order[:count] if grant[i])
    assert all(grant[i] == -7 for i in order[count:])
    # Nothing beyond the room, and the rest is told exactly.
    for phase in range(3):
        assert used[phase] <= max(0, room[phase])
        assert left[phase] == room[phase] - used[phase]
    assert sum(used) <= max(0, room[3]) and left[3] == room[3] - sum(used)
    for place, i in enumerate(order[:count]):
        phases = [phase for phase in range(3) if (mask[i] or 7) >> phase & 1]
        if grant[i] and grant[i] < high[i]:
            # Who has less than its ceiling has none left to take.
            assert min(left[phase] for phase in phases) == 0 or left[3] < len(phases)
        if not grant[i] and low[i] <= high[i]:
            # Who was dropped found no MIN after those before it.
            before = order[:place]
            taken = [sum(low[j] for j in before if grant[j] and (mask[j] or 7) >> phase & 1)
                     for phase in range(3)]
            assert (min(room[phase] - taken[phase] for phase in phases) < low[i]
                    or room[3] - sum(taken) < low[i] * len(phases))


@given(st.permutations(range(8)), eight(st.integers(1, 120)), st.integers(0, 3000))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_equals_differ_by_one_at_most(order, low, room):
    same = ints([low[0]] * 8)
    grant = ints([0] * 8)
    allocate.share(8, ints(order), same, ints([400] * 8), ints([1] * 8),
                   ints((room, 0, 0, 10**6)), grant)
    served = [grant[i] for i in order if grant[i]]
    assert not served or max(served) - min(served) <= 1
    assert served == sorted(served, reverse=True)


@given(eight(INT32), eight(INT32), st.tuples(INT32, INT32, INT32, INT32), INT32, eight(INT32))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_nothing_leaves_32_bits(low, high, room, limit, drawn):
    grant, left = ints([0] * 8), ints(room)
    allocate.share(8, ints(range(8)), ints(low), ints(high), ints([7, 1, 2, 4, 0, 3, 5, 6]), left,
                   grant)
    allocate.free(8, limit, ints(room[:3]), ints(drawn * 3), left)
    assert all(-2**27 < value < 2**27 for value in left[:3])
    for mask in range(8):
        assert -2**31 <= allocate.overload(limit, ints(room[:3]), mask) < 2**31
        assert allocate.least(left, mask) in list(left[:3])
