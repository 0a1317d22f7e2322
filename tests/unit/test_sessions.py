"""Sessions on flash: the ring, what a power cut may cost, and the tables people get."""

import json
import os

import vfs

import evse.generations as module
from evse import reasons
from evse.charging.session import Session
from evse.clock import Zone
from evse.flashlog import SESSION, SETTING
from evse.sessions import BODY, RECORD, SIZE, Sessions, pack, sealed, unpack
from evse.sessions_csv import months_csv, sessions_csv, sessions_json

PATH = "/tmp/microevse_sessions_test"
ZONE = Zone("CET-1CEST,M3.5.0,M10.5.0/3")
NOW = ZONE.parse("2027-03-05T18:30")
CARDS = ("04AABBCCDDEE01", "04AABBCCDDEE02", "1122334455AA", "")


def fresh(path=PATH):
    for name in (path, path + ".old"):
        try:
            os.remove(name)
        except OSError:
            pass
    return Sessions(path)


def ended(number, wh=1000, card="", start=NOW, reason=reasons.CAR_UNPLUGGED):
    session = Session()
    session.begin(number, start, card, reasons.CARD if card else reasons.COMMANDED)
    session.second(True, wh, -1, wh // 2, 0, 161, 3600)
    session.end(reason, 0)
    return session


def numbers(sessions, newest=False):
    return [session.number for session in sessions.records(newest)]


def same(a, b):
    for name in ("number", "start", "seconds", "charging_s", "wh", "solar_wh", "card", "by",
                 "reason", "woke", "phases", "peak_da", "estimated", "interrupted"):
        assert getattr(a, name) == getattr(b, name), name


def test_a_record_holds_all_of_a_session():
    session = ended(4000000000, 4294967, CARDS[0], 4294967295)
    session.seconds = 3999999999
    session.woke = 3
    session.phases = 3
    session.peak_da = 65535
    for session.estimated in (False, True):
        for session.interrupted in (False, True):
            for session.card in CARDS:
                for session.woke in (-1, 0, 3):
                    record = pack(session)
                    assert len(record) == BODY == 40
                    copy = Session()
                    assert unpack(b"??" + record, 2, copy)
                    same(copy, session)
                    assert unpack(record + b"and what follows", 0, copy)
                    same(copy, session)
                    assert len(sealed(record)) == RECORD == 56


def test_what_is_no_record_is_refused():
    body = pack(ended(7, card=CARDS[0]))
    copy = ended(1)
    for junk in (b"", b"\x00" * RECORD, b"\xff" * RECORD, body[:-1], body[1:] + b"\x00"):
        assert not unpack(junk, 0, copy)
    same(copy, ended(1))
    record = sealed(body)
    for at in range(RECORD):
        torn = bytearray(record)
        torn[at] ^= 16
        for bad in (torn, record[:at] + b"\xff" * (RECORD - at)):
            if bad != record:
                with open(PATH, "wb") as file:
                    file.write(record + bad + record)
                assert numbers(Sessions(PATH)) == [7, 7], at


def test_no_file_is_no_session():
    sessions = fresh()
    assert sessions.number == 0
    assert sessions.latest() is None
    assert list(sessions.records()) == []
    assert not os.listdir("/tmp").count(PATH.rsplit("/", 1)[1])


def test_sessions_come_back_after_a_restart():
    sessions = fresh()
    for number in range(1, 30):
        sessions.add(ended(number, number * 100, CARDS[number % 4]))
        assert sessions.number == number
    again = Sessions(PATH)
    assert again.number == 29
    assert numbers(again) == list(range(1, 30))
    assert numbers(again, True) == list(range(29, 0, -1))
    same(again.latest(), ended(29, 2900, CARDS[1]))


def test_a_session_known_already_is_not_added_again():
    sessions = fresh()
    sessions.add(ended(5))
    sessions.add(ended(5, 9))
    sessions.add(ended(4))
    assert numbers(sessions) == [5]
    assert sessions.latest().wh == 1000


def test_the_ring_keeps_the_last_256_at_least():
    sessions = fresh()
    for number in range(1, 3 * SIZE + 2):
        sessions.add(ended(number))
        kept = min(number, SIZE)
        if number % 50 == 1 or number > 3 * SIZE - 2:
            found = numbers(sessions)
            assert len(found) >= kept
            assert found == list(range(number - len(found) + 1, number + 1))
            assert numbers(sessions, True) == found[::-1]
            assert Sessions(PATH).number == number
    assert os.stat(PATH + ".old")[6] == SIZE * RECORD
    assert os.stat(PATH)[6] == RECORD


def test_a_damaged_record_costs_itself_only():
    sessions = fresh()
    for number in range(1, 21):
        sessions.add(ended(number))
    with open(PATH, "r+b") as file:
        for at in (0, 9, 19):
            file.seek(at * RECORD + 5)
            file.write(b"\x55\x55")
    again = Sessions(PATH)
    assert numbers(again) == [n for n in range(1, 21) if n not in (1, 10, 20)]
    assert again.number == 19
    again.add(ended(20))
    assert numbers(Sessions(PATH))[-1] == 20


def test_the_log_is_folded_in():
    sessions = fresh()
    sessions.add(ended(3))

    def running(number, wh):
        session = ended(number, wh, CARDS[0])
        session.active = True
        session.reason = 0
        return SESSION, bytes(pack(session))

    assert sessions.fold([], 9) == 0
    other = (SETTING, bytes(pack(ended(9))))
    assert sessions.fold([running(3, 1), other, (SESSION, b"junk")], 9) == 0
    assert numbers(sessions) == [3]
    # Of each the last record counts; what was open when the power failed ended there.
    assert sessions.fold([running(4, 100), running(4, 200), running(4, 300)], 9) == 1
    assert sessions.latest().wh == 300
    assert sessions.latest().interrupted and sessions.latest().card == CARDS[0]
    done = (SESSION, bytes(pack(ended(5, 500))))
    assert sessions.fold([running(5, 400), done, running(6, 50), (SESSION, b""),
                          running(6, 60)], 9) == 2
    assert [(it.number, it.wh, it.interrupted) for it in sessions.records()][2:] == [
        (5, 500, False), (6, 60, True)]
    # What goes on is left out.
    assert sessions.fold([running(7, 1), running(8, 1)], 7) == 1
    assert sessions.noted([running(7, 1), running(9, 1), running(8, 1), (SESSION, b"")]) == 9
    assert sessions.noted([running(7, 1)]) == 0
    # Folding the same again after a power cut changes nothing.
    assert sessions.fold([running(5, 400), done, running(6, 60)], 9) == 0
    assert numbers(Sessions(PATH)) == [3, 4, 5, 6, 7]


class Cut(Exception):
    """The power failed."""


class Files:
    """open and os of the module under test; the power fails after ``budget`` bytes or renames."""

    def __init__(self, budget):
        self.budget = budget

    def open(self, path, mode):
        file = open(path, mode)
        return Torn(self, file) if mode != "rb" else file

    def spend(self):
        if self.budget == 0:
            raise Cut
        self.budget -= 1

    def rename(self, old, new):
        self.spend()
        os.rename(old, new)
        self.spend()

    def stat(self, path):
        return os.stat(path)


class Torn:
    """A file that takes a byte at a time."""

    def __init__(self, files, file):
        self.files = files
        self.file = file
        self.seek = file.seek

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.file.close()

    def write(self, data):
        for byte in data:
            self.files.spend()
            self.file.write(bytes([byte]))


def test_a_power_cut_at_any_byte_costs_the_session_being_written_at_most():
    for before in (0, 1, SIZE - 1, SIZE, 2 * SIZE):
        budget = 0
        cut = True
        while cut:
            sessions = fresh()
            if before:
                _fill(before)
                sessions = Sessions(PATH)
            files = Files(budget)
            module.open, module.os = files.open, files
            try:
                sessions.add(ended(before + 1))
                cut = False
            except Cut:
                pass
            finally:
                del module.open
                module.os = os
            again = Sessions(PATH)
            assert again.number == (before if cut else before + 1), (before, budget)
            again.add(ended(before + 2, 77))
            found = numbers(Sessions(PATH))
            assert found[-1] == before + 2
            assert len(found) >= min(before + 1, SIZE)
            rest = found[:-1] if cut else found[:-2]
            assert rest == list(range(before - len(rest) + 1, before + 1))
            budget += 1
        assert budget >= RECORD


def _fill(count):
    """Write ``count`` sessions as ``add`` would have."""
    first = 1
    if count > SIZE:
        with open(PATH + ".old", "wb") as file:
            for number in range(1, SIZE + 1):
                file.write(sealed(pack(ended(number))))
        first = SIZE + 1
    with open(PATH, "wb") as file:
        for number in range(first, count + 1):
            file.write(sealed(pack(ended(number))))


class Chip:
    """Flash for littlefs that dies at its ``budget``-th write or erase, in the middle of it."""

    def __init__(self, blocks, data=None):
        self.data = bytearray(data or blocks * 4096)
        self.budget = -1
        self.dead = False

    def readblocks(self, block, buf, offset=0):
        at = block * 4096 + offset
        buf[:] = self.data[at : at + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        at = block * 4096 + offset
        done = self._done(len(buf))
        self.data[at : at + done] = buf[:done]

    def ioctl(self, op, block):
        if op == 4:
            return len(self.data) // 4096
        if op == 5:
            return 4096
        if op == 6:
            done = self._done(4096)
            self.data[block * 4096 : block * 4096 + done] = b"\xff" * done
        return 0

    def _done(self, length):
        if self.dead:
            return 0
        if self.budget == 0:
            self.dead = True
            return length // 2
        self.budget -= 1
        return length


def test_a_power_cut_on_the_real_file_system():
    chip = Chip(24)
    vfs.VfsLfs2.mkfs(chip)
    path = "/lfs/sessions"
    vfs.mount(vfs.VfsLfs2(chip), "/lfs")
    sessions = Sessions(path)
    for number in range(1, SIZE + 1):
        sessions.add(ended(number))
        if number in (SIZE - 1, SIZE):
            vfs.umount("/lfs")
            _cut_everywhere(bytes(chip.data), path, number)
            vfs.mount(vfs.VfsLfs2(chip), "/lfs")
            sessions = Sessions(path)
    vfs.umount("/lfs")


def _cut_everywhere(data, path, before):
    budget = 0
    while True:
        chip = Chip(0, data)
        vfs.mount(vfs.VfsLfs2(chip), "/lfs")
        sessions = Sessions(path)
        chip.budget = budget
        try:
            sessions.add(ended(before + 1))
        except OSError:
            pass
        survived = not chip.dead
        vfs.umount("/lfs")
        # What the chip held when it died is what the next start finds.
        chip = Chip(0, chip.data)
        vfs.mount(vfs.VfsLfs2(chip), "/lfs")
        again = Sessions(path)
        assert again.number in (before, before + 1), budget
        assert not survived or again.number == before + 1
        found = numbers(again)
        assert found == list(range(1, again.number + 1)), budget
        again.add(ended(before + 2))
        assert numbers(again)[-1] == before + 2
        vfs.umount("/lfs")
        if survived:
            assert budget > 2
            return
        budget += 1


def test_writing_to_nowhere_is_an_error_and_no_session():
    sessions = Sessions("/tmp/no such folder/sessions")
    try:
        sessions.add(ended(1))
    except OSError:
        assert sessions.number == 0
        return
    raise AssertionError("written to nowhere")


def names(card):
    return {CARDS[0]: "Anna", CARDS[1]: 'Bo "the" Boss, jr'}.get(card, "")


def lines(generator):
    return "".join(generator).split("\n")


def test_the_table_of_sessions():
    sessions = fresh()
    head = ("number,start,end,connected_s,charging_s,kwh,solar_kwh,card,name,started,stopped,"
            "phases,peak_a,woke,estimated,interrupted")
    assert lines(sessions_csv(sessions, ZONE, names)) == [head, ""]
    sessions.add(ended(1, 12345, CARDS[0]))
    session = ended(2, 50, CARDS[1], ZONE.parse("2027-03-28T01:30"))
    session.woke = 0
    session.phases = 3
    session.estimated = True
    sessions.add(session)
    session = ended(3, 0, "", 0, 0)
    session.interrupted = True
    sessions.add(session)
    sessions.add(ended(4, 1000, CARDS[2]))
    assert lines(sessions_csv(sessions, ZONE, names)) == [
        head,
        ('1,2027-03-05T18:30,2027-03-05T19:30,3600,3600,12.345,6.173,04AABBCCDDEE01,"Anna",'
         "by card,the car was unplugged,0,16.1,,0,0"),
        ('2,2027-03-28T01:30,2027-03-28T03:30,3600,3600,0.050,0.025,04AABBCCDDEE02,'
         '"Bo ""the"" Boss, jr",by card,the car was unplugged,3,16.1,0,1,0'),
        "3,,,3600,3600,0.000,0.000,,,stopped by command,,0,16.1,,0,1",
        ('4,2027-03-05T18:30,2027-03-05T19:30,3600,3600,1.000,0.500,1122334455AA,"",'
         "by card,the car was unplugged,0,16.1,,0,0"),
        ""]
    for piece in sessions_csv(sessions, ZONE, names):
        assert piece.endswith("\n") and piece.count("\n") == 1


def test_sessions_by_number_and_time():
    sessions = fresh()
    for number, start in enumerate(("2027-03-05T18:30", "2027-03-28T01:30", "",
                                    "2027-04-01T00:00", "2028-01-01T00:00")):
        sessions.add(ended(number + 1, 10, "", ZONE.parse(start) if start else 0))
    for wanted, numbers in (
            ((0, "", ""), [1, 2, 3, 4, 5]), ((3, "", ""), [3, 4, 5]), ((6, "", ""), []),
            ((0, "2027-04", ""), [4, 5]), ((0, "", "2027-03"), [1, 2]),
            ((0, "2027-03-28T01:30", "2027-03-28T01:30"), [2]),
            ((0, "2027-03-28T01:31", "2027"), [4]), ((2, "2027", "2028"), [2, 4, 5]),
            ((0, "2029", ""), []), ((0, "", "2026"), [])):
        document = json.loads("".join(sessions_json(sessions, ZONE, names, *wanted)))
        assert [row["number"] for row in document["sessions"]] == numbers, wanted
        rows = lines(sessions_csv(sessions, ZONE, names, *wanted))[1:-1]
        assert [int(row.split(",")[0]) for row in rows] == numbers, wanted


def test_a_session_as_json():
    sessions = fresh()
    session = ended(2, 50, CARDS[1], ZONE.parse("2027-03-28T01:30"))
    session.woke = 0
    session.phases = 3
    session.estimated = True
    sessions.add(session)
    pieces = list(sessions_json(sessions, ZONE, names))
    assert json.loads("".join(pieces))["sessions"] == [{
        "number": 2, "start_s": ZONE.parse("2027-03-28T01:30"), "start": "2027-03-28T01:30",
        "end": "2027-03-28T03:30", "connected_s": 3600, "charging_s": 3600, "wh": 50,
        "solar_wh": 25, "card": CARDS[1], "name": 'Bo "the" Boss, jr', "started": "by card",
        "stopped": "the car was unplugged", "phases": 3, "peak_da": 161, "woke": 0,
        "estimated": True, "interrupted": False}]
    assert max(len(piece) for piece in pieces) < 200


def test_others_run_while_many_sessions_are_passed_over():
    sessions = fresh()
    for number in range(1, 101):
        sessions.add(ended(number, 1, ""))
    pieces = list(sessions_json(sessions, ZONE, names, 100))
    assert pieces.count("") == 12
    assert json.loads("".join(pieces))["sessions"][0]["number"] == 100


def test_sums_by_month_and_card():
    sessions = fresh()
    april = ZONE.parse("2027-04-01T00:00")
    for number, (start, card, wh) in enumerate((
            (april - 60, CARDS[0], 1000), (april, CARDS[0], 2000), (april, CARDS[1], 4000),
            (april - 60, "", 100), (0, CARDS[0], 7), (april + 60, CARDS[0], 3000))):
        sessions.add(ended(number + 1, wh, card, start))
    head = "month,card,name,sessions,charging_s,kwh,solar_kwh"
    assert lines(months_csv(sessions, ZONE, names)) == [
        head,
        ',04AABBCCDDEE01,"Anna",1,3600,0.007,0.004',
        "2027-03,,,1,3600,0.100,0.050",
        '2027-03,04AABBCCDDEE01,"Anna",1,3600,1.000,0.500',
        '2027-04,04AABBCCDDEE01,"Anna",2,7200,5.000,2.500',
        '2027-04,04AABBCCDDEE02,"Bo ""the"" Boss, jr",1,3600,4.000,2.000',
        ""]
    assert lines(months_csv(fresh(), ZONE, names)) == [head, ""]


def test_sums_of_many_cards_take_several_readings():
    sessions = fresh()
    for number in range(1, 200):
        card = "04%012x" % (number * 7919 % 97)
        sessions.add(ended(number, number, card))
    totals = {}
    for session in sessions.records():
        count, wh = totals.get(session.card, (0, 0))
        totals[session.card] = (count + 1, wh + session.wh)
    pieces = list(months_csv(sessions, ZONE, lambda card: ""))
    rows = [piece.split(",") for piece in pieces if piece][1:]
    assert [row[1] for row in rows] == sorted(totals)
    for row in rows:
        count, wh = totals[row[1]]
        assert row[3] == str(count)
        assert row[5] == "%d.%03d" % (wh // 1000, wh % 1000)
    # Never more than 8 sessions are read without giving others their turn.
    assert pieces.count("") == 4 * (199 // 8)
