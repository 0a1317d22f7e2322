"""History on the device: minutes, their quarters, where they go, and what people read of them."""

import gc
import json
import os

import vfs

import evse.generations
from evse import reasons
from evse.clock import Zone
from evse.flashlog import SESSION, FlashLog
from evse.history import History
from evse.history_read import MOST, history_csv, history_json
from evse.minutes import (
    CAR,
    CLOSED,
    ESTIMATED,
    LOST,
    MINUTE,
    minute_row,
    pack_minute,
    pack_quarter,
    quarter_row,
    sealed,
)
from evse.power import readings as sources
from helpers_flash import ROOT, Flash, Log, cut, forbidden, put, start, written

PATH = "/tmp"
FILES = ("minutes.bin", "quarters.bin")
UTC = Zone("UTC0")
NOON = 1_790_078_400
FOREVER = 4294967295


class Core:
    """What a history looks at."""

    def __init__(self):
        self.journal = self.charger = self.session = self.readings = self.settings = self
        self.regulator = self
        self.uptime_s = 0
        self.clock_s = NOON
        self.now = 0
        self.c1 = self.plugged = self.active = False
        self.reason = reasons.NO_CAR
        self.watts = self.solar_w = 0
        self.mains_w = None
        self.mains_meter = True
        self.ev = True
        self.amps = [[0, 0, 0]]
        self.capacity = None
        self.peak_w = 2500
        self.cap_mode = "Flanders"
        self.grant_da = [0]
        self.grant_limit = [reasons.LIMIT_MAX]

    def fresh(self, source, _now):
        return self.ev if source == sources.EV else self.mains_w is not None

    def get(self, key):
        return getattr(self, key)


