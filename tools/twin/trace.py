"""What a scenario's trace shows: a row for each moment something in it is new."""

from twin.station import NAMES, NO_POWER

_OFF_STATE = 0


class Trace:
    """The rows of ``stations`` at ``site``; the first one's columns come first and unnumbered."""

    def __init__(self, stations, site):
        self.rows = []
        self._stations = stations
        self._site = site
        self._shown = None
        self.columns = ["t_s", "state", "reason", "grant_da", "limit", "duty", "c1",
                        "ev_l1_ma", "ev_l2_ma", "ev_l3_ma",
                        "mains_l1_ma", "mains_l2_ma", "mains_l3_ma", "connect", "pilot_mv"]
        if stations[0].world.contactors.second:
            self.columns.append("c2")
        for station in stations[1:]:
            names = ["state_%d", "reason_%d", "grant_%d_da", "limit_%d", "duty_%d", "c1_%d",
                     "ev_%d_l1_ma", "ev_%d_l2_ma", "ev_%d_l3_ma", "connect_%d", "pilot_%d_mv"]
            if station.world.contactors.second:
                names.append("c2_%d")
            self.columns += [name % station.number for name in names]

    def note(self, now, regulator):
        """Add a row if it differs from the last; ``regulator`` decides, None without power."""
        row = []
        for station in self._stations:
            self._charger(row, station, regulator)
        if row != self._shown:
            self._shown = row
            self.rows.append([now / 1000] + row)

    def _charger(self, row, station, regulator):
        world = station.world
        number = station.number
        charger = station.core and station.core.charger
        if charger:
            row.append(charger.state)
            row.append(NAMES.get(charger.reason) or "code_%d" % charger.reason)
        else:
            row.append(_OFF_STATE)
            row.append(NO_POWER)
        decided = regulator and number < len(regulator.grant_da)
        row.append(regulator.grant_da[number] if decided else 0)
        row.append(NAMES.get(regulator.grant_limit[number], "") if decided else "")
        row.append(world.duty)
        row.append(int(world.c1))
        row.extend([world.ev_ma(phase) for phase in range(3)])
        if not number:
            row.extend([self._site.mains_ma(phase) for phase in range(3)])
        row.append(int(world.connect))
        row.append(world.pilot_mv()[0])
        if world.contactors.second:
            row.append(int(world.c2))
