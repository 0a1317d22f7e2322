"""The log on raw flash: whenever the power fails, nothing known is lost and nothing comes back."""

import random
import struct
from binascii import crc32

from evse.flashlog import HISTORY, LONGEST, SESSION, SETTING, STATE, FlashLog

SECTOR = 4096
SLOT = 64


class Cut(Exception):
    """The power failed."""


class Flash:
    """NOR flash in memory whose power fails after ``budget`` bytes; ``pattern`` is how it tears.

    Programming only clears bits. A torn erase leaves the bytes from the front, from the back, or
    any bits at all erased.
    """

    def __init__(self, sectors=4, data=None):
        self.size = sectors * SECTOR
        self.data = bytearray(data or b"\xff" * self.size)
        self.budget = None
        self.pattern = 0
        self.erased = []
        self.programmed = 0
        self.erasing = False
        self.stuck = ()  # bytes that take no 0

    def read(self, at, buf):
        assert 0 <= at and at + len(buf) <= self.size
        buf[:] = self.data[at : at + len(buf)]

    def program(self, at, data):
        assert 0 <= at and at + len(data) <= self.size
        self.programmed += 1
        self.erasing = False
        for i, byte in enumerate(data):
            if self.budget == 0:
                self.data[at + i] &= byte | random.getrandbits(8)
                raise Cut
            self._spend(1)
            if at + i not in self.stuck:
                self.data[at + i] &= byte

    def erase(self, at):
        assert at % SECTOR == 0 and 0 <= at < self.size
        self.erased.append(at // SECTOR)
        self.erasing = True
        done = SECTOR if self.budget is None else min(self.budget, SECTOR)
        self._spend(done)
        if self.pattern == 0:
            self.data[at : at + done] = b"\xff" * done
        elif self.pattern == 1:
            self.data[at + SECTOR - done : at + SECTOR] = b"\xff" * done
        elif done == SECTOR:
            self.data[at : at + done] = b"\xff" * done
        else:
            for i in range(SECTOR):
                if random.getrandbits(12) < done:
                    self.data[at + i] |= random.getrandbits(8) | random.getrandbits(8)
        if done < SECTOR:
            raise Cut

    def _spend(self, count):
        if self.budget is not None:
            self.budget -= count


def erase_all(log):
    """Erase as the firmware does; returns how many calls it took."""
    calls = 1
    while log.erase_step():
        calls += 1
        assert calls < 100
    return calls


def test_a_fresh_log_is_empty_and_needs_nothing():
    flash = Flash()
    log = FlashLog(flash)
    assert list(log.records()) == []
    assert log.used == 0
    log.reset()
    assert not log.erase_step()
    assert not flash.programmed and not flash.erased


def test_records_come_back_in_order_with_their_kinds():
    flash = Flash()
    log = FlashLog(flash)
    written = []
    for length in range(LONGEST + 1):
        record = (1 + length % 3, bytes(range(length)))
        assert log.append(*record)
        written.append(record)
        assert list(log.records()) == written
    assert list(FlashLog(flash).records()) == written
    assert (SESSION, SETTING, STATE) == (1, 2, 3)
    assert not flash.erased


def test_a_record_takes_the_room_it_needs():
    for length, slots in ((0, 1), (56, 1), (57, 2), (120, 2)):
        log = FlashLog(Flash())
        log.append(SETTING, bytes(length))
        assert log.used == slots


def test_a_record_too_long_is_refused():
    log = FlashLog(Flash())
    try:
        log.append(SETTING, bytes(LONGEST + 1))
    except ValueError:
        assert log.used == 0
        return
    raise AssertionError("not refused")


def test_payloads_that_look_blank_or_like_slots_come_back():
    for payload in (b"\xff" * 56, b"\xff" * 120, b"\x00" * 120, b"\xff" * 64 + b"x" * 30):
        flash = Flash()
        log = FlashLog(flash)
        log.append(STATE, payload)
        log.append(SESSION, b"next")
        assert list(FlashLog(flash).records()) == [(STATE, payload), (SESSION, b"next")]


def test_a_full_log_says_so_and_keeps_what_it_has():
    flash = Flash()
    log = FlashLog(flash)
    count = 0
    while log.append(SESSION, b"%d" % count):
        count += 1
    assert count == log.room == 3 * 64
    assert not log.append(SESSION, b"no")
    again = FlashLog(flash)
    assert list(again.records()) == [(SESSION, b"%d" % i) for i in range(count)]
    assert not again.append(SESSION, b"no")
    # The last slot takes no record of two.
    log = FlashLog(Flash())
    while log.append(SETTING, bytes(57)):
        pass
    assert log.used == log.room
    log = FlashLog(Flash())
    log.append(SESSION, b"")
    while log.append(SETTING, bytes(57)):
        pass
    assert log.used == log.room - 1
    assert log.append(SESSION, b"fits")


def test_a_reset_forgets_without_erasing():
    flash = Flash()
    log = FlashLog(flash)
    log.append(SETTING, b"old")
    log.reset()
    assert list(log.records()) == []
    assert list(FlashLog(flash).records()) == []
    log.append(SETTING, b"new")
    assert list(log.records()) == [(SETTING, b"new")]
    assert list(FlashLog(flash).records()) == [(SETTING, b"new")]
    assert not flash.erased
    programmed = flash.programmed
    log.reset()
    log.reset()
    assert flash.programmed == programmed + 1


def test_a_full_log_can_be_reset():
    flash = Flash()
    log = FlashLog(flash)
    while log.append(SESSION, b"x"):
        pass
    log.reset()
    assert list(FlashLog(flash).records()) == []
    assert not log.append(SESSION, b"y")
    erase_all(log)
    assert log.append(SESSION, b"y")
    assert list(FlashLog(flash).records()) == [(SESSION, b"y")]


def test_what_is_taken_comes_once():
    flash = Flash()
    log = FlashLog(flash)
    kept = [(HISTORY, bytes([number]) * 70) for number in range(20)]
    for record in kept:
        log.append(*record)
    assert list(log.take(5)) == kept[:3]  # whole ones, two slots each
    assert list(log.waiting()) == kept[3:]
    assert not log.taken
    assert list(log.take(999)) == kept[3:]
    assert log.taken
    assert list(log.take(999)) == list(log.waiting()) == []
    assert list(log.records()) == kept
    log.append(STATE, b"one more")
    assert not log.taken
    assert list(FlashLog(flash).waiting()) == kept + [(STATE, b"one more")]
    assert list(log.take(1)) == [(STATE, b"one more")]
    log.reset()
    assert list(FlashLog(flash).waiting()) == []
    log.append(SESSION, b"new")
    assert (SESSION, b"new") in log.take(999)
    log.reset()
    erase_all(log)
    log.append(SESSION, b"blank again")
    assert list(log.take(999)) == [(SESSION, b"blank again")]


def test_erasing_goes_sector_by_sector_with_the_mark_last():
    flash = Flash(6)
    log = FlashLog(flash)
    for _ in range(150):
        log.append(SESSION, b"x")
    log.reset()
    calls = 0
    more = True
    while more:
        before = len(flash.erased)
        more = log.erase_step()
        assert len(flash.erased) <= before + 1
        calls += 1
        assert list(FlashLog(flash).records()) == []
    assert flash.erased == [0, 1, 2, 3]
    assert flash.data == b"\xff" * flash.size
    assert log.used == 0
    assert not log.erase_step()
    assert len(flash.erased) == 4


def test_what_is_not_forgotten_is_not_erased():
    flash = Flash()
    log = FlashLog(flash)
    log.append(SESSION, b"keep")
    assert not log.erase_step()
    log.reset()
    log.append(SESSION, b"keep, too")
    assert not log.erase_step()
    assert not flash.erased
    assert list(log.records()) == [(SESSION, b"keep, too")]


def test_a_record_in_the_middle_of_erasing_is_kept():
    for steps in range(6):
        flash = Flash(8)
        log = FlashLog(flash)
        for _ in range(200):
            log.append(SESSION, b"old")
        log.reset()
        for _ in range(steps):
            log.erase_step()
        assert log.append(SETTING, b"now")
        assert list(log.records()) == [(SETTING, b"now")]
        again = FlashLog(flash)
        assert list(again.records()) == [(SETTING, b"now")]
        assert not again.erase_step()
        again.reset()
        erase_all(again)
        assert flash.data == b"\xff" * flash.size


def test_blank_sectors_are_not_erased_again():
    flash = Flash(8)
    log = FlashLog(flash)
    for _ in range(200):
        log.append(SESSION, b"old")
    log.reset()
    for _ in range(4):
        log.erase_step()
    assert flash.erased == [0, 1, 2]
    again = FlashLog(flash)
    erase_all(again)
    assert flash.erased == [0, 1, 2, 3, 4]


def test_garbage_of_other_firmware_is_no_record_and_can_be_erased():
    random.seed(3)
    for junk in (bytes(4 * SECTOR), bytes(random.getrandbits(8) for _ in range(4 * SECTOR)),
                 b"\xff" * SECTOR + bytes(SECTOR) + b"\xff" * 2 * SECTOR,
                 b"\xff" * (4 * SECTOR - 1) + b"\x00"):
        flash = Flash(4, junk)
        log = FlashLog(flash)
        assert list(log.records()) == []
        log.reset()
        erase_all(log)
        assert flash.data == b"\xff" * flash.size
        assert log.append(SESSION, b"first")
        assert list(FlashLog(flash).records()) == [(SESSION, b"first")]


def test_flash_that_takes_no_zero_is_passed_over():
    flash = Flash()
    flash.stuck = (3,)
    log = FlashLog(flash)
    assert log.append(SESSION, b"one")
    assert log.append(SETTING, b"two")
    assert list(FlashLog(flash).records()) == [(SESSION, b"one"), (SETTING, b"two")]


def test_flash_that_takes_nothing_fails_aloud():
    flash = Flash()
    flash.stuck = range(flash.size)
    log = FlashLog(flash)
    try:
        log.append(SESSION, b"lost")
    except OSError:
        assert flash.programmed == 3
        return
    raise AssertionError("claims to have written")


def test_flash_that_fails_in_the_middle_leaves_the_slot_behind():
    flash = Flash()
    log = FlashLog(flash)
    flash.budget = 20
    try:
        log.append(SESSION, b"x" * 40)
    except Cut:
        pass
    flash.budget = None
    assert log.used == 1
    assert log.append(SESSION, b"y" * 40)
    assert flash.programmed == 2
    assert list(FlashLog(flash).records()) == [(SESSION, b"y" * 40)]


def test_what_looks_like_a_record_inside_another_is_none():
    inner = b"not me"
    record = struct.pack("<BBHI", SETTING, len(inner), 0x45E5,
                         crc32(inner, SETTING << 8 | len(inner))) + inner
    flash = Flash()
    log = FlashLog(flash)
    log.append(SETTING, b"p" * 56 + record)
    assert flash.data[SLOT : SLOT + len(record)] == record
    assert list(FlashLog(flash).records()) == [(SETTING, b"p" * 56 + record)]


def test_a_record_that_would_end_beyond_the_flash_is_none():
    flash = Flash()
    flash.data[-SLOT:] = struct.pack("<BBHI", SETTING, 100, 0x45E5, 0) + bytes(56)
    log = FlashLog(flash)
    assert list(log.records()) == []
    log.reset()
    erase_all(log)
    assert flash.data == b"\xff" * flash.size


def test_each_erasing_leaves_all_blank():
    flash = Flash(6)
    log = FlashLog(flash)
    for count in (3, 200, 64, 1):
        for _ in range(count):
            assert log.append(SESSION, b"x")
        log.reset()
        erase_all(log)
        assert flash.data == b"\xff" * flash.size
        assert log.used == 0


def test_a_flipped_bit_anywhere_costs_that_record_only():
    flash = Flash()
    log = FlashLog(flash)
    log.append(SESSION, b"first")
    log.append(SETTING, bytes(70))
    log.append(STATE, b"third")
    whole = bytes(flash.data)
    for at in range(SLOT, SLOT + 78):
        for bit in (1, 128):
            flash.data[:] = whole
            flash.data[at] ^= bit
            found = list(FlashLog(flash).records())
            assert found == [(SESSION, b"first"), (STATE, b"third")], at


def _life(flash, files, promised):
    """Record, fold into ``files``, erase, record again; ``promised`` is kept up to date."""
    log = FlashLog(flash)
    for turn in range(2):
        for i in range(3):
            record = (SETTING, b"%d.%d " % (turn, i) + bytes(40 * i))
            promised["flying"] = record
            assert log.append(*record)
            promised["known"].append(record)
            promised["flying"] = None
        files.extend(log.records())
        promised["folded"] = True
        log.reset()
        promised["known"] = []
        promised["folded"] = False
        while log.erase_step():
            pass


def _survives(flash, promised):
    """What a start finds after a power cut is what was promised, and goes on from there."""
    flash.budget = None
    log = FlashLog(flash)
    found = list(log.records())
    known = promised["known"]
    flying = promised["flying"]
    allowed = [known]
    if flying:
        allowed.append(known + [flying])
    if promised["folded"]:
        allowed.append([])
    assert found in allowed, (found, promised)
    assert log.append(STATE, b"after"), "full"
    assert list(FlashLog(flash).records()) == found + [(STATE, b"after")]
    log.reset()
    assert list(FlashLog(flash).records()) == []
    erase_all(log)
    assert flash.data == b"\xff" * flash.size
    assert log.append(SESSION, b"x" * 100)
    assert list(FlashLog(flash).records()) == [(SESSION, b"x" * 100)]


def test_a_power_cut_at_any_byte():
    random.seed(1)
    for pattern in range(3):
        for start in (0, 1, 60, 63):  # slots used before: near the end of a sector as well
            budget = 0
            while True:
                flash = Flash()
                log = FlashLog(flash)
                for _ in range(start):
                    log.append(SESSION, b"older")
                log.reset()
                promised = {"known": [], "flying": None, "folded": False}
                flash.budget = budget
                flash.pattern = pattern
                try:
                    _life(flash, [], promised)
                except Cut:
                    # Each byte that is programmed; of those erased a fair choice.
                    budget += 173 if flash.erasing else 1 if start == 63 and not pattern else 7
                    _survives(flash, promised)
                else:
                    break
            assert budget > 2 * SECTOR


def test_a_second_cut_while_recovering():
    random.seed(2)
    for pattern in range(3):
        for first in range(0, 9000, 331):
            for second in range(0, 9000, 1009):
                flash = Flash()
                promised = {"known": [], "flying": None, "folded": False}
                flash.pattern = pattern
                flash.budget = first
                try:
                    _life(flash, [], promised)
                except Cut:
                    pass
                flash.budget = None
                log = FlashLog(flash)
                known = list(log.records())
                flash.budget = second
                promised = {"known": known, "flying": None, "folded": True}
                try:
                    log.reset()
                    promised = {"known": [], "flying": None, "folded": False}
                    erase_all(log)
                except Cut:
                    pass
                _survives(flash, promised)


def test_a_record_kept_by_a_reset_is_there_wherever_the_power_fails():
    kept = b"k" * 56
    budget = 0
    cut = True
    while cut:
        flash = Flash()
        log = FlashLog(flash)
        log.append(SETTING, b"old")
        log.append(SESSION, b"s" * 56)
        flash.budget = budget
        try:
            log.reset(kept)
            cut = False
            assert list(log.records()) == [(SESSION, kept)]
        except Cut:
            pass
        flash.budget = None
        found = list(FlashLog(flash).records())
        if cut:
            assert found[:2] == [(SETTING, b"old"), (SESSION, b"s" * 56)] or \
                found == [(SESSION, kept)], budget
        budget += 1
    log = FlashLog(flash)
    assert list(log.records()) == [(SESSION, kept)]
    log.append(STATE, b"after")
    assert list(FlashLog(flash).records()) == [(SESSION, kept), (STATE, b"after")]
    assert not log.erase_step()
    log.reset()
    assert list(FlashLog(flash).records()) == []
    erase_all(log)
    assert bytes(flash.data) == b"\xff" * flash.size
