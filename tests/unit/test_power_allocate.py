"""Sharing: hand-computed vectors for both twins, and the twins against each other."""

import sys
from array import array

from evse.power import allocate

TWINS = [allocate]
if sys.implementation.name == "micropython":
    from evse.power import allocate_native

    TWINS.append(allocate_native)

BIG = 2**31 - 1
EDGE = 2**27 - 1
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

# limit, amps, drawn by two EVSEs -> room
FREES = (
    (250, (100, 0, -50), (0,) * 6, (150, 250, 300)),
    (250, (310, 90, 70), (210, 0, 0, 0, 60, 0), (150, 220, 180)),
    (160, (400, 400, 400), (100, 100, 100, 60, 60, 60), (-80, -80, -80)),
    (BIG, (-BIG - 1, BIG, 0), (0,) * 6, (EDGE, 0, EDGE)),
    (-BIG - 1, (BIG, BIG, 0), (BIG, 0, -BIG - 1, BIG, 0, 0), (0, -EDGE, -EDGE)),
)

OVERLOADS = (
    (250, (100, 300, 260), ALL, 50),
    (250, (100, 300, 260), L1, -150),
    (250, (100, 300, 260), L1 | L3, 10),
    (250, (100, 300, 260), 0, 50),
    (250, (-100, -300, -260), ALL, -350),
    (-BIG - 1, (BIG, 0, 0), L1, 2 * EDGE),
    (BIG, (-BIG - 1, 0, 0), L1, -2 * EDGE),
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


def test_free():
    for twin in TWINS:
        for limit, amps, drawn, expected in FREES:
            room = ints((1, 2, 3, 4))
            twin.free(2, limit, ints(amps), ints(drawn), room)
            assert tuple(room) == expected + (4,), (twin.__name__, limit, amps, room)


def test_overload_and_least():
    for twin in TWINS:
        for limit, amps, mask, expected in OVERLOADS:
            assert twin.overload(limit, ints(amps), mask) == expected, (twin.__name__, amps)
        room = ints((30, -20, 50, 0))
        assert [twin.least(room, mask) for mask in range(8)] == [-20, 30, -20, -20, 50, 30, -20,
                                                                 -20]


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
    edge = (BIG, -BIG - 1, 0, 100, 2**27, 2**30, -5)
    for turn in range(400):
        count = lottery.draw(0, 8)
        order = list(range(8))
        for n in range(8):
            other = lottery.draw(0, 7)
            order[n], order[other] = order[other], order[n]
        if turn % 4:
            low, high = lottery.some(8, -1, 120), lottery.some(8, 0, 400)
            amps, drawn = lottery.some(3, -900, 900), lottery.some(24, 0, 400)
            room, limit = lottery.some(4, -50, 1500), lottery.draw(0, 2000)
        else:
            low, high, amps, drawn, room = (
                ints([edge[lottery.draw(0, 6)] for _ in range(size)]) for size in (8, 8, 3, 24, 4))
            limit = edge[lottery.draw(0, 6)]
        mask, moving = lottery.some(8, 0, 7), lottery.some(8, 0, 3)
        last, told = lottery.some(3, -900, 900), lottery.some(8, 0, 300)
        moved, rates = lottery.some(3, -900, 900), lottery.some(24, 0, 400)
        results = []
        for twin in TWINS:
            left, grant, used, before = ints(room), ints((7,) * 8), ints(rates), ints(last)
            served = twin.share(count, ints(order), low, high, mask, left, grant)
            free = ints((0, 0, 0, 0))
            twin.free(count, limit, amps, drawn, free)
            twin.track(count, moved, before, used, told, moving, mask)
            results.append((served, list(left), list(grant), list(free), list(used), list(before),
                            twin.overload(limit, amps, mask[0]), twin.least(left, mask[0])))
            for i in order[:count]:
                assert grant[i] == 0 or low[i] <= grant[i] <= high[i]
        assert results[0] == results[-1], (turn, results)
