"""Sessions for people: as CSV, as JSON, and sums by month and card. Imported while somebody asks.

All are generators of lines. ``zone`` is an ``evse.clock.Zone``; ``name_of(hex)`` returns the name
of a card, "" for none. An empty string means that there is more to read first: give others their
turn. ``first`` is the lowest number wanted; ``begin`` and ``end`` are local times or the beginning
of some ("2026-09"), and leave out what cannot be dated unless they are empty.
"""

import json

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


def _chosen(sessions, zone, first, begin, end):
    """Yield the sessions asked for, oldest first, each with when it began, and pauses as None."""
    count = 0
    for it in sessions.records():
        count += 1
        if not count % _REST:
            yield None
        if it.number >= first:
            text = zone.text(it.start) if it.start else ""
            if not (begin or end) or text and text >= begin and not text[:len(end)] > end:
                yield it, text


def sessions_csv(sessions, zone, name_of, first=0, begin="", end=""):
    """Yield the header and one line a session, oldest first.

    Times are local and empty where the time of day was not known, durations seconds.
    """
    yield ("number,start,end,connected_s,charging_s,kwh,solar_kwh,card,name,started,stopped,"
           "phases,peak_a,woke,estimated,interrupted\n")
    for found in _chosen(sessions, zone, first, begin, end):
        if not found:
            yield ""
            continue
        it, start = found
        yield "%d,%s,%s,%d,%d,%s,%s,%s,%s,%s,%d,%d.%d,%s,%d,%d\n" % (
            it.number, start, zone.text(it.start + it.seconds) if start else "", it.seconds,
            it.charging_s, _kwh(it.wh), _kwh(it.solar_wh), _named(it.card, name_of),
            reasons.text(it.by), reasons.text(it.reason), it.phases, it.peak_da // 10,
            it.peak_da % 10, it.woke if it.woke >= 0 else "", it.estimated, it.interrupted)


def sessions_json(sessions, zone, name_of, first=0, begin="", end=""):
    """Yield an object whose ``sessions`` are those asked for, oldest first, a line each."""
    comma = '{"sessions":['
    for found in _chosen(sessions, zone, first, begin, end):
        if not found:
            yield ""
            continue
        it, start = found
        quote = json.dumps
        yield '%s{"number":%d,"start_s":%d,"start":"%s","end":"%s","connected_s":%d' % (
            comma, it.number, it.start, start,
            zone.text(it.start + it.seconds) if start else "", it.seconds)
        yield ',"charging_s":%d,"wh":%d,"solar_wh":%d,"card":"%s","name":%s' % (
            it.charging_s, it.wh, it.solar_wh, it.card,
            quote(it.card and name_of(it.card) or ""))
        yield ',"started":%s,"stopped":%s,"phases":%d,"peak_da":%d,"woke":%d' % (
            quote(reasons.text(it.by)), quote(reasons.text(it.reason)), it.phases, it.peak_da,
            it.woke)
        yield ',"estimated":%s,"interrupted":%s}\n' % (
            quote(it.estimated), quote(it.interrupted))
        comma = ","
    yield ("" if comma == "," else comma) + "]}\n"


def months_csv(sessions, zone, name_of):
    """Yield the header and one line for each month and card, in order.

    What cannot be dated has no month, what needed no card no card. However many cards there are,
    sums for only 32 lines are kept at a time; the sessions are read again for the next ones.
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
