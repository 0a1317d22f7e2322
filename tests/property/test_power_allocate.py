"""Sharing among eight: what holds for any room, any order and any phases."""

from array import array
from pathlib import Path

import viper32
from hypothesis import given, settings
from hypothesis import strategies as st

from evse.current import _places
from evse.power import allocate
from evse.power.turns import Turns
from evse.power.views import NODE_ORDER, EvseView, Params

ROOM = st.integers(-100, 1500)
NATIVE = viper32.functions(Path(__file__).resolve().parents[2] / "evse/power/allocate_native.py")
NONE = 2**27 - 1
EDGE = 2**26 - 1
INT32 = st.one_of(st.integers(-(2**31), 2**31 - 1),
                  st.sampled_from((2**31 - 1, -(2**31), EDGE, -EDGE)), st.integers(-900, 900))
POSITIVE = st.one_of(st.integers(0, 2**31 - 1), st.just(2**31 - 1))
USUAL = st.integers(0, 400)
SMALL = st.integers(-2000, 2000)
FLAG = st.integers(0, 1)
PHASES = st.integers(0, 7)


def eight(values):
    return st.lists(values, min_size=8, max_size=8)


def three(values):
    return st.lists(values, min_size=3, max_size=3)


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


@given(st.integers(0, 8), st.lists(st.one_of(SMALL, st.just(NONE)), min_size=4, max_size=4), FLAG,
       three(SMALL), three(SMALL), st.lists(st.integers(0, 400), min_size=24, max_size=24),
       eight(st.integers(0, 400)), eight(st.integers(0, 400)), eight(st.integers(0, 7)))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_rooms(count, limits, measured, mains, circuit, drawn, grant, top, mask):
    claims = [*limits[:2], measured, *limits[2:]]
    room, code = ints([0] * 4), ints([0] * 4)
    allocate.rooms(count, ints(claims), ints(mains), ints(circuit), ints(drawn), ints(grant),
                   ints(top), ints(mask), room, code)
    late = [sum(max(0, top[i] - grant[i]) for i in range(count) if (mask[i] or 7) >> phase & 1)
            for phase in range(3)]
    for phase in range(3):
        ours = sum(drawn[3 * i + phase] for i in range(count))
        used = (mains[phase] - ours, circuit[phase] if measured else late[phase])
        check_room(room[phase], code[phase], limits[:2], used)
    others = sum(mains) - sum(drawn[:3 * count])
    check_room(room[3], code[3] - 2, limits[2:], (others, sum(late)))


def check_room(room, won, limits, used):
    """``room`` is what the lower of two limits leaves, and ``won`` tells which that was."""
    left = [EDGE if limit == NONE else limit - amps
            for limit, amps in zip(limits, used)]
    assert room == min(left)
    assert won == left.index(room)


@given(st.lists(SMALL, min_size=4, max_size=4), FLAG, three(SMALL), three(SMALL))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_over_is_the_room_of_nobody_turned_round(limits, measured, mains, circuit):
    claims = ints([*limits[:2], measured, limits[2], NONE])
    out, room, none = ints([0] * 4), ints([0] * 4), ints([0] * 24)
    if not measured:
        claims[1] = NONE
    allocate.over(claims, ints(mains), ints(circuit), out)
    allocate.rooms(8, claims, ints(mains), ints(circuit), none, none, none, none, room,
                   ints([0] * 4))
    assert [-value for value in out] == list(room)


@given(st.permutations(range(8)), st.integers(0, 8), eight(st.one_of(INT32, st.integers(0, 2))))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_rank(order, count, key):
    ranked = ints(order)
    allocate.rank(count, ints(key), ranked)
    assert list(ranked) == sorted(order[:count], key=lambda i: key[i]) + list(order[count:])


@given(st.permutations(range(8)), st.integers(0, 8), st.integers(1, 8), eight(st.booleans()))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_the_owner_s_order_is_the_order_of_all_who_wait_and_of_all_who_have_begun(
        order, first, count, holds):
    turns = Turns(allocate, 8)
    params = Params()
    params.order = NODE_ORDER
    params.places = _places(tuple(order[:first]))
    grant = [60 * one for one in holds]
    turns.rank([EvseView() for _ in range(count)], grant, params)
    wanted = list(order[:first]) + sorted(order[first:])
    # Who has only just been given current is not sent away.
    assert list(turns.order)[:count] == [i for has in (True, False) for i in wanted
                                         if i < count and holds[i] == has]


@given(st.integers(0, 8), three(SMALL), SMALL, eight(st.integers(0, 400)), eight(FLAG))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_with_the_surplus_taken_nothing_is_bought(count, mains, battery, drawn, counted):
    found = allocate.surplus(count, ints(mains), battery, ints(drawn * 3), ints(counted))
    ours = sum((drawn * 3)[3 * i + phase] for i in range(count) if counted[i]
               for phase in range(3))
    # Others and the battery stay as they are but for the battery's charge, which is given up.
    assert sum(mains) - ours - battery + found == 0


@given(st.data())
@settings(max_examples=400, deadline=None, derandomize=True)
def test_the_native_core_in_32_bits_does_the_same(data):
    draw = data.draw
    values, positive = draw(st.sampled_from(((INT32, POSITIVE), (SMALL, USUAL))))
    count, order = draw(st.integers(0, 8)), draw(st.permutations(range(8)))
    claims = draw(eight(values))[:5]
    claims[2] = draw(FLAG)
    mains, circuit, battery = draw(three(values)), draw(three(values)), draw(values)
    low = draw(eight(st.one_of(values, st.integers(1, 90))))
    high, room = draw(eight(st.one_of(values, USUAL))), draw(eight(values))[:4]
    drawn = [value for _ in range(3) for value in draw(eight(values))]
    grant, top, mask = draw(eight(positive)), draw(eight(positive)), draw(eight(PHASES))
    key, counted, moving = draw(eight(INT32)), draw(eight(FLAG)), draw(eight(st.integers(0, 3)))
    results = []
    for names in (vars(allocate), NATIVE):
        left, shared, ranked = ints(room), ints([7] * 8), ints(order)
        free, code, out = ints([7] * 4), ints([7] * 4), ints([7] * 4)
        last, moved = ints([value >> 1 for value in circuit]), ints(
            [value >> 1 for value in drawn])
        names["rooms"](count, ints(claims), ints(mains), ints(circuit), ints(drawn), ints(grant),
                       ints(top), ints(mask), free, code)
        names["over"](ints(claims), ints(mains), ints(circuit), out)
        names["rank"](count, ints(key), ranked)
        most = ints([7] * 24)
        names["reach"](count, ints(drawn), ints(counted), ints(top), ints(mask), most)
        served = names["share"](count, ints(order), ints(low), ints(high), ints(mask), left,
                                shared)
        names["track"](count, ints([value >> 1 for value in mains]), last, moved,
                       ints([value >> 1 for value in grant]), ints(moving), ints(mask))
        results.append((list(most), list(free), list(code), list(out), list(ranked), served,
                        list(left), list(shared), list(last), list(moved),
                        [names["least"](left, mask) for mask in range(8)],
                        names["surplus"](count, ints(mains), battery, ints(drawn),
                                         ints(counted))))
    assert results[0] == results[1]
    assert all(-EDGE <= value <= EDGE for value in (*results[0][1], results[0][-1]))
