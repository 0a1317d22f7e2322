"""Make day.csv: a measured PV day and a generated household, one row a minute.

    python tools/twin/data/generate.py serf_east_1min_ac_power.csv > tools/twin/data/day.csv

The argument is the file of that name out of the pvanalytics wheel (see README.md here).
"""

import csv
import random
import sys

DAY = "2022-03-19"  # the file's only complete day
PEAK_W = 5000
SEED = 20220319
MINUTES = 1440

# name, phase (0..2), watts, minutes it runs, share of those it heats, at about these minutes
APPLIANCES = (
    ("kettle", 1, 2100, 4, 1.0, (425, 640, 935, 1215)),
    ("coffee", 1, 1300, 6, 0.6, (432, 790)),
    ("dishwasher", 0, 2000, 75, 0.35, (1230,)),
    ("washing machine", 2, 2100, 95, 0.25, (590,)),
    ("dryer", 2, 2300, 70, 0.8, (700,)),
    ("oven", 1, 2600, 50, 0.6, (1065,)),
    ("hob left", 0, 3300, 30, 0.7, (1085,)),
    ("hob right", 2, 1800, 22, 0.7, (1090,)),
    ("microwave", 0, 1100, 5, 1.0, (745, 1180)),
    ("hair dryer", 2, 1600, 7, 1.0, (450,)),
    ("television", 0, 130, 210, 1.0, (1140,)),
    ("computer", 1, 110, 480, 1.0, (520,)),
)


def load_day():
    """Three lists of 1440 household loads in W."""
    chance = random.Random(SEED)
    load = [[60 + phase * 15] * MINUTES for phase in range(3)]
    for start in range(8, MINUTES, 48):  # refrigerator and freezer
        for minute in range(start, min(start + 17, MINUTES)):
            load[0][minute] += 95
            load[2][(minute + 21) % MINUTES] += 80
    for minute in list(range(400, 480)) + list(range(1080, 1390)):
        load[1][minute] += 140  # light
        load[2][minute] += 60
    for start in range(0, MINUTES, 30):  # circulation pump and boiler electronics
        for minute in range(start, start + 12):
            load[1][minute] += 45
    for _, phase, watts, minutes, share, starts in APPLIANCES:
        for start in starts:
            begin = start + chance.randint(-12, 12)
            for minute in range(begin, min(begin + minutes, MINUTES)):
                if chance.random() < share:
                    load[phase][minute] += watts
    return [[max(0, round(watts * chance.uniform(0.96, 1.04))) for watts in phase]
            for phase in load]


def pv_day(path):
    """1440 PV powers in W, scaled so that the best minute gives PEAK_W."""
    measured = {}
    with open(path, newline="", encoding="utf-8") as file:
        for stamp, watts in list(csv.reader(file))[1:]:
            if stamp.startswith(DAY):
                measured[int(stamp[11:13]) * 60 + int(stamp[14:16])] = max(0.0, float(watts))
    peak = max(measured.values())
    return [round(measured[minute] * PEAK_W / peak) for minute in range(MINUTES)]


def main():
    """Write the day to standard output."""
    load = load_day()
    sun = pv_day(sys.argv[1])
    print("t_s,load_l1_w,load_l2_w,load_l3_w,pv_l1_w,pv_l2_w,pv_l3_w")
    for minute in range(MINUTES):
        third = sun[minute] // 3
        row = [minute * 60] + [phase[minute] for phase in load]
        row += [sun[minute] - 2 * third, third, third]
        print(",".join(str(value) for value in row))


main()
