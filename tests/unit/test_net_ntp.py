"""The time of day from servers that are right, wrong, rude and silent."""

import asyncio
import struct

from evse.net import ntp

COOKIE = b"\x01\x02\x03\x04\x05\x06\x07\x08"
EPOCH_S = 2208988800
NOW_S = 1790000000


def packet(seconds=NOW_S, fraction=0, first=0x24, stratum=2, cookie=COOKIE, delay=0,
           dispersion=0, ident=b"\0\0\0\0"):
    return (struct.pack(">BBBbII", first, stratum, 6, -20, delay, dispersion) + ident + bytes(8)
            + cookie + bytes(8) + struct.pack(">II", (seconds + EPOCH_S) & 0xFFFFFFFF, fraction))


def refused(data, cookie=COOKIE):
    try:
        ntp.read(data, cookie)
    except ValueError as problem:
        return str(problem)
    return ""


def test_an_answer_is_read():
    assert ntp.read(packet(), COOKIE) == (NOW_S, 0, b"")
    assert ntp.read(packet(fraction=0x80000000), COOKIE) == (NOW_S, 500, b"")
    assert ntp.read(packet(fraction=0xFFFFFFFF), COOKIE) == (NOW_S, 999, b"")
    assert ntp.read(packet() + bytes(20), COOKIE) == (NOW_S, 0, b"")
    for version in (1, 2, 3, 4):
        assert ntp.read(packet(first=version << 3 | 4), COOKIE)[0] == NOW_S


def test_the_count_that_begins_anew_in_2036_is_carried_on():
    last = 2**32 - 1 - EPOCH_S
    for seconds in (last, last + 1, last + 2, last + 1000, 3_999_999_999):
        # 0 stands for no time at all, as everywhere in the protocol.
        if seconds != last + 1:
            assert ntp.read(packet(seconds), COOKIE)[0] == seconds


def test_what_is_no_answer_to_us_is_not_believed():
    wrong = "not an answer"
    assert wrong in refused(packet()[:47])
    assert wrong in refused(b"")
    assert wrong in refused(packet(cookie=b"\0" * 8))
    assert wrong in refused(packet(), b"\x08" * 8)
    for mode in (0, 1, 2, 3, 5, 6, 7):
        assert wrong in refused(packet(first=0x20 | mode)), mode


def test_a_server_without_the_time_is_not_believed():
    wrong = "does not know"
    assert wrong in refused(packet(first=0xE4))
    assert wrong in refused(packet(stratum=16))
    assert wrong in refused(packet(dispersion=3 * 65536 + 1))
    assert wrong in refused(packet(delay=6 * 65536 + 2))
    assert wrong in refused(packet(-EPOCH_S))
    assert not refused(packet(delay=2 * 65536, dispersion=2 * 65536, stratum=15))


def test_a_kiss_of_death_is_told_from_a_time():
    assert ntp.read(packet(stratum=0, ident=b"RATE"), COOKIE) == (0, 0, b"RATE")
    # A stranger's is worth nothing.
    assert refused(packet(stratum=0, ident=b"DENY", cookie=bytes(8)))


class Board:
    def __init__(self, clock_s):
        self._clock_s = clock_s

    def now(self):
        return 0

    def clock_s(self):
        return self._clock_s


class Names:
    def __init__(self, address="192.0.2.1"):
        self.address = address
        self.doubted = []

    async def lookup(self, name):
        self.asked = name
        return self.address

    def doubt(self, name):
        self.doubted.append(name)


class Rig:
    """``sync`` against an answer that is made up: (seconds, ms), or the ValueError to raise."""

    def __init__(self, answer, clock_s=0, names=None):
        self.answer = answer
        self.board = Board(clock_s)
        self.names = names or Names()
        self.found = {"problem": "", "synced_s": 0, "offset_s": 0, "failures": 0}
        self.commands = []

    def ask(self, host="pool.example"):
        async def made_up(address, port, now):
            self.peer = address, port
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer

        usual = ntp.ask
        ntp.ask = made_up
        try:
            return asyncio.run(ntp.sync(self.found, host, self.names, self.board,
                                        lambda *what: self.commands.append(what)))
        finally:
            ntp.ask = usual


