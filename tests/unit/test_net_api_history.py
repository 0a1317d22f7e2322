"""/api/v1/history: what may be asked for, and that it is handed on as it comes."""

from helpers_net import CLOCK_S, FakeStatus, get

FOREVER = 4294967295


class Status(FakeStatus):
    """One that notes what history was wanted."""

    def history(self, *wanted):
        self.wanted = wanted
        yield '{"rows":[\n'
        yield ""  # nothing yet
        yield "]}\n"


def asked(query, kind="history", clock_s=CLOCK_S):
    status = Status()
    status.pending = {"clock_s": clock_s}
    answer = get("/api/v1/%s?%s" % (kind, query), status=status)
    assert answer.status == 200, query
    assert answer.body == b'{"rows":[\n]}\n'
    return status.wanted, answer


def test_history_by_time_and_step():
    day = 86400
    for query, wanted in (
            ("", (60, CLOCK_S + 1 - day, CLOCK_S + 1)),
            ("step=900", (900, CLOCK_S + 1 - 15 * day, CLOCK_S + 1)),
            ("step=60&from=5&to=7", (60, 5, 7)), ("to=4000000000", (60, 4000000000 - day,
                                                                   4000000000)),
            ("from=0", (60, 0, CLOCK_S + 1)), ("to=60", (60, 0, 60)),
            ("from=4294967295&to=0&step=900", (900, FOREVER, 0))):
        for kind in ("history", "history.csv"):
            found, answer = asked(query, kind)
            assert found == (kind.replace(".", "_") if "." in kind else "history_json",) + wanted
            assert answer.headers["content-type"] == (
                "application/json" if kind == "history" else "text/csv; charset=utf-8")
    assert "history.csv" in answer.headers["content-disposition"]


def test_without_a_time_of_day_it_ends_never():
    assert asked("from=9", clock_s=0)[0] == ("history_json", 60, 9, FOREVER)


def test_history_asked_for_in_another_way():
    for query in ("step=61", "step=", "step=900.0", "from=x", "from=-1", "from=", "to=1e3",
                  "to=4294967296", "from=99999999999"):
        for kind in ("history", "history.csv"):
            answer = get("/api/v1/%s?%s" % (kind, query), status=Status())
            assert answer.status == 400, query
            assert answer.json["field"] == query.split("=")[0]
            assert answer.json["allowed"] in ([60, 900], [0, FOREVER])
