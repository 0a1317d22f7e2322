"""Sessions for people: all as CSV, and sums by month and card. Imported while somebody asks.

Both are generators of lines. ``zone`` is an ``evse.clock.Zone``; ``name_of(hex)`` returns the name
of a card, "" for none.
"""

from micropython import const

from evse import reasons

_AT_ONCE = const(32)  # sums kept at a time
_REST = const(8)  # sessions read before others get their turn


def _kwh(wh):
    return "%d.%03d" % (wh // 1000, wh % 1000)


def _quoted(text):
    return '"%s"' % text.replace('"', '""')


def _named(card, name_of):
    return "%s,%s" % (card, _quoted(name_of(card) or "") if card else "")


def sessions_csv(sessions, zone, name_of):
    """Yield the header and one line a session, oldest first.

    Times are local and empty where the time of day was not known, durations seconds.
    """
    yield ("number,start,end,connected_s,charging_s,kwh,solar_kwh,card,name,started,stopped,"
           "phases,peak_a,woke,estimated,interrupted\n")
    for it in sessions.records():
        start = it.start
        yield "%d,%s,%s,%d,%d,%s,%s,%s,%s,%s,%d,%d.%d,%s,%d,%d\n" % (
            it.number, zone.text(start) if start else "",
            zone.text(start + it.seconds) if start else "", it.seconds, it.charging_s,
            _kwh(it.wh), _kwh(it.solar_wh), _named(it.card, name_of), reasons.text(it.by),
            reasons.text(it.reason), it.phases, it.peak_da // 10, it.peak_da % 10,
            it.woke if it.woke >= 0 else "", it.estimated, it.interrupted)


def months_csv(sessions, zone, name_of):
    """Yield the header and one line for each month and card, in order.

    An empty string means that there is more to read first: give others their turn. What cannot be
    dated has no month, what needed no card no card. However many cards there are, sums for only 32
    lines are kept at a time; the sessions are read again for the next ones.
    """
    yield "month,card,name,sessions,charging_s,kwh,solar_kwh\n"
    done = ""
    more = True
    while more:
        more = False
        sums = {}
        count = 0
        for it in sessions.records():
            count += 1
            if not count % _REST:
                yield ""
            key = "%s %s" % (zone.text(it.start)[:7] if it.start else "", it.card)
            if key <= done:
                continue
            if key not in sums and len(sums) >= _AT_ONCE:
                more = True
                highest = max(sums)
                if key > highest:
                    continue
                del sums[highest]
            sum_of = sums.setdefault(key, [0, 0, 0, 0])
            sum_of[0] += 1
            sum_of[1] += it.charging_s
            sum_of[2] += it.wh
            sum_of[3] += it.solar_wh
        for done in sorted(sums):
            count, charging_s, wh, solar_wh = sums[done]
            month, _, card = done.partition(" ")
            yield "%s,%s,%d,%d,%s,%s\n" % (month, _named(card, name_of), count, charging_s,
                                           _kwh(wh), _kwh(solar_wh))
