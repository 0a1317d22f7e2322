"""What /api/v1 tells of the last days: a row for each minute or quarter of an hour."""

from micropython import const

from evse.history_read import MOST
from evse.net.reply import Reply, failure

_STEPS = ("60", "900")
_MOST_S = const(4294967295)


def get_history(request, status, _command):
    """Answer with the history asked for as JSON."""
    return _history(request, status, "history_json", "application/json", None)


def get_history_csv(request, status, _command):
    """Answer with the history asked for as a table."""
    return _history(request, status, "history_csv", "text/csv; charset=utf-8",
                    {"Content-Disposition": 'attachment; filename="history.csv"'})


def _history(request, status, name, kind, headers):
    step = request.args.get("step", _STEPS[0])
    if step not in _STEPS:
        return failure(400, "step is 60 or 900 seconds", "step", [60, 900])
    step = int(step)
    times = []
    for field in ("from", "to"):
        text = request.args.get(field, "0")
        if not text.isdigit() or len(text) > 10 or int(text) > _MOST_S:
            return failure(400, "%s is a moment in Unix seconds" % field, field, [0, _MOST_S])
        times.append(int(text))
    begin, end = times
    status.refresh()
    if "to" not in request.args:
        end = status.clock_s + 1 if status.clock_s else _MOST_S
    if "from" not in request.args:
        begin = max(0, end - MOST * step)
    return Reply(status.history(name, step, begin, end), 200, kind, headers)
