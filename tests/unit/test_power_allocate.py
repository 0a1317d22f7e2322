"""Sharing: hand-computed vectors for both twins, and the twins against each other."""

import sys
from array import array

import micropython

from evse.power import allocate

TWINS = [allocate]
if sys.implementation.name == "micropython":
    from evse.power import allocate_native

    TWINS.append(allocate_native)

BIG = 2**31 - 1
EDGE = 2**26 - 1
NONE = 2**27 - 1  # no claim
L1, L2, L3, ALL = 1, 2, 4, 7

# order, low, high, mask, room (L1, L2, L3, sum) -> grants by index, served, room left
SHARES = (
    ("alone, its ceiling", (0,), (60,), (160,), (ALL,), (250, 250, 250, BIG),
     (160,), 1, (90, 90, 90, EDGE - 480)),
    ("alone, the worst of its phases", (0,), (60,), (320,), (ALL,), (250, 130, 170, 3000),
     (130,), 1, (120, 0, 40, 2610)),
    ("alone, only the phase it uses", (0,), (60,), (320,), (L1,), (250, -30, 0, 3000),
     (250,), 1, (0, -30, 0, 2750)),
    ("alone, phases unknown", (0,), (60,), (320,), (0,), (250, 59, 250, 3000),
     (0,), 0, (250, 59, 250, 3000)),
    ("alone, limited by the sum", (0,), (60,), (320,), (ALL,), (250, 250, 250, 301),
     (100,), 1, (150, 150, 150, 1)),
    ("two share alike", (0, 1), (60, 60), (320, 320), (ALL, ALL), (250, 250, 250, 3000),
     (125, 125), 2, (0, 0, 0, 2250)),
    ("the odd one to the first in order", (1, 0), (60, 60), (320, 320), (ALL, ALL),
     (251, 251, 251, 3000), (125, 126), 2, (0, 0, 0, 2247)),
    ("what one cannot use the other gets", (0, 1), (60, 60), (70, 320), (ALL, ALL),
     (250, 250, 250, 3000), (70, 180), 2, (0, 0, 0, 2250)),
    ("the last in order is dropped", (0, 1), (60, 60), (320, 320), (ALL, ALL),
     (119, 119, 119, 3000), (119, 0), 1, (0, 0, 0, 2643)),
    ("order, not index, decides", (1, 0), (60, 60), (320, 320), (ALL, ALL),
     (119, 119, 119, 3000), (0, 119), 1, (0, 0, 0, 2643)),
    ("dropped on one phase, kept on another", (0, 1, 2), (60, 60, 60), (320, 320, 320),
     (L1, L1, L2), (100, 90, 0, 3000), (100, 0, 90), 2, (0, 0, 0, 2810)),
    ("a three-phase car ends where its worst phase does", (0, 1), (60, 60), (320, 320), (ALL, L1),
     (200, 300, 300, 3000), (100, 100), 2, (0, 200, 200, 2600)),
    ("no room at all", (0, 1), (60, 60), (320, 320), (ALL, ALL), (-100, 50, 50, 3000),
     (0, 0), 0, (-100, 50, 50, 3000)),
    ("a ceiling below MIN gets nothing", (0, 1), (60, 60), (59, 160), (ALL, ALL),
     (250, 250, 250, 3000), (0, 160), 1, (90, 90, 90, 2520)),
    ("a MIN of nothing is no MIN", (0,), (0,), (160,), (ALL,), (250, 250, 250, 3000),
     (0,), 0, (250, 250, 250, 3000)),
    ("values at the edge of 32 bits", (0, 1), (60, BIG), (BIG, BIG), (ALL, ALL),
     (BIG, BIG, BIG, BIG), (EDGE // 3, 0), 1,
     (EDGE - EDGE // 3, EDGE - EDGE // 3, EDGE - EDGE // 3, EDGE - 3 * (EDGE // 3))),
    ("the other edge", (0,), (60,), (BIG,), (L3,), (-BIG - 1, -BIG - 1, BIG, BIG),
     (EDGE,), 1, (-EDGE, -EDGE, 0, 0)),
    ("nobody", (), (), (), (), (250, 250, 250, 3000), (), 0, (250, 250, 250, 3000)),
)

# claims, mains, others on a circuit, drawn by 2 EVSEs, their grants, tops and masks -> room, code
ROOMS = (
    ("what others leave of the mains", (250, NONE, 0, NONE, NONE), (310, 90, -50), (0, 0, 0),
     (210, 0, 0, 0, 60, 0), (210, 60), (210, 60), (L1, L2), (150, 220, 300, EDGE), (0, 0, 0, 2)),
    ("a measured circuit that has less", (250, 160, 1, NONE, NONE), (100, 100, 100),
     (50, 0, 60), (60, 60, 60, 40, 40, 40), (60, 40), (60, 40), (ALL, ALL),
     (110, 160, 100, EDGE), (1, 1, 1, 2)),
    ("two that have the same", (250, 250, 1, 750, 750), (0, 0, 0), (0, 0, 0), (0,) * 6, (0, 0),
     (0, 0), (ALL, ALL), (250, 250, 250, 750), (0, 0, 0, 2)),
    ("an unmeasured circuit is there for the EVSEs", (NONE, 320, 0, NONE, NONE), (900, 900, 900),
     (999, 999, 999), (60,) * 6, (60, 60), (60, 60), (ALL, ALL), (320, 320, 320, EDGE),
     (1, 1, 1, 2)),
    ("less what was taken back and may still flow", (NONE, 320, 0, NONE, 1000), (0, 0, 0),
     (0, 0, 0), (160, 0, 0, 160, 160, 160), (60, 100), (160, 140), (L1, ALL),
     (180, 280, 280, 780), (1, 1, 1, 3)),
    ("phases unknown are all three", (NONE, 320, 0, NONE, 1000), (0, 0, 0), (0, 0, 0), (0,) * 6,
     (0, 60), (70, 60), (0, 0), (250, 250, 250, 790), (1, 1, 1, 3)),
    ("a top below the grant gives nothing back", (NONE, 320, 0, NONE, 1000), (0, 0, 0), (0, 0, 0),
     (0,) * 6, (100, 60), (60, 70), (ALL, L3), (320, 320, 310, 990), (1, 1, 1, 3)),
    ("capacity counts all that is bought", (250, NONE, 0, 600, 900), (100, 150, -50), (0, 0, 0),
     (60, 60, 60, 0, 0, 0), (60, 0), (60, 0), (ALL, ALL), (210, 160, 360, 580), (0, 0, 0, 2)),
    ("no claim at all", (NONE, NONE, 1, NONE, NONE), (900, 900, 900), (900, 900, 900), (0,) * 6,
     (0, 0), (320, 320), (ALL, ALL), (EDGE, EDGE, EDGE, EDGE), (0, 0, 0, 2)),
    ("more room than there can be", (BIG, EDGE - 1, 1, -5, BIG), (0, 0, 0), (-9, -BIG - 1, 9),
     (0,) * 6, (0, 0), (0, 0), (ALL, ALL), (EDGE, EDGE, EDGE - 10, -5), (0, 0, 1, 2)),
    ("all at the edge", (-BIG - 1, 5, 1, -BIG - 1, 5), (BIG, BIG, BIG), (BIG, BIG, BIG),
     (-BIG - 1,) * 6, (0, 0), (BIG, BIG), (ALL, ALL), (-EDGE,) * 4, (0, 0, 0, 2)),
    ("much taken back", (250, -BIG - 1, 0, 750, -BIG - 1), (-BIG - 1,) * 3, (0, 0, 0), (BIG,) * 6,
     (0, 9), (BIG, BIG), (ALL, ALL), (-EDGE,) * 4, (1, 1, 1, 3)),
)

# claims, mains, circuit -> out
OVERS = (
    ((250, NONE, 0, 600, NONE), (300, 200, -50), (999, 999, 999), (50, -50, -300, -150)),
    ((250, 160, 1, 400, 0), (300, 200, -50), (170, 215, -90), (50, 55, -250, 50)),
    ((250, 160, 1, 449, 0), (240, 200, 10), (150, 100, 170), (-10, -50, 10, 1)),
    ((BIG, 0, 0, BIG, 0), (BIG, -BIG - 1, 0), (0, 0, 0), (0, -2 * EDGE, -EDGE, -EDGE)),
    ((-BIG - 1, -BIG - 1, 1, -BIG - 1, 0), (BIG, 0, -BIG - 1), (0, BIG, 0),
     (2 * EDGE, 2 * EDGE, EDGE, EDGE)),
    ((BIG, BIG, 1, -BIG - 1, 0), (BIG,) * 3, (-BIG - 1,) * 3, (0, 0, 0, 2 * EDGE)),
)

# key of each EVSE, order -> order
RANKS = (
    ((5, 3, 4), (0, 1, 2), (1, 2, 0)),
    ((1, 1, 1), (2, 0, 1), (2, 0, 1)),
    ((7, -1, 7, -BIG - 1, BIG), (4, 2, 0, 1, 3), (3, 1, 2, 0, 4)),
    ((9, 8, 7, 6, 5, 4, 3, 2), (0, 1, 2, 3, 4, 5, 6, 7), (7, 6, 5, 4, 3, 2, 1, 0)),
    ((0,), (0,), (0,)),
    ((), (), ()),
)

# mains, battery, drawn by two EVSEs, counted -> dA
SURPLUSES = (
    ((-100, -50, 30), 0, (0,) * 6, (1, 1), 120),
    ((20, 10, 0), 0, (60, 60, 60, 100, 0, 0), (1, 1), 250),
    ((20, 10, 0), 0, (60, 60, 60, 100, 0, 0), (0, 1), 70),
    ((20, 10, 0), 0, (60, 60, 60, 100, 0, 0), (0, 0), -30),
    ((-10, 0, 0), 100, (0,) * 6, (1, 1), 110),
    ((-10, 0, 0), -100, (0,) * 6, (1, 1), -90),
    ((BIG, -BIG - 1, -BIG - 1), 5, (0,) * 6, (1, 1), EDGE),
    ((0, -BIG - 1, 0), -BIG - 1, (7, 0, 0, 0, 0, 0), (1, 1), 7),
    ((BIG,) * 3, -BIG - 1, (-BIG - 1,) * 6, (1, 1), -EDGE),
    ((-BIG - 1,) * 3, BIG, (BIG,) * 6, (1, 1), EDGE),
)


def ints(values):
    return array("i", values)


def test_share():
    for twin in TWINS:
        for name, order, low, high, mask, room, grants, served, left in SHARES:
            grant = ints((7,) * len(low))
            room = ints(room)
            told = twin.share(len(order), ints(order), ints(low), ints(high), ints(mask), room,
                              grant)
            assert (told, tuple(grant), tuple(room)) == (served, grants, left), (
                twin.__name__, name, told, grant, room)


def test_rooms():
    for twin in TWINS:
        for (name, claims, mains, circuit, drawn, grant, top, mask, expected, codes) in ROOMS:
            room, code = ints((1, 2, 3, 4)), ints((9, 9, 9, 9))
            twin.rooms(2, ints(claims), ints(mains), ints(circuit), ints(drawn), ints(grant),
                       ints(top), ints(mask), room, code)
            assert (tuple(room), tuple(code)) == (expected, codes), (
                twin.__name__, name, room, code)


def test_over():
    for twin in TWINS:
        for claims, mains, circuit, expected in OVERS:
            out = ints((7, 7, 7, 7))
            twin.over(ints(claims), ints(mains), ints(circuit), out)
            assert tuple(out) == expected, (twin.__name__, claims, mains, circuit, out)


def test_reach():
    for twin in TWINS:
        out = ints((9,) * 12)
        twin.reach(3, ints((10, 70, -5, 60, 60, 0, 90, -9, 5)), ints((1, 0, 1)),
                   ints((60, 320, BIG)), ints((0, ALL, L2)), out)
        assert tuple(out) == (60, 70, 60, 60, 60, 0, 90, BIG, 5, 9, 9, 9), (twin.__name__, out)


def test_rank():
    for twin in TWINS:
        for key, order, expected in RANKS:
            found = ints(order + (7, 3))
            twin.rank(len(order), ints(key), found)
            assert tuple(found) == expected + (7, 3), (twin.__name__, key, order, found)


def test_surplus():
    for twin in TWINS:
        for mains, battery, drawn, counted, expected in SURPLUSES:
            told = twin.surplus(2, ints(mains), battery, ints(drawn), ints(counted))
            assert told == expected, (twin.__name__, mains, battery, drawn, told)


def test_least():
    room = ints((30, -20, 50, 0))
    for twin in TWINS:
        assert [twin.least(room, mask) for mask in range(8)] == [-20, 30, -20, -20, 50, 30, -20,
                                                                 -20], twin.__name__


def test_track_follows_only_the_told_direction():
    still, rising, falling, unsure = 0, allocate.RISING, allocate.FALLING, 3
    # before, after, drawn, grant, moving -> drawn
    for before, after, drawn, grant, moving, expected in (
            (100, 160, 0, 60, rising, 60),
            (100, 130, 0, 60, rising, 30),
            (100, 300, 0, 60, rising, 60),
            (100, 50, 30, 60, rising, 30),
            (300, 200, 220, 120, falling, 120),
            (300, 250, 220, 120, falling, 170),
            (300, 100, 220, 120, falling, 120),
            (300, 400, 220, 120, falling, 220),
            (300, 400, 60, 120, falling, 60),
            (100, 104, 0, 60, rising, 0),
            (100, 105, 0, 60, rising, 5),
            (-100, -40, 0, 60, rising, 60),
            (40, -20, 60, 0, falling, 0),
            (100, 160, 0, 60, still, 0),
            (100, 160, 0, 60, unsure, 0)):
        for twin in TWINS:
            last, draws = ints((before, 0, 0)), ints((drawn,) * 3)
            twin.track(1, ints((after, 0, 0)), last, draws, ints((grant,)), ints((moving,)),
                       ints((ALL,)))
            assert tuple(draws) == (expected, drawn, drawn), (twin.__name__, before, after, draws)
            assert tuple(last) == (after, 0, 0)


def test_track_gives_each_ampere_to_one_car_and_only_where_it_may_draw():
    for twin in TWINS:
        last, drawn = ints((0, 0, 0)), ints((0,) * 9)
        twin.track(3, ints((100, 100, 100)), last, drawn, ints((60, 60, 60)), ints((1, 1, 1)),
                   ints((L1, 0, L2 | L3)))
        assert tuple(drawn) == (60, 0, 0, 40, 60, 60, 0, 40, 40), (twin.__name__, drawn)


class Lottery:
    """The same numbers on every interpreter."""

    def __init__(self, seed):
        self.state = seed

    def draw(self, low, high):
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return low + (self.state >> 8) % (high - low + 1)

    def some(self, count, low, high):
        return ints([self.draw(low, high) for _ in range(count)])


def test_the_twins_agree():
    lottery = Lottery(3)
    edge = (BIG, -BIG - 1, 0, 100, 2**27, 2**30, -5, EDGE, -EDGE - 1)
    for turn in range(400):
        count = lottery.draw(0, 8)
        order = list(range(8))
        for n in range(8):
            other = lottery.draw(0, 7)
            order[n], order[other] = order[other], order[n]
        if turn % 4:
            low, high = lottery.some(8, -1, 120), lottery.some(8, 0, 400)
            amps, circuit = lottery.some(3, -900, 900), lottery.some(3, -100, 900)
            drawn, room = lottery.some(24, 0, 400), lottery.some(4, -50, 1500)
            claims, key = lottery.some(5, 0, 2000), lottery.some(8, -2, 2)
            battery = lottery.draw(-200, 200)
        else:
            low, high, amps, circuit, drawn, room, claims, key, battery = (
                ints([edge[lottery.draw(0, 8)] for _ in range(size)])
                for size in (8, 8, 3, 3, 24, 4, 5, 8, 1))
            battery = battery[0]
        if not turn % 3:
            claims[lottery.draw(0, 4)] = NONE
        claims[2] = lottery.draw(0, 1)
        mask, moving = lottery.some(8, 0, 7), lottery.some(8, 0, 3)
        last, told = lottery.some(3, -900, 900), lottery.some(8, 0, 300)
        moved, rates = lottery.some(3, -900, 900), lottery.some(24, 0, 400)
        top, counted = lottery.some(8, 0, 400), lottery.some(8, 0, 1)
        results = []
        for twin in TWINS:
            left, grant, used, before = ints(room), ints((7,) * 8), ints(rates), ints(last)
            free, code, out, ranked = (ints((9,) * 4), ints((9,) * 4), ints((9,) * 4),
                                       ints(order))
            served = twin.share(count, ints(order), low, high, mask, left, grant)
            twin.track(count, moved, before, used, told, moving, mask)
            twin.rooms(count, claims, amps, circuit, drawn, told, top, mask, free, code)
            twin.over(claims, amps, circuit, out)
            twin.rank(count, key, ranked)
            most = ints((9,) * 24)
            twin.reach(count, drawn, counted, top, mask, most)
            results.append((list(most), served, list(left), list(grant), list(used),
                            list(before), list(free), list(code), list(out), list(ranked),
                            twin.least(left, mask[0]),
                            twin.surplus(count, amps, battery, drawn, counted)))
            for i in order[:count]:
                assert grant[i] == 0 or low[i] <= grant[i] <= high[i]
        assert results[0] == results[-1], (turn, results)


def test_nothing_is_allocated():
    some = Lottery(5).some
    claims, amps, circuit = some(5, 0, 1500), some(3, -90, 900), some(3, -90, 900)
    last, drawn, grant = some(3, -90, 900), some(24, 0, 320), some(8, 0, 320)
    top, moving, mask, key = some(8, 0, 320), some(8, 0, 2), some(8, 0, 7), some(8, -3, 3)
    low, high, order = some(8, 60, 80), some(8, 60, 320), ints(range(8))
    room, code, out, target = ints((0,) * 4), ints((0,) * 4), ints((0,) * 4), ints((0,) * 8)
    most = ints((0,) * 24)
    lock = getattr(micropython, "heap_lock", None)
    for twin in TWINS:
        if lock:
            lock()
        try:
            twin.track(8, amps, last, drawn, grant, moving, mask)
            twin.over(claims, amps, circuit, out)
            twin.rooms(8, claims, amps, circuit, drawn, grant, top, mask, room, code)
            twin.rank(8, key, order)
            twin.reach(8, drawn, moving, top, mask, most)
            twin.least(room, 7)
            twin.share(8, order, low, high, mask, room, target)
            twin.surplus(8, amps, -30, drawn, moving)
        finally:
            if lock:
                micropython.heap_unlock()