def test_an_unknown_time_is_set_at_a_full_second():
    rig = Rig((NOW_S, 990))
    wait_s = rig.ask()
    assert rig.commands == [("clock", NOW_S + 1, "NTP")]
    assert rig.found["problem"] == "" and rig.found["synced_s"] == NOW_S + 1
    assert rig.found["offset_s"] == 0 and rig.found["failures"] == 0
    assert 4 * 3600 <= wait_s < 4 * 3600 + 600
    assert rig.names.asked == "pool.example" and rig.peer == ("192.0.2.1", 123)


def test_a_port_may_be_given():
    rig = Rig((NOW_S, 999))
    rig.ask("router.local:1123")
    assert rig.names.asked == "router.local" and rig.peer[1] == 1123


def test_a_clock_that_is_right_is_left_alone():
    for ahead, setting in ((0, 0), (1, 0), (-1, 0), (2, 1), (-2, 1), (900, 1)):
        rig = Rig((NOW_S, 999), NOW_S + 1 - ahead)
        rig.ask()
        assert len(rig.commands) == setting, ahead
        assert rig.found["offset_s"] == ahead and rig.found["synced_s"] == NOW_S + 1


def test_a_clock_that_was_never_right_may_jump():
    rig = Rig((NOW_S, 999), NOW_S - 5000)
    rig.ask()
    assert len(rig.commands) == 1


def test_a_clock_that_was_right_jumps_only_when_told_twice():
    rig = Rig((NOW_S, 999), NOW_S + 100_000)
    rig.found["synced_s"] = 1
    assert rig.ask() == 60
    assert not rig.commands and "jumped" in rig.found["problem"]
    rig.answer = (NOW_S - 50_000, 999)
    assert rig.ask() == 60
    assert not rig.commands, "two that differ are two doubts"
    rig.answer = (NOW_S - 49_940, 999)
    assert rig.ask() > 60
    assert rig.commands == [("clock", NOW_S - 49_939, "NTP")]
    assert rig.found["problem"] == ""
    assert rig.ask() == 60, "the doubt is gone with the answer that settled it"


def test_failures_are_asked_again_ever_more_rarely():
    rig = Rig(ValueError("no answer"), clock_s=NOW_S)
    waits = [rig.ask() for _ in range(14)]
    least = 15
    for wait in waits:
        assert least <= wait < least + least // 4 + 1, waits
        least = min(least * 2, 3600)
    assert rig.found == {"problem": "pool.example: no answer", "synced_s": 0, "offset_s": 0,
                         "failures": 14}
    assert rig.names.doubted == ["pool.example"] * 14
    rig.answer = (NOW_S, 999)
    rig.ask()
    assert rig.found["failures"] == 0


def test_while_the_time_is_unknown_nobody_waits_for_an_hour():
    rig = Rig(ValueError("no answer"))
    assert max(rig.ask() for _ in range(14)) < 300 + 75


def test_a_rude_server_is_left_alone_for_an_hour():
    rig = Rig(ValueError("the server wants to be left alone", b"RATE"))
    assert 3600 <= rig.ask() < 4200
    assert rig.found["problem"] == "the server wants to be left alone"
    assert rig.names.doubted


def test_no_address_and_no_host_are_said():
    rig = Rig((NOW_S, 999), names=Names(None))
    rig.ask()
    assert "no address of pool.example" in rig.found["problem"] and not rig.commands
    rig = Rig((NOW_S, 999))
    rig.ask("a:b:c")
    assert rig.found["failures"] == 1 and not rig.commands


def test_a_time_that_is_refused_is_a_failure():
    from evse.settings import Refused

    rig = Rig((1000, 999))

    def refuse(*what):
        raise Refused("the clock takes Unix seconds", "clock")

    rig.commands = type("", (), {"append": refuse})
    rig.ask()
    assert "Unix seconds" in rig.found["problem"] and not rig.found["synced_s"]
