"""What a site is fitted with, as the settings of its chargers have it."""

from twin.lock import KINDS

MAINS_ADDRESS = 10
EV_ADDRESS = 12
CIRCUIT_ADDRESS = 13
NOT_ON_BUS = ("Disabled", "API", "HomeWizrd")
# The time of day is the host's, so nobody is asked for it.
ALONE = {"mode": "Smart", "max": 16, "config": "Fixed", "power_return_s": 0, "ntp_host": ""}
FIRST = {"mains_met": "Eastron3P", "mains_adr": MAINS_ADDRESS, "mains": 25}
SHARED = {"mains": 63, "circuit": 50}


def settings_of(given, count, mqtt=None):
    """Settings of each of ``count`` chargers: ``given`` for all, or for one each, over ours.

    ``mqtt`` is their broker as (host, port), if there is one. Charger 0 is the Master, all others
    are its Nodes, each with an address for its EV meter.
    """
    rows = []
    for number in range(count):
        row = dict(ALONE)
        if mqtt:
            row["mqtt_host"], row["mqtt_port"] = mqtt
        if number == 0:
            row.update(FIRST)
        if count > 1:
            row.update(SHARED)
            row["pwr_share"] = "Node %d" % number if number else "Master"
            row["ev_adr"] = CIRCUIT_ADDRESS + number if number else EV_ADDRESS
        if isinstance(given, dict):
            row.update(given)
        elif number < len(given):
            row.update(given[number])
        rows.append(row)
    return rows


def fit(plug, settings):
    """Wire up ``plug`` as ``settings`` say: contactor, lock, EV meter, order of the phases."""
    world = plug.world
    world.contactors.second = settings.get("contact_2", "Not present") != "Not present"
    lock = str(settings.get("lock", "none")).lower()
    world.lock.kind = lock if lock in KINDS else "none"
    plug.sub_panel = settings.get("ev_meter_role") == "Sub-panel"
    order = settings.get("phase_rotation", "L1L2L3")
    world.rotation = tuple(int(order[at]) - 1 for at in (1, 3, 5))


def limits_ma(settings):
    """(mains, circuit) the true site is judged by, in mA; no circuit where nothing looks at it."""
    master = settings[0]
    circuit = len(settings) > 1 or master.get("circt_met", "Disabled") != "Disabled"
    return (master.get("mains", 25) * 1000, master.get("circuit", 16) * 1000 if circuit else None)


def meters(grid, plugs, settings):
    """(instrument, type, address, settings it follows) of each meter on the bus.

    It is what the settings of its charger say; one they do not look for on the bus is an
    Eastron3P, so that it is there when they change.
    """
    rows = [(grid.meter, settings[0], "mains_met", "mains_adr", MAINS_ADDRESS),
            (grid.circuit_meter, settings[0], "circt_met", "circt_adr", CIRCUIT_ADDRESS)]
    for plug, row in zip(plugs, settings):
        rows.append((plug.ev_meter, row, "ev_meter", "ev_adr", EV_ADDRESS))
    for instrument, row, kind, address, place in rows:
        name = row.get(kind, "Disabled")
        yield (instrument, "Eastron3P" if name in NOT_ON_BUS else name, row.get(address, place),
               row)
