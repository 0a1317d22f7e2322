"""What /api/v1 tells of what was and what is stored: journal, doctor, sessions, cards, times."""

from micropython import const

from evse.net.reply import Reply, failure, quote, trusted
from evse.rare import rare

_LOCAL_TIME = "0000-00-00T00:00"
_MOST_NUMBER = const(0x3FFFFFFF)


def get_journal(request, status, _command):
    """Answer with the journal's events, from the number ``since`` on."""
    since = number_of(request, "since")
    if since < 0:
        return failure(400, "since is the number of an event", "since", [0, _MOST_NUMBER])
    return Reply(_journal(status, since))


def number_of(request, name):
    """The number in a parameter of the query: 0 without it, -1 when it is none."""
    text = request.args.get(name, "0")
    return int(text) if text.isdigit() and len(text) <= 10 and int(text) <= _MOST_NUMBER else -1


def _journal(status, since):
    """Yield the journal as a JSON array, one event a piece."""
    comma = "["
    for number, at, text, a, b in status.events(since):
        yield '%s{"number":%d,"uptime_s":%d,"text":%s,"a":%d,"b":%d}' % (
            comma, number, at, quote(text), a, b)
        comma = ","
    yield "[]" if comma == "[" else "]"


def get_doctor(_request, status, _command):
    """Answer with what the bus doctor does and has found."""
    return Reply(_doctor(status))


def _doctor(status):
    kind, state, percent = status.doctor()
    yield '{"kind":%s,"state":%s,"percent":%d,"findings":[' % (quote(kind), quote(state), percent)
    comma = ""
    for code, what, where, hint, mistake in status.doctor_rows():
        yield '%s{"code":%d,"what":%s,"where":%s,"mistake":%s' % (
            comma, code, quote(what), quote(where), quote(mistake))
        yield ',"hint":%s}' % quote(hint)
        comma = ","
    yield "]}"


# ---- sessions ----

def get_sessions(request, status, _command):
    """Answer with the sessions asked for as JSON."""
    return _sessions(request, status, "sessions_json", "application/json")


def get_sessions_csv(request, status, _command):
    """Answer with the sessions asked for as a table."""
    return _sessions(request, status, "sessions_csv", "")


def _sessions(request, status, name, kind):
    last, after = number_of(request, "last"), number_of(request, "after")
    for field, value in (("last", last), ("after", after)):
        if value < 0:
            return failure(400, "%s is a number" % field, field, [0, _MOST_NUMBER])
    times = []
    for field in ("from", "to"):
        text = request.args.get(field, "")
        if field in request.args and not _is_local_time(text):
            return failure(400, "%s is a local time as 2026-09-21T15:33, or its beginning" % field,
                           field)
        times.append(text)
    first = after + 1
    if last:
        first = max(first, status.storage.number - last + 1)
    rows = status.table(name, first, times[0], times[1])
    return Reply(rows, 200, kind) if kind else _table(rows, "sessions.csv")


def _is_local_time(text):
    """True for the beginning of a local time, to the year, month, day, hour or minute."""
    if len(text) not in (4, 7, 10, 13, 16):
        return False
    for character, like in zip(text, _LOCAL_TIME):
        if not (character.isdigit() if like == "0" else character == like):
            return False
    return True


def get_months_csv(_request, status, _command):
    """Answer with what each card took in each month."""
    return _table(status.table("months_csv"), "months.csv")


def _table(rows, name):
    return Reply(rows, 200, "text/csv; charset=utf-8",
                 {"Content-Disposition": 'attachment; filename="%s"' % name})


# ---- cards ----

def get_cards(request, status, _command):
    """Answer with the cards as JSON."""
    return Reply(_cards(status)) if trusted(request, status) else _denied()


def get_cards_csv(request, status, _command):
    """Answer with the cards as a file that can be loaded again."""
    if not trusted(request, status):
        return _denied()
    return _table((row + "\n" for row in status.cards_csv()), "cards.csv")


def _denied():
    return failure(403, "cards are read by the installer, at the charger, or with trust_lan",
                   "trust_lan", ["Enabled"])


def _cards(status):
    comma = '{"cards":['
    for row in status.cards_csv():
        card, _, name = row.partition(",")
        yield '%s{"card":"%s","name":%s}\n' % (comma, card, quote(name))
        comma = ","
    yield ("" if comma == "," else comma) + "]}"


# ---- times ----

def get_schedule(_request, status, _command):
    """Answer with the start and stop that were set, all of it empty without."""
    status.refresh()
    return Reply('{"mode":%s,"start":%d,"stop":%d,"repeat":%d,"text":%s}' % (
        quote(status.timer_mode), status.timer_start, status.timer_stop, status.timer_repeat,
        quote(status.timer_words())))


def get_prices(_request, status, _command):
    """Answer with the prices that were told, and the one in force."""
    return Reply(_prices(status))


def _prices(status):
    status.refresh()
    stored = status.prices()
    start, minutes = stored[:2] if stored else (0, 0)
    numbers = rare("prices").numbers(stored)
    now = None
    if minutes and status.clock_s >= start:
        at = (status.clock_s - start) // (60 * minutes)
        now = numbers[at] if at < len(numbers) else None
    yield '{"start":%d,"minutes":%d,"now":%s,"prices":[' % (start, minutes, quote(now))
    comma = ""
    for price in numbers:
        yield "%s%d" % (comma, price)
        comma = ","
    yield "]}"


def get_imported(_request, status, _command):
    """Answer with what differs from the firmware the settings were taken over from."""
    try:
        return Reply(open(status.directory + "/imported.json", "rb"))
    except OSError:
        return failure(404, "nothing was imported, or it was seen")
