"""The safe mode without a network: outputs safe all the time, and the way out of it."""

import asyncio

from evse import reasons, safe, slots, ticks
from evse.charging import faults
from evse.crumb import Crumb
from evse.safe import Safe
from evse.settings import Refused, Settings
from helpers_update import fresh

START = ticks.MASK - 300  # ticks wrap on the way


class Reset(Exception):
    """The board restarts."""


class Display:
    """Takes a page in two parts, after it has been set up."""

    def __init__(self):
        self.pages = {}
        self.ready = self.parts = 0

    def restart(self, now):
        self.ready = 3

    def step(self, now):
        self.ready -= self.ready > 0
        return not self.ready

    def send(self, page, view):
        assert not self.ready
        self.pages[page] = bytes(view)
        self.parts += 1
        return self.parts % 2


class Board:
    """Notes what is asked of it; its clock goes as fast as somebody looks."""

    serial = 4711

    def __init__(self, display=None):
        self.directory = fresh()
        self.log = []
        self.ticks = START
        self.memory = b""
        self._display = display

    def now(self):
        self.ticks = ticks.add(self.ticks, 400)
        return self.ticks

    def safe(self):
        self.log.append("safe")

    def feed(self):
        self.log.append("fed")

    def watchdog(self, timeout_ms):
        assert timeout_ms == 3000
        return self.feed

    def reset(self):
        raise Reset

    def reset_cause(self):
        return "hard"

    def keep(self, data):
        self.memory = bytes(data)

    def kept(self):
        return self.memory

    def data_dir(self):
        return self.directory

    root = data_dir

    def display(self):
        return self._display

    def buttons(self):
        return 7

    def set_led(self, red, green, blue):
        assert not green and not blue

    def set_backlight(self, level):
        assert level == 255

    def radio(self):
        return None

    http_address = radio


def ended(board, uptime_s=0, ask=False, update=None):
    """Let the safe mode run until it restarts ``board``."""
    one = Safe(board, Crumb(board), 6)
    one.journal.uptime_s = uptime_s
    one.facts.update = update

    async def life():
        task = asyncio.create_task(one.run())
        await pause(20)
        if ask:
            one.post_restart(Installer, one.facts, None)
        if update is not None:
            assert not task.done()
            one.facts.update = None
        await task

    pause, asyncio.sleep_ms = asyncio.sleep_ms, lambda ms: pause(min(ms, 1))
    try:
        asyncio.run(life())
    except Reset:
        return one
    finally:
        asyncio.sleep_ms = pause
    raise AssertionError("it ended without a restart")


class Installer:
    """Who has given the password."""

    source = "installer"


class Stranger:
    """Somebody on the network."""

    source = "REST"


def counted(board):
    with open(board.directory + "/boots") as file:
        return file.read()


def test_when_it_has_lasted_a_minute_power_that_comes_again_leads_to_the_app():
    board = Board()
    slots.count(board.directory, 6)
    one = Safe(board, Crumb(board), 6)
    one.journal.uptime_s = 58

    async def life():
        task = asyncio.create_task(one.run())
        while one.journal.uptime_s < 61:
            seen.append((one.journal.uptime_s, counted(board)))
            await asyncio.sleep_ms(1)
        task.cancel()

    seen = []
    pause, asyncio.sleep_ms = asyncio.sleep_ms, lambda ms: pause(1)
    try:
        asyncio.run(life())
    finally:
        asyncio.sleep_ms = pause
    assert (59, "6") in seen and (60, "4") in seen, seen


def test_after_ten_minutes_it_tries_the_app_once_more():
    board = Board()
    one = ended(board, 590)
    assert one.journal.uptime_s == 600
    assert counted(board) == "4"  # with the start that comes now it is the fifth
    assert board.log.count("safe") == board.log.count("fed") >= 20
    assert Crumb(board).cause == "restart"


def test_who_asks_gets_the_app_and_all_its_tries():
    board = Board()
    assert ended(board, ask=True).journal.uptime_s < 600
    assert counted(board) == "0"


def test_an_update_under_way_is_waited_for():
    assert ended(Board(), 600, update=0).journal.uptime_s > 600


def test_only_the_installer_restarts_it():
    board = Board()
    one = Safe(board, Crumb(board), 6)
    assert one.post_restart(Stranger, one.facts, None).status_code == 403
    assert not one.restarting
    assert one.post_restart(Installer, one.facts, None).status_code == 200
    assert one.restarting


def test_whatever_the_settings_are_it_starts():
    for content in ("", "{", "[]", '{"settings":{"wifi":5,"max":[]}}', '{"settings":7}', "\0"):
        board = Board()
        with open(board.directory + "/settings.json", "w") as file:
            file.write(content)
        one = ended(board, 600)
        assert one.facts.setting("max") == 13


def test_settings_that_cannot_even_be_read_are_those_it_came_with():
    board = Board()

    def broken(record, path=None):
        if path:
            raise MemoryError
        return Settings(record)

    safe.Settings = broken
    try:
        assert ended(board, 600).facts.setting("max") == 13
    finally:
        safe.Settings = Settings


def test_the_log_has_what_is_known():
    board = Board()
    crumb = Crumb(board)
    crumb.journal.record(reasons.MODE, 3, 0)
    crumb.fail(ValueError("why not"))
    with open(board.directory + "/crash.txt", "w") as file:
        file.write("the file\n" * 100)
    one = Safe(board, Crumb(board), 6)
    text = "".join(one.log())
    assert "safe mode after 6 starts" in text and "started by: crash" in text
    assert "at -1 s: mode changed (3, 0)" in text and "restarted" in text
    assert "ValueError: why not" in text and text.count("the file") == 100
    assert '"safe_mode":true,"starts":6,"left_s":600' in "".join(one.told())


def test_the_display_says_what_this_is():
    display = Display()
    board = Board(display)
    ended(board, 598)
    assert sorted(display.pages) == list(range(8))
    assert any(display.pages[0]) and any(display.pages[7])


def test_nothing_but_what_helps_can_be_commanded():
    board = Board()
    one = Safe(board, Crumb(board), 6)
    for name in ("access", "mode", "override", "erase", "start", "clock"):
        try:
            one.command(name, 1, "installer")
        except Refused:
            continue
        raise AssertionError(name)
    one.command("set", ("wifi_ssid", "home"), "portal")
    again = Safe(board, Crumb(board), 6)
    assert again.facts.setting("wifi_ssid") == "home"
    slots.count(board.directory, 0)


class Tripped:
    """A core whose residual current monitor has tripped."""

    c1 = False
    state = reason = 0
    faults = faults.RCM_TRIPPED


def test_what_was_to_be_cleared_by_hand_still_is_after_it():
    for tripped in (True, False):
        board = Board()
        before = Crumb(board)
        Tripped.charger = Tripped
        if tripped:
            before.note(Tripped, 0)
        ended(board, 598)
        assert Crumb(board).tripped == tripped