class Rig:
    """A history with a core, on /tmp unless told, and with a log if one is given."""

    def __init__(self, log=None, directory=PATH, core=None):
        self.core = core or Core()
        self.history = History(directory)
        self.history.log = log
        self.history.fold()
        if log:
            log.reset()

    def run(self, seconds, each=1, **facts):
        """Let seconds pass, so many each time; facts are what the core shows meanwhile."""
        core = self.core
        for name, value in facts.items():
            setattr(core, name, value)
        for _ in range(seconds // each):
            core.uptime_s += each
            if core.clock_s:
                core.clock_s += each
            if self.history.second(core):
                self.history.note(core.c1)
            if not core.c1:
                self.history.step()

    def rows(self, step=60, begin=0, end=FOREVER):
        return document(self.history, step, begin, end)["rows"]


def every_row(history, step=60):
    """All rows, in as many answers as it takes."""
    rows = []
    after = 0
    while after is not None:
        found = document(history, step, after)
        after = found["next"]
        assert len(found["rows"]) == MOST == 1440 or after is None
        rows += found["rows"]
    return rows


def document(history, step=60, begin=0, end=FOREVER):
    return json.loads("".join(history_json(history, UTC, step, begin, end)))


def fresh(log=None):
    for name in FILES:
        for suffix in ("", ".old", ".older"):
            try:
                os.remove(PATH + "/" + name + suffix)
            except OSError:
                pass
    return Rig(log)


def starts(rows):
    return [row[0] - NOON for row in rows]


def minutes(count, first=NOON):
    return [first - NOON + 60 * number for number in range(count)]


def row(at, taken=100, fed=0, car=0, sun=0, da=5, grant=0, budget=None, reason=1, limit=40,
        flags=0, of=1):
    return [at, taken, fed, car, sun, da, grant, budget, reason, limit, flags, of]


def packed(at=NOON, mains=100, car=0, solar=0, da=5, grant=0, budget=0, reason=1, limit=40,
           flags=0):
    return pack_minute(at, mains, car, solar, da, grant, budget, reason, limit, flags)


# ---- records ----

def test_a_minute_holds_what_it_was_told():
    for facts, wanted in (
            (packed(), row(NOON)),
            (packed(mains=-3001, car=7000, solar=3500, flags=15, grant=800, da=-30, reason=16),
             row(NOON, 0, 3002, 7000, 3500, -30, 800, None, 16, 40, 15)),
            (packed(mains=None, car=500, solar=77, da=9),
             row(NOON, None, None, 500, None, None)),
            (packed(mains=400000, car=99999, solar=99999, budget=2510),
             row(NOON, 65534, 0, 65534, 65534, budget=2600)),
            (packed(mains=-400000, budget=99999), row(NOON, 0, 65534, budget=25500)),
            (packed(4_000_000_020), row(4_000_000_020))):
        assert len(facts) == MINUTE == 16
        assert list(minute_row(b"?" + facts, 1)) == wanted


def test_a_quarter_is_the_mean_of_its_minutes():
    block = b"".join((
        packed(NOON + 300, 1000, 4000, 3000, 50, 100, 2500, 16, 42, CAR | CLOSED),
        packed(NOON + 360, -500, 2000, 2000, 80, 110, 2500, 16, 43, CAR),
        packed(NOON + 420, None, 3000, 0, 0, 120, 2600, 5, 44, LOST),
        packed(NOON + 480, 2000, 3000, 0, 70, 130, 2500, 5, 42, 0),
        packed(NOON + 540, 2000, 0, 0, -20, 140, 0, 16, 40, ESTIMATED)))
    assert list(quarter_row(pack_quarter(block, 5), 0)) == row(
        NOON, 1250, 125, 2400, 1248, 80, 140, 2600, 16, 40, 15, 5)
    # Of reasons that held as long it is the latest.
    assert list(quarter_row(pack_quarter(block, 4), 0)) == row(
        NOON, 1000, 166, 3000, 1664, 80, 130, 2600, 5, 42, 11, 4)
    # And the limit is one that belongs to the reason.
    assert quarter_row(pack_quarter(block, 3), 0)[8:10] == (16, 43)
    silent = packed(mains=None) + packed(NOON + 60, mains=None)
    assert list(quarter_row(pack_quarter(silent, 2), 0)) == row(
        NOON, None, None, 0, None, None, of=2)


# ---- minutes ----

def test_a_minute_is_the_clock_s_and_tells_all_of_it():
    rig = fresh()
    rig.run(30, mains_w=1000, amps=[[10, 44, -3]], clock_s=NOON + 29)
    assert rig.rows() == []  # it runs still
    rig.run(1)
    assert rig.rows() == [row(NOON, 1000, 0, da=44)]
    rig.run(15, mains_w=-500)
    rig.run(30, mains_w=3000, amps=[[300, 200, 0]], plugged=True)
    rig.run(14, c1=True, active=True, watts=7200, solar_w=1800, amps=[[1, 2, 3]], reason=16,
            grant_da=[103], grant_limit=[42], capacity=rig.core, peak_w=2700)
    assert rig.rows()[1:] == []
    rig.run(1)
    assert rig.rows()[1:] == [
        row(NOON + 60, 2124, 0, 1800, 446, 300, 103, 2700, 16, 42, CLOSED | CAR)]


def test_what_no_meter_has_seen_is_unknown_and_not_nothing():
    rig = fresh()
    rig.run(60)
    rig.run(60, mains_w=700)
    rig.run(60, mains_w=None, mains_meter=False)
    rig.run(20, mains_meter=True)
    rig.run(40, mains_w=600)
    rig.run(2)
    assert rig.rows() == [
        row(NOON, None, None, sun=None, da=None, flags=LOST),
        row(NOON + 60, 700, 0, da=0),
        row(NOON + 120, None, None, sun=None, da=None),
        row(NOON + 180, 600, 0, da=0, flags=LOST)]


def test_a_house_that_feeds_the_grid_has_its_least_negative_phase():
    rig = fresh()
    rig.run(30, mains_w=-1200, amps=[[-40, -20, -60]])
    rig.run(30, amps=[[-40, -30, -60]])
    assert rig.rows() == [row(NOON, 0, 1200, da=-20)]


def test_a_car_no_meter_sees_is_marked_as_estimated():
    rig = fresh()
    rig.run(61, mains_w=-9000, c1=True, plugged=True, active=True, watts=3680, solar_w=3680)
    rig.run(60, ev=False)
    assert [r[10] for r in rig.rows()] == [CLOSED | CAR, CLOSED | CAR | ESTIMATED]
    rig.run(120, c1=False, watts=0, solar_w=0)
    assert rig.rows()[3][10] == CAR
    assert [r[3] for r in rig.rows()] == [3680, 3680, 61, 0]


def test_the_budget_is_that_of_the_tariff_of_flanders():
    rig = fresh()
    rig.run(61, capacity=rig.core, mains_w=0, cap_mode="Fixed")
    rig.run(60, cap_mode="Flanders")
    assert [r[7] for r in rig.rows()] == [None, 2500]


def test_without_a_time_of_day_nothing_is_kept():
    rig = fresh()
    rig.run(600, clock_s=0, mains_w=100)
    assert rig.rows() == []
    rig.run(60, clock_s=NOON + 40)
    rig.run(60, clock_s=0)
    assert starts(rig.rows()) == [0, 60]


def test_a_clock_that_is_set_spoils_nothing():
    rig = fresh()
    rig.run(120, mains_w=100)
    rig.run(130, clock_s=NOON + 7200)
    assert starts(rig.rows()) == [0, 60, 120, 7200, 7260]
    rig.run(180, clock_s=NOON + 60)  # set back: rows ascend all the same
    assert starts(rig.rows()) == [0, 60, 120, 7200, 7260, 7320]
    assert starts(rig.rows(end=NOON + 7200)) == [0, 60, 120, 180]
    for step in (60, 900):
        times = starts(rig.rows(step))
        assert times == sorted(set(times))
    # A clock that jumps to and fro within a quarter does not fill more than there is.
    for _ in range(40):
        rig.run(61, clock_s=NOON + 9005)
    assert starts(rig.rows(begin=NOON + 9000)) == [9000, 9060]
    rig.run(120, clock_s=NOON + 12000)
    assert max(r[11] for r in rig.rows(900)) == 15
    assert len(rig.history.block) == 15 * MINUTE


# ---- quarters ----

def test_quarters_are_the_clock_s_and_the_running_one_is_there_too():
    rig = fresh()
    rig.run(3600, 10, mains_w=100, clock_s=NOON + 420)
    assert starts(rig.rows()) == minutes(60, NOON + 420)
    found = rig.rows(900)
    assert starts(found) == [0, 900, 1800, 2700, 3600]
    assert [r[11] for r in found] == [8, 15, 15, 15, 7]
    assert [r[1] for r in found] == [100] * 5
    assert rig.history.quarters.count() == 4


def test_a_start_in_the_middle_of_a_quarter_goes_on_with_it():
    rig = fresh()
    rig.run(400, mains_w=100)
    rig.history.flush()  # as before each forgetting of the log
    rig.run(61, mains_w=200)
    rig.history.flush()
    again = Rig(core=rig.core)
    assert starts(again.rows()) == minutes(7)
    again.run(600)
    assert starts(again.rows()) == minutes(17)
    found = again.rows(900)
    assert [r[11] for r in found] == [15, 2]
    assert found[0][1] == (6 * 100 + 132 + 8 * 200) // 15
    assert again.history.quarters.count() == 1
    # One that is over already is not made again.
    third = Rig(core=rig.core)
    third.run(120)
    assert [r[11] for r in third.rows(900)] == [15, 2]
    assert third.history.quarters.count() == 1


def test_summer_time_ends_and_no_quarter_is_lost_or_longer():
    zone = Zone("CET-1CEST,M3.5.0,M10.5.0/3")
    rig = fresh()
    begin = zone.utc(2026, 10, 25, 2, 0)  # the hour that comes twice
    rig.run(7202, clock_s=begin, mains_w=100)
    found = rig.rows(900)
    assert [r[0] - begin for r in found] == [900 * number for number in range(8)]
    lines = "".join(history_csv(rig.history, zone, 900, 0, FOREVER)).split("\n")
    assert [line.split(",")[1][11:] for line in lines[1:-1]] == [
        "02:00", "02:15", "02:30", "02:45"] * 2


# ---- while a contactor is closed ----

def raw():
    """A flash that is a log only."""
    flash = Flash()
    return flash, FlashLog(Log(flash))


def test_while_a_contactor_is_closed_no_file_is_written_and_nothing_lost():
    _, log = raw()
    rig = fresh(log)
    rig.run(600, mains_w=100)
    filed = rig.history.filed
    rig.run(8 * 3600, 10, c1=True, active=True)
    assert rig.history.filed == filed
    assert starts(rig.rows()) == minutes(490)
    assert [r[11] for r in rig.rows(900)] == [15] * 32 + [10]
    rig.run(50, c1=False)
    assert rig.history.filed == filed + 64  # both files for each quarter
    assert starts(rig.rows()) == minutes(490)
    assert [r[11] for r in rig.rows(900)] == [15] * 32 + [10]
    assert rig.history.minutes.count() == 480


def test_after_a_charge_it_goes_into_the_files_bit_by_bit():
    _, log = raw()
    rig = fresh(log)
    rig.run(300 * 60, 10, c1=True)
    steps = 1
    while rig.history.step():
        steps += 1
    assert steps == 38  # 8 slots at a time
    assert rig.history.minutes.count() == 300


def test_it_leaves_the_last_slots_to_sessions_and_settings():
    _, log = raw()
    rig = fresh(log)
    rig.run(3 * 86400, 20, c1=True)
    assert log.room - log.used == 80
    assert len(rig.history.fresh) == 7 * MINUTE
    kept = len(every_row(rig.history))
    # One slot a minute, then two for seven of them; and the last seven in RAM.
    assert kept == (960 - 640) + (640 - 80) // 2 * 7 + 7, kept
    while rig.history.step():
        pass
    rig.run(70, c1=False)
    assert len(every_row(rig.history)) == kept + 1
    # While no contactor is closed it does without sooner.
    _, log = raw()
    rig = fresh(log)
    rig.run(86400, 20)
    assert log.room - log.used == 640
    assert starts(rig.rows()) == minutes(1440)


def test_it_rides_with_the_sessions_in_one_slot():
    flash = Flash()
    bench = start(flash, {"max": 16})
    bench.charge()
    bench.run(600000)
    notes = [op[2] for op in written(flash, "log") if op[2][0] == SESSION]
    assert len(notes) == 11
    assert [len(note) for note in notes].count(64) == 10
    assert forbidden(flash) == []
    history = bench.storage.history(bench.core, "history_json", 60, 0, FOREVER)
    assert len(json.loads("".join(history))["rows"]) == 10


def test_without_a_log_it_is_kept_while_no_contactor_is_closed():
    rig = fresh()
    rig.run(1200)
    rig.run(3600, c1=True)
    rig.run(600, c1=False)
    found = starts(rig.rows())
    assert found[:20] == minutes(20)
    assert found[20:] == minutes(17, NOON + 1200 + 53 * 60), found[20:]


# ---- bounds and damage ----

def fill(rig, count, first=NOON):
    """Have it take so many minutes, as if they had passed."""
    for number in range(count):
        rig.history.take(packed(first + 60 * number))


def test_the_files_do_not_grow_beyond_their_bounds():
    rig = fresh()
    days = 8
    fill(rig, days * 1440)
    kept = rig.history.minutes.count()
    assert 2 * 1440 <= kept <= 3 * 1455
    assert starts(every_row(rig.history)) == minutes(kept, NOON + 60 * (days * 1440 - kept))
    for name in FILES:
        for suffix in ("", ".old", ".older"):
            try:
                assert os.stat(PATH + "/" + name + suffix)[6] <= 10 * 4096
            except OSError:
                assert name == FILES[1]
    assert rig.history.quarters.count() == days * 96


def test_quarters_of_35_days_are_kept():
    rig = fresh()
    block = packed() * 15
    record = sealed(pack_quarter(block, 15))
    for _ in range(60 * 96):
        rig.history.quarters.append(record)
    assert 35 * 96 <= rig.history.quarters.count() <= 53 * 96


def test_only_what_is_wanted_is_read():
    rig = fresh()
    fill(rig, 2880)
    pieces = list(history_json(rig.history, UTC, 60, NOON + 60 * 2820, NOON + 60 * 2850))
    assert len(pieces) < 60, len(pieces)
    assert starts(json.loads("".join(pieces))["rows"]) == minutes(30, NOON + 60 * 2820)
    assert rig.rows(begin=NOON + 86400 * 3) == []
    assert rig.rows(begin=NOON, end=NOON) == []


def test_what_is_damaged_torn_or_foreign_costs_itself_only():
    rig = fresh()
    fill(rig, 30)
    with open(PATH + "/minutes.bin", "r+b") as file:
        file.seek(18 * 3 + 5)
        file.write(b"\x55")
        file.seek(0, 2)
        file.write(b"torn")
    again = Rig()
    wanted = minutes(30)
    wanted.remove(180)
    assert starts(again.rows()) == wanted
    fill(again, 15, NOON + 1800)
    assert starts(again.rows()) == wanted + minutes(15, NOON + 1800)
    for junk in (b"", b"\x00" * 999, b"\xff" * 999, b"sessions are elsewhere" * 99):
        fresh()
        for name in FILES:
            with open(PATH + "/" + name, "wb") as file:
                file.write(junk)
        again = Rig()
        assert again.rows() == again.rows(900) == []
        fill(again, 15)
        assert starts(again.rows()) == minutes(15)
        assert starts(again.rows(900)) == [0]


def test_flash_that_takes_nothing_is_said_and_holds_up_nobody():
    rig = fresh()

    def broken(*arguments):
        raise OSError(28)

    evse.generations.open = broken
    try:
        rig.run(1000)
        assert rig.history.failed
    finally:
        del evse.generations.open
    rig.run(900)
    assert not rig.history.failed
    assert starts(rig.rows())[:1] == [900]  # the quarter that had no place is lost


def test_a_log_that_fails_is_said_and_the_files_get_it_all():
    flash = Flash()
    bench = start(flash, {"max": 16})
    flash.failing = ("log",)
    bench.run(130000)
    assert bench.storage.failed
    flash.failing = ()
    bench.clock_s += 660
    bench.run(190000)
    assert not bench.storage.failed
    history = bench.storage.history(bench.core, "history_json", 60, 0, FOREVER)
    assert len(json.loads("".join(history))["rows"]) == 6


# ---- power cuts ----

def test_a_power_cut_at_any_moment_costs_the_running_minute():
    flash = Flash()
    image = flash.image()
    bench = start(flash, {"max": 16})
    bench.clock_s += 480  # so that quarters end at any of the steps below
    known = []

    def live(seconds):
        for _ in range(seconds * 2):
            bench.run(500)
            count = len(known_minutes(bench))
            if not known or known[-1][1] != count:
                known.append((len(flash.ops), count))

    live(400)
    bench.charge()
    live(500)
    bench.car = "B"
    live(130)
    bench.car = "C"
    live(500)
    bench.unplug()
    live(400)
    wanted = known_minutes(bench)
    quarters = rows_of(bench, 900)
    assert len(wanted) > 30
    assert forbidden(flash) == []
    ops = list(flash.ops)
    now = Flash(image)
    for index in range(len(ops) + 1):
        torn = Flash(now.image())
        if index < len(ops):
            kind, at, data, _ = ops[index]
            put(torn, kind, at, data and data[: len(data) // 2])
            put(now, kind, at, data)
        again = start(torn)
        found = known_minutes(again)
        least = 0
        for done, count in known:
            if done <= index:
                least = count
        # What was over is there once, whatever was being written; only the last may be new.
        assert found == wanted[: len(found)], index
        assert least <= len(found), (index, least, len(found))
        made = rows_of(again, 900)
        over = max(0, len(made) - 1)
        assert made[:over] == quarters[:over], index
    vfs.umount(ROOT)


def rows_of(bench, step):
    lines = bench.storage.history(bench.core, "history_json", step, 0, FOREVER)
    return json.loads("".join(lines))["rows"]


def known_minutes(bench):
    return [r[0] for r in rows_of(bench, 60)]


def test_what_is_in_file_and_log_comes_once():
    flash = Flash()
    bench = start(flash, {"max": 16})
    bench.run(400000)
    # The power fails between the file and the log's forgetting, twice.
    history = History(ROOT)
    history.log = FlashLog(Log(flash))
    history.fold()
    for _ in range(2):
        again = start(cut(flash))
        assert len(known_minutes(again)) == 6
        assert again.storage.history(again.core, "history_json", 60, 0, FOREVER)
    assert len(known_minutes(again)) == len(set(known_minutes(again))) == 6
    assert History(ROOT).minutes.count() == 6


# ---- what people read ----

def test_the_answer_for_a_page():
    rig = fresh()
    rig.run(60, mains_w=100, reason=reasons.FAULT, clock_s=NOON)
    rig.run(60, reason=reasons.CHARGING, grant_limit=[0])
    rig.run(2)
    pieces = list(history_json(rig.history, UTC, 60, 0, FOREVER))
    assert max(len(piece) for piece in pieces) < 300
    found = json.loads("".join(pieces))
    assert found["columns"] == [
        "t", "import_w", "export_w", "car_w", "sun_w", "phase_da", "grant_da", "budget_w",
        "reason", "limit", "flags", "minutes"]
    assert found["step"] == 60
    assert found["next"] is None
    assert found["words"] == {"0": "", "4": "stopped by a fault", "16": "charging", "40": "MAX"}
    assert [r[8] for r in found["rows"]] == [4, 16]
    assert json.loads("".join(history_json(fresh().history, UTC, 900, 0, FOREVER))) == {
        "step": 900, "columns": found["columns"], "rows": [], "next": None, "words": {}}


def test_the_table_for_people():
    rig = fresh()
    rig.history.take(packed(mains=-400, car=1000, solar=500, da=-12, grant=103, budget=2500,
                             reason=16, limit=52, flags=CLOSED | CAR | ESTIMATED))
    rig.history.take(packed(NOON + 60, None, flags=LOST))
    lines = "".join(history_csv(rig.history, Zone("CET-1"), 60, 0, FOREVER)).split("\n")
    assert lines == [
        ("unix_s,local_time,import_w,export_w,car_w,car_sun_w,fullest_phase_a,granted_a,budget_w,"
         "reason,limit,contactor_closed,car_there,car_estimated,mains_meter_lost,minutes"),
        "1790078400,2026-09-22T13:00,0,400,1000,500,-1.2,10.3,2500,charging,sun,1,1,1,0,1",
        "1790078460,2026-09-22T13:01,,,0,,,0.0,,no car connected,MAX,0,0,0,1,1", ""]


def test_what_is_filed_while_somebody_reads_comes_once():
    for step, before_that, after_it, at_once in ((60, 45, 60, 20), (900, 3, 4, 1)):
        for before in range(40):
            rig = fresh()
            fill(rig, 45)
            answer = history_json(rig.history, UTC, step, 0, FOREVER)
            pieces = []
            for _ in range(before):
                pieces.append(next(answer, ""))
            fill(rig, 15, NOON + 45 * 60)
            found = starts(json.loads("".join(pieces + list(answer)))["rows"])
            assert found == [step * number for number in range(len(found))], before
            assert len(found) == after_it or (len(found) == before_that and before > at_once)


def test_others_get_their_turn():
    rig = fresh()
    fill(rig, 1000)
    for step in (60, 900):
        made = 0
        for piece in history_json(rig.history, UTC, step, 0, FOREVER):
            made = made + piece.count("[") if piece and piece[-1] != "\n" else piece.count("[")
            assert made <= 5, piece


def test_it_takes_little_memory():
    fresh()
    gc.collect()
    before = gc.mem_alloc()
    history = History(PATH)
    gc.collect()
    assert gc.mem_alloc() - before < 2200  # on a PC, where words are twice as long
    assert history.count == 0
