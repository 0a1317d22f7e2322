"""Make days of sun and household out of a kind of weather and a seed, one row a minute.

    python tools/twin/data/synthesise.py broken 3 > day.csv
    python tools/twin/data/synthesise.py --shipped

The second line makes the files beside this one again, bit for bit. Nothing in them was measured:
the sun is a bell over the hours of daylight times how clear the sky is, the house a list of
appliances and habits thrown by dice.
"""

import math
import random
import sys
from pathlib import Path

MINUTES = 1440
HEAD = "t_s,load_l1_w,load_l2_w,load_l3_w,pv_l1_w,pv_l2_w,pv_l3_w"
KINDS = ("clear", "haze", "broken", "fast", "mixed", "front", "overcast", "winter",
         "winter_broken", "small", "peaks")
# The days that lie here.
SHIPPED = (("clear", 5), ("broken", 12), ("mixed", 10), ("overcast", 7), ("winter", 9),
           ("small", 8), ("peaks", 9))
PEAKS_W = (3000, 4000, 5000, 6000, 8000, 10000)

# name, chance that it runs, least and most: minute it starts, minutes, watts, share of those it
# heats; minutes it heats or rests at a time.
HABITS = (
    ("breakfast kettle", 0.7, (375, 465), (2, 5), (1500, 2300), (1.0, 1.0), 1),
    ("breakfast hob", 0.5, (380, 470), (15, 45), (1200, 3200), (0.55, 0.55), 2),
    ("noon hob", 0.5, (705, 800), (15, 45), (1200, 3200), (0.55, 0.55), 2),
    ("evening kettle", 0.6, (1055, 1145), (2, 5), (1500, 2300), (1.0, 1.0), 1),
    ("evening hob", 0.8, (1060, 1150), (15, 45), (1200, 3200), (0.55, 0.55), 2),
    ("washing machine", 0.6, (480, 960), (70, 120), (2100, 2100), (0.28, 0.28), 4),
    ("dishwasher", 0.5, (500, 1250), (50, 90), (2000, 2000), (0.35, 0.35), 6),
    ("dryer", 0.3, (540, 1100), (40, 80), (2400, 2400), (0.8, 0.8), 5),
    ("heat pump", 0.35, (480, 1300), (60, 480), (500, 2200), (0.3, 0.8), 10),
    ("lights and television", 0.9, (1000, 1060), (240, 340), (100, 350), (1.0, 1.0), 1),
)


def drift(dice, low, high, step):
    """1440 values that wander between ``low`` and ``high``."""
    value = dice.uniform(low, high)
    values = []
    for _ in range(MINUTES):
        value = min(high, max(low, value + dice.gauss(0, step)))
        values.append(value)
    return values


def change(dice, sunny_min, cloudy_min, depth):
    """1440 values that change between sun and clouds that last so long on average.

    The edge of a cloud adds a little of its own light.
    """
    values = []
    sunny = dice.random() < 0.5
    while len(values) < MINUTES:
        minutes = max(1, int(dice.expovariate(1 / (sunny_min if sunny else cloudy_min))))
        if sunny:
            edge = dice.uniform(1.0, 1.12)
            values += [edge if at in (0, minutes - 1) else dice.uniform(0.95, 1.0)
                       for at in range(minutes)]
        else:
            dark = dice.uniform(*depth)
            values += [dark * dice.uniform(0.85, 1.15) for _ in range(minutes)]
        sunny = not sunny
    return values[:MINUTES]


def sky(dice, kind):
    """How much of the clear sky's sun there is, for each minute."""
    if kind == "haze":
        return drift(dice, 0.65, 0.95, 0.005)
    if kind == "broken":
        return change(dice, dice.uniform(8, 40), dice.uniform(4, 20), (0.15, 0.5))
    if kind == "fast":
        return change(dice, dice.uniform(1.5, 6), dice.uniform(1.5, 5), (0.2, 0.55))
    if kind == "overcast":
        return drift(dice, 0.12, 0.42, 0.012)
    if kind == "mixed":
        some = [sky(dice, dice.choice(("clear", "haze", "broken", "fast", "overcast")))
                for _ in range(3)]
        first, second = sorted(dice.sample(range(480, 1080), 2))
        return some[0][:first] + some[1][first:second] + some[2][second:]
    if kind == "front":
        border = dice.randint(560, 960)
        before, after = sky(dice, "clear"), sky(dice, dice.choice(("overcast", "broken")))
        if dice.random() < 0.5:
            before, after = after, before
        return before[:border] + after[border:]
    return [dice.uniform(0.985, 1.0) for _ in range(MINUTES)]


