"""The start: the board before all else, and safe outputs whatever fails after it."""

from evse import start
from evse.boards import sim
from helpers_update import fresh


class Board:
    """Notes what is asked of it."""

    def __init__(self):
        self.log = []
        self.directory = fresh()

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


def started(problem, board=None):
    """The board, with what was asked of it, after a start whose loading ends with ``problem``."""
    board = board or Board()

    def load():
        board.log.append("load")
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
        assert board.log == ["safe", "load", "safe", "sleep 10 s", "reset"]
        with open(board.directory + "/crash.txt") as file:
            assert type(problem).__name__ in file.read()


def test_who_interrupts_the_loading_gets_the_prompt_and_time():
    assert started(KeyboardInterrupt()).log == ["safe", "load", "safe", "watchdog 600 s"]


def test_what_cannot_be_told_keeps_no_board_from_its_restart():
    board = Board()
    board.directory = "/nowhere"
    try:
        started(ValueError(), board)
    except OSError:
        assert board.log == ["safe", "load", "safe", "reset"]
        return
    raise AssertionError
