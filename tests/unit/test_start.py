"""The start: the board before all else, and safe outputs whatever fails after it."""

from evse import start
from evse.boards import sim
from evse.crumb import Crumb
from helpers_update import fresh


class Board:
    """Notes what is asked of it."""

    def __init__(self, boots=None):
        self.log = []
        self.memory = b""
        self.directory = fresh()
        if boots is not None:
            with open(self.directory + "/boots", "w") as file:
                file.write(boots)

    def safe(self):
        self.log.append("safe")

    def sleep(self, seconds):
        self.log.append("sleep %d s" % seconds)

    def reset(self):
        self.log.append("reset")

    def watchdog(self, timeout_ms):
        self.log.append("watchdog %d s" % (timeout_ms // 1000))

    def data_dir(self):
        return self.directory

    root = data_dir

    def reset_cause(self):
        return "hard"

    def keep(self, data):
        self.memory = bytes(data)

    def kept(self):
        return self.memory


def started(problem, board=None):
    """The board, with what was asked of it, after a start whose loading ends with ``problem``."""
    board = board or Board()

    def load(what):
        board.log.append("load " + what)
        raise problem

    create, clock = sim.create, start.time
    sim.create, start.time = lambda: board, board
    try:
        start.main(load)
    finally:
        sim.create, start.time = create, clock
    return board


def test_modules_that_do_not_load_leave_the_outputs_safe_and_restart_the_board():
    for problem in (MemoryError("no room"), ImportError("no module"), OSError(5)):
        board = started(problem)
        assert board.log == ["safe", "watchdog 120 s", "load now", "safe", "sleep 10 s", "reset"]
        with open(board.directory + "/crash.txt") as file:
            assert type(problem).__name__ in file.read()


def test_who_interrupts_the_loading_gets_the_prompt_and_time():
    board = started(KeyboardInterrupt(), Board("3"))
    assert board.log == ["safe", "watchdog 120 s", "load now", "safe", "watchdog 600 s"]
    with open(board.directory + "/boots") as file:
        assert file.read() == "0"  # that was no failure


def test_what_cannot_be_told_keeps_no_board_from_its_restart():
    board = Board()
    board.directory = "/nowhere"
    board = started(ValueError(), board)
    assert board.log[-3:] == ["safe", "sleep 10 s", "reset"]


def test_the_next_start_knows_what_has_failed():
    board = started(ValueError("it is broken"))
    again = Crumb(board)
    assert again.cause == "crash" and "ValueError: it is broken" in again.text()


def test_after_five_starts_that_failed_comes_the_safe_mode():
    for boots, what in ((None, "now"), ("", "now"), ("1", "now"), ("5", "now"), ("6", "safe"),
                        ("8", "safe"), ("9", "now"), ("x", "now"), (" ", "now"), ("\xe9", "now")):
        assert started(MemoryError(), Board(boots)).log[2] == "load " + what, boots


def test_who_asks_for_a_restart_gets_the_app_even_if_no_count_can_be_written():
    board = Board("6")
    Crumb(board).ask()
    assert started(MemoryError(), board).log[2] == "load now"
    assert started(MemoryError(), board).log[-4] == "load safe"  # nobody has asked for this one


def test_what_was_kept_is_not_looked_at_when_not_even_the_safe_mode_lasts():
    board = Board("8")
    board.kept = lambda: 1 // 0
    assert "load safe" in started(MemoryError(), board).log