def run(dice, load, start, minutes, watts, share, hold):
    """Let an appliance of ``watts`` run; it heats for ``share`` of its time."""
    for begin in range(start, min(start + minutes, MINUTES), hold):
        if dice.random() < share:
            for minute in range(begin, min(begin + hold, start + minutes, MINUTES)):
                load[minute] += watts


def house(dice, busy):
    """Three lists of 1440 loads in W."""
    base = dice.choice((30, 50, 80, 130))
    load = [[float(base)] * MINUTES for _ in range(3)]
    period, on = dice.randint(35, 70), dice.randint(10, 25)
    for start in range(dice.randint(0, period), MINUTES, period):
        run(dice, load[0], start, on, 110, 1.0, on)  # refrigerator
    for _, chance, start, minutes, watts, share, hold in HABITS:
        if dice.random() < chance:
            run(dice, dice.choice(load), dice.randint(*start), dice.randint(*minutes),
                dice.randint(*watts), dice.uniform(*share), hold)
    for _ in range(dice.randint(1, 6)):
        run(dice, dice.choice(load), dice.randint(420, 1320), dice.randint(2, 6),
            dice.randint(800, 2400), 1.0, 1)
    for _ in range(dice.randint(8, 20) if busy else 0):
        run(dice, dice.choice(load), dice.randint(420, 1200), dice.randint(2, 12),
            dice.randint(1500, 4500), 1.0, 1)
    return [[watts * dice.uniform(0.95, 1.05) for watts in phase] for phase in load]


def make(kind, seed):
    """Three household loads and the sun, each 1440 values in W."""
    dice = random.Random("%s %d" % (kind, seed))
    season = dice.random()  # 0: midwinter, 1: midsummer
    peak = dice.choice(PEAKS_W) * dice.uniform(0.9, 1.1)
    weather = kind
    if kind.startswith("winter"):
        season = dice.uniform(0, 0.25)
        weather = "broken" if kind == "winter_broken" else "clear"
    elif kind == "small":
        peak = dice.uniform(1800, 3200)
        season = dice.uniform(0.4, 1)
        weather = dice.choice(("clear", "haze", "broken", "mixed"))
    elif kind == "peaks":
        weather = dice.choice(("clear", "haze", "broken"))
    half = (8 + 8.5 * season) * 30
    noon = 720 + dice.randint(-50, 70)
    clear = sky(dice, weather)
    sun = []
    for minute in range(MINUTES):
        hour = (minute - noon) / half
        height = math.cos(hour * math.pi / 2) ** 1.3 if abs(hour) < 1 else 0.0
        sun.append(peak * (0.35 + 0.65 * season) * height * clear[minute])
    return house(dice, kind == "peaks"), sun


def text(kind, seed):
    """The day in the replay format, the sun on three phases alike."""
    loads, sun = make(kind, seed)
    lines = [HEAD]
    for minute in range(MINUTES):
        watts = round(sun[minute])
        third = watts // 3
        row = [minute * 60] + [round(load[minute]) for load in loads]
        row += [watts - 2 * third, third, third]
        lines.append(",".join(str(value) for value in row))
    return "\n".join(lines) + "\n"


def main():
    """Entry point."""
    if sys.argv[1:] == ["--shipped"]:
        for kind, seed in SHIPPED:
            path = Path(__file__).parent / ("made_%s.csv" % kind)
            path.write_text(text(kind, seed), encoding="utf-8")
        return
    if len(sys.argv) != 3 or sys.argv[1] not in KINDS or not sys.argv[2].isdigit():
        sys.exit("usage: synthesise.py --shipped | KIND SEED; KIND is one of " + " ".join(KINDS))
    sys.stdout.write(text(sys.argv[1], int(sys.argv[2])))


if __name__ == "__main__":
    main()
