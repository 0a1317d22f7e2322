"""The runs behind the pictures of docs/regulation.md, and what is read off them."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import scenario as scenarios

MIDNIGHT = 1780264800  # the local one of a day in summer


class Run:
    """One result: its trace as rows of named values, and what is read off it."""

    def __init__(self, document, result):
        self.end = document["duration_s"]
        self.metrics, self.evses = result["metrics"], result["evses"]
        self.journal = result["journal"]
        self.rows = [dict(zip(result["trace_columns"], row)) for row in result["trace"]]

    def series(self, value, begin=0, end=None):
        """[(t_s, value of the row), ...], each holding until the next, from begin to end."""
        end = end or self.end
        points = [(begin, 0)]
        for row in self.rows:
            if row["t_s"] <= begin:
                points[0] = (begin, value(row))
            elif row["t_s"] < end:
                points.append((row["t_s"], value(row)))
        return [*points, (end, points[-1][1])]

    def when(self, holds, begin=0):
        """The first moment from ``begin`` on at which ``holds`` of the row is true."""
        return next((row["t_s"] for row in self.rows if row["t_s"] >= begin and holds(row)),
                    self.end)

    def told(self, name):
        """Moments at which the journal says so."""
        return [row[0] for row in self.journal if row[1] == name]


def amps(key):
    """Reads a column of mA or dA in A."""
    unit = 10 if key.endswith("_da") else 1000
    return lambda row: row[key] / unit


def total(row, kind, first=1, last=3):
    """Sum of the phases of the mains or a car in A; kind is mains, ev, ev_1, ..."""
    return sum(row["%s_l%d_ma" % (kind, phase)] for phase in range(first, last + 1)) / 1000


def sun(row):
    """What the sun leaves for the car, summed over the phases in A."""
    return total(row, "ev") - total(row, "mains")


def ramp(knots, step_s=6):
    """Rows of three equal phases along (minute, A), in steps."""
    rows = []
    for (begin, low), (end, high) in zip(knots, knots[1:]):
        for t_s in range(round(begin * 60), round(end * 60), step_s):
            da = round(10 * (low + (high - low) * (t_s / 60 - begin) / (end - begin)))
            if not rows or rows[-1][1] != da:
                rows.append([t_s, da, da, da])
    return rows


def document(duration_s, settings, cars, load, **more):
    """A scenario with trace and journal."""
    site = {"load_da": load, "pv_da": more.pop("pv_da", [[0, 0, 0, 0]])}
    return {"duration_s": duration_s, "trace": True, "journal": True, "settings": settings,
            "evses": [{"car": {"plugged": [[5, 99999]], **car}} for car in cars], "site": site,
            **more}


SMART = {"mode": "Smart", "mains": 25, "max": 16}
SOLAR = {"mode": "Solar", "mains": 25, "max": 16}
SMART_STEPS = ((60, 90), (120, 140), (170, 190), (225, 245))
OVEN = ((1980, 2280), (3000, 3180))
CLOUDS = [(0, 0.5), (6, 1), (8, 9), (14, 12), (20, 14), (21, 9), (24, 8.5), (25, 14.5), (32, 15),
          (33, 5), (36, 4.5), (37, 14), (44, 13.5), (46, 10.5), (49, 12), (54, 10), (57, 3.5),
          (75, 3)]
FADING = [(0, 10.5), (8, 10), (14, 5.5), (18, 4.4), (24, 4.8), (30, 6), (36, 4.2), (42, 3.8),
          (50, 5), (60, 5.3)]


def house(low, high, spans, phases=3):
    """Load rows: ``high`` dA on L1 within the spans, ``low`` outside, ``low`` on the others."""
    rest = [low if phase < phases else 0 for phase in (1, 2)]
    rows = [[0, low, *rest]]
    for begin, end in spans:
        rows += [[begin, high, *rest], [end, low, *rest]]
    return rows


SCENARIOS = {
    "normal": document(
        420, {"mode": "Normal", "mains": 25, "max": 16}, [{}],
        [[0, 20, 10, 10], [60, 140, 30, 20], [150, 112, 20, 20], [210, 60, 20, 20]],
        events=[[290, "meter", "off"], [345, "meter", "on"]]),
    "smart": document(290, SMART, [{}], house(20, 160, SMART_STEPS)),
    "solar": document(4500, SOLAR, [{}], [[0, 20, 10, 10], [1680, 80, 10, 10], [1800, 20, 10, 10]],
                      pv_da=ramp(CLOUDS), clock=MIDNIGHT + 11 * 3600),
    "capacity": document(
        4500, {"mode": "Smart", "mains": 40, "max": 32, "cap_mode": "Flanders"},
        [{"phases": [1], "max_da": 320}], house(20, 110, OVEN, 1), clock=MIDNIGHT + 17 * 3600),
    "share": document(4200, {"mode": "Smart", "mains": 40, "max": 16, "circuit": 15},
                      [{"plugged": [[5 + 40 * number, 99999]]} for number in range(4)],
                      [[0, 20, 10, 10]]),
    "phases": document(3600, dict(SOLAR, contact_2="Auto"), [{}], [[0, 15, 8, 7]],
                       pv_da=ramp(FADING), clock=MIDNIGHT + 15 * 3600),
}


def run_all(folder=None):
    """Run the scenarios of all pictures; {name: Run}."""
    def one(name):
        scenario = scenarios.normalise(SCENARIOS[name])
        return Run(scenario, scenarios.run(scenario, folder=folder))
    with ThreadPoolExecutor(2) as pool:  # each is a process of its own
        return dict(zip(SCENARIOS, pool.map(one, SCENARIOS)))
