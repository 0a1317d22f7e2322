"""Runs on MicroPython: how often a month of charging erases each block of the flash."""

from cuts_flash import SECTORS, fresh, start
from cuts_hour import past
from helpers_core import NOON_S
from helpers_flash import BLOCK

_BLOCKS = 384  # of the file system of a board
_APP = 150  # of them the app and a spare one take: 160 are free beside what weeks leave in files
_DAY_MIN = 1440
_SESSION_MIN = 240
_SESSIONS = 2  # a day


def month(code, days):
    """Live so many days of two sessions; returns (erases of each block, of each log sector)."""
    board = fresh(list(past()) + [("/a/app", bytes(_APP * BLOCK))], _BLOCKS)
    bench = start(board, code, NOON_S)
    bench.command("set", ("ev_meter", "Eastron3P"), "LCD")
    bench.run(70_000)
    board.erased = [0] * (_BLOCKS + SECTORS)
    for day in range(days):
        for _ in range(_SESSIONS):
            bench.command("set", ("mains", 20 + day % 10), "LCD")
            bench.charge()
            _pass(bench, _SESSION_MIN)
            bench.unplug()
            bench.run(120_000)  # the history follows
            _pass(bench, _DAY_MIN // _SESSIONS - _SESSION_MIN)
            board.reset()  # a month of it would not fit
    return board.erased[:_BLOCKS], board.erased[_BLOCKS:]


def _pass(bench, minutes):
    """Let minutes pass in which nothing changes; storage alone is asked, each half of one."""
    core = bench.core
    for _ in range(minutes * 2):
        bench.clock_s += 30
        core.clock_s = bench.clock_s
        core.journal.uptime_s += 30
        bench.storage.second(core)
