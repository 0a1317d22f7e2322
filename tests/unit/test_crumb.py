"""The crumb: what a run leaves for the next one, and that nothing but a crumb is taken for one."""

from evse import reasons
from evse.charging import faults
from evse.crumb import CAUSES, Crumb
from evse.journal import SIZE


class Board:
    """Its memory outlives a reset."""

    def __init__(self, cause="power", kept=b""):
        self.cause = cause
        self.memory = kept
        self.writes = 0

    def reset_cause(self):
        return self.cause

    def keep(self, data):
        assert len(data) <= 1200
        self.memory = bytes(data)
        self.writes += 1

    def kept(self):
        return self.memory


class Core:
    """As much of one as a crumb looks at."""

    def __init__(self, c1=False, state=0, reason=0, faults=0):
        self.charger = self
        self.faults = faults
        self.c1, self.state, self.reason = c1, state, reason


def after(cause, leave=lambda crumb: None, board=None):
    """The crumb of a start by ``cause`` after a run that did ``leave(crumb)``."""
    board = board or Board()
    leave(Crumb(board))
    board.cause = cause
    return Crumb(board)


def events(crumb):
    return [(at, code, a, b) for _, at, code, a, b in crumb.journal.events()]


def test_without_power_nothing_is_known():
    one = Crumb(Board())
    assert (one.cause, one.before, one.closed, one.unasked) == ("power", None, False, True)
    assert (one.count, list(one.history())) == (1, [("power", -1)])
    assert (one.text(), events(one)) == ("", [])


def test_what_ran_is_known_after_a_reset():
    def leave(crumb):
        crumb.journal.uptime_s = 4000
        crumb.note(Core(True, 3, 16), 0x1ffd)

    one = after("watchdog", leave)
    assert (one.cause, one.before) == ("watchdog", (3, 16, 4000, 0x1ffd))
    assert one.closed and one.unasked
    assert events(one) == [(0, reasons.RESTARTED, CAUSES.index("watchdog"), 0x1ffd),
                           (0, reasons.CUT_OFF, 3, 16)]


def test_a_residual_current_is_to_be_cleared_by_hand_after_any_number_of_resets():
    one = after("watchdog", lambda crumb: crumb.note(Core(faults=faults.RCM_TRIPPED), 0))
    assert one.tripped
    board = Board()
    after("watchdog", lambda crumb: crumb.note(Core(faults=faults.RCM_TRIPPED), 0), board)
    assert Crumb(board).tripped  # the one between had not noted anything yet
    assert not after("watchdog", lambda crumb: crumb.note(Core(faults=faults.WELDED), 0)).tripped


def test_who_restarted_the_chip():
    def fail(crumb):
        crumb.fail(ValueError("no"))

    for cause, leave, told, unasked in (
            ("hard", Crumb.ask, "restart", False), ("hard", fail, "crash", True),
            ("hard", lambda crumb: crumb.note(Core(), 0), "panic", True),
            ("soft", Crumb.ask, "soft", False), ("brownout", Crumb.ask, "brownout", True),
            ("deepsleep", Crumb.ask, "deepsleep", True)):
        one = after(cause, leave)
        assert (one.cause, one.unasked) == (told, unasked), told
    assert Crumb(Board("hard")).cause == "hard"  # nothing is known of the run before


def test_a_closed_contactor_means_waiting_whoever_asked():
    def leave(crumb):
        crumb.note(Core(True), 0)
        crumb.ask()

    one = after("hard", leave)
    assert (one.cause, one.closed, one.unasked) == ("restart", True, True)


def test_what_failed_and_was_restarted_is_no_crash():
    def leave(crumb):
        crumb.fail(ValueError("once"))
        crumb.note(Core(), 0)

    one = after("hard", leave)
    assert one.cause == "panic" and "ValueError: once" in one.text()


def test_the_journal_goes_on_where_it_was():
    def leave(crumb):
        journal = crumb.journal
        for second in range(0, 1000, 10):
            journal.uptime_s = second
            journal.record(reasons.STATE, second)
        crumb.note(Core(), 0)
        journal.uptime_s = 995
        crumb.note(Core(), 0)

    board = Board()
    one = after("watchdog", leave, board)
    found = events(one)
    assert len(found) == SIZE
    assert [at for at, *_ in found][-4:-1] == [-25, -15, -5]
    assert found[-2][2] == 990 and found[-1][1] == reasons.RESTARTED
    assert one.journal.count == 101
    one.journal.uptime_s = 100
    one.note(Core(), 0)
    assert [at for at, *_ in events(Crumb(board))][-3:] == [-105, -100, 0]


def test_an_event_of_the_last_moment_is_of_before_as_well():
    def leave(crumb):
        crumb.journal.uptime_s = 7
        crumb.note(Core(), 0)
        crumb.journal.uptime_s = 9
        crumb.journal.record(reasons.STATE)
        crumb.ask()

    assert events(after("hard", leave))[0][:2] == (-1, reasons.STATE)


def test_it_is_written_once_a_second_and_when_asked():
    board = Board()
    one = Crumb(board)
    writes = board.writes
    for half_seconds in range(10):
        one.journal.uptime_s = half_seconds // 2
        one.note(Core(), 0)
    assert board.writes == writes + 5
    one.ask()
    assert board.writes == writes + 6


def test_the_last_starts_and_how_many_there_were():
    board = Board()
    one = Crumb(board)
    for number in range(10):
        one.journal.uptime_s = 100 * number
        one.note(Core(), 0)
        board.cause = "watchdog" if number % 2 else "brownout"
        one = Crumb(board)
    assert one.count == 11
    assert list(one.history()) == [("watchdog", 900), ("brownout", 800)] + [
        ("watchdog", 700), ("brownout", 600), ("watchdog", 500), ("brownout", 400),
        ("watchdog", 300), ("brownout", 200)]


def test_of_a_long_exception_the_end_is_kept_in_whole_letters():
    for extra in range(4):
        problem = ValueError("ä" * 400 + "x" * extra)
        text = after("hard", lambda crumb: crumb.fail(problem)).text()
        assert text.endswith("ä" + "x" * extra + "\n") and 238 < len(text.encode()) <= 240
    assert after("hard", lambda crumb: (crumb.fail(ValueError("long" * 60)),
                                        crumb.fail(OSError(5)))).text().endswith("EIO\n")


def test_whatever_is_not_a_crumb_is_forgotten():
    board = Board()
    one = Crumb(board)
    one.journal.record(reasons.STATE, 1)
    one.note(Core(True), 1)
    good = board.memory
    damaged = [b"", b"\xff" * len(good), bytes(len(good)), good[:-1], good + b"\0"]
    for at in range(len(good)):
        damaged.append(good[:at] + bytes((good[at] ^ 1 << at % 8,)) + good[at + 1:])
    for kept in damaged:
        one = Crumb(Board("hard", kept))
        assert (one.cause, one.before, one.count, one.text()) == ("hard", None, 1, "")
        assert events(one) == []
    assert Crumb(Board("hard", good)).before


def test_failures_in_a_row_are_told_from_a_start_now_and_then():
    board = Board()
    one = Crumb(board)
    for lasted_s, cause, failures in ((50, "watchdog", 1), (599, "brownout", 2), (0, "panic", 3),
                                      (600, "watchdog", 0), (50, "watchdog", 1), (50, "power", 0)):
        one.journal.uptime_s = lasted_s
        one.note(Core(), 0)
        board.cause = cause
        one = Crumb(board)
        assert one.failures() == failures, (lasted_s, cause)
