"""What outlives a power cut, and that no contactor waits for flash: on littlefs and a raw log."""

import os

import vfs

import evse.generations
from evse import cards_admin, reasons
from evse.cards import Cards
from evse.charging import faults
from evse.flashlog import HISTORY, SESSION, SETTING, FlashLog
from evse.history import History
from evse.sessions import Sessions
from evse.settings import TABLE, Settings
from evse.storage import Storage
from helpers_core import NOON_S
from helpers_flash import BLOCK, ROOT, Flash, Log, cut, forbidden, put, start, worn, written

ANNA = "04A1B2C3D4E5F6"
SETTINGS = {"max": 16, "ev_meter": "Eastron3P", "contact_2": "Always On"}


def sessions():
    """(number, wh, interrupted) of all sessions in the files."""
    records = Sessions(ROOT + "/sessions.bin").records()
    return [(it.number, it.wh, it.interrupted) for it in records]


def without_sessions():
    """Have no file of sessions opened any more; returns a list of the attempts."""
    tries = []

    def broken(*arguments):
        if "sessions" in arguments[0]:
            tries.append(arguments)
            raise OSError(28)
        return open(*arguments)

    evse.generations.open = broken
    return tries


# ---- while it charges ----

def test_settings_changed_while_charging_survive_a_cut_without_a_file_being_written():
    flash = Flash()
    bench = start(flash, SETTINGS)
    bench.charge()
    bench.run(3000)
    del flash.ops[:]
    bench.command("set", ("max", 10), "LCD")
    bench.command("set", ("contact_2", "Always Off"))
    bench.command("set", ("wifi_ssid", "Hütte \"5\""), "LCD")
    bench.obedient = True
    bench.run(61000)
    assert forbidden(flash) == []
    again = start(cut(flash), None)
    assert (again.settings.get("max"), again.settings.get("contact_2")) == (10, "Always Off")
    assert again.settings.get("wifi_ssid") == "Hütte \"5\""


def test_what_is_logged_is_in_the_file_after_the_next_start():
    flash = Flash()
    bench = start(flash, SETTINGS)
    bench.charge()
    bench.command("set", ("mains", 33), "LCD")
    bench.run(62000)
    flash = cut(flash)
    start(flash)
    flash = cut(flash)
    flash.raw[:] = b"\xff" * len(flash.raw)  # another log, empty
    assert start(flash).settings.get("mains") == 33


def test_no_file_is_written_and_nothing_erased_while_a_contactor_is_closed():
    flash = Flash()
    bench = start(flash, dict(SETTINGS, rfid="EnableAll"))
    bench.obedient = True
    bench.core.cards = Cards(ROOT + "/cards.csv")
    cards_admin.add(bench.core.cards, ANNA)
    for number in range(3):
        bench.charge()
        for step in range(4):
            bench.command("set", ("mains", 20 + 4 * number + step), "LCD")
            bench.command("timer", ("Normal", bench.clock_s, bench.clock_s + 7200, 0), "LCD")
            bench.run(31000)
        bench.command("access", "Pause")
        bench.run(5000)
        bench.command("access", "On")
        bench.until(lambda: bench.core.charger.c1)
        bench.run(2000)
        bench.unplug()
    assert len(written(flash, "log", True)) >= 9
    assert forbidden(flash) == []
    assert len(written(flash, "file")) > 10
    assert [s[0] for s in sessions()] == [1, 2, 3]


def test_the_log_is_programmed_at_most_once_a_minute():
    flash = Flash()
    bench = start(flash, SETTINGS)
    bench.charge()
    counts = []
    for minute in range(10):
        del flash.ops[:]
        bench.run(60000)
        counts.append(len(written(flash, "log")))
    assert min(counts) == 1
    assert max(counts) <= 3  # the first minute has the wear's count as well
    assert sum(counts) <= 13


def test_a_log_that_fills_up_is_used_sparingly():
    flash = Flash()
    worn(flash, 801)
    bench = start(flash, SETTINGS)
    storage, bench.storage = bench.storage, None
    bench.charge()
    bench.storage = storage  # with a car there nothing is erased
    bench.run(61000)
    for count in (1, 2):
        bench.run(600000 if count > 1 else 590000)
        kinds = [op[2][0] for op in written(flash, "log")][2:]
        assert kinds.count(SESSION) == count, kinds
        assert kinds.count(HISTORY) == count, kinds  # seven minutes at a time


def test_a_session_that_is_cut_off_is_kept_as_interrupted():
    flash = Flash()
    bench = start(flash, SETTINGS)
    bench.charge()
    bench.run(150000)
    wh = bench.status.session_wh
    flash = cut(flash)
    again = start(flash, SETTINGS)
    (number, found, interrupted), = sessions()
    assert (number, interrupted) == (1, True)
    assert wh - 185 <= found <= wh, (found, wh)  # a minute at 11 kW
    lines = list(again.status.table("sessions_csv"))
    assert lines[1].startswith("1,2026-09-22T14:00,") and lines[1].endswith(",1\n"), lines[1]
    again.charge()
    again.run(2000)
    assert again.core.session.number == 2
    again.unplug()
    assert [s[0] for s in sessions()] == [1, 2]


def test_a_session_is_known_from_its_first_seconds_on():
    for phase in range(0, 1000, 250):
        flash = Flash()
        bench = start(flash, SETTINGS)
        bench.run(phase)
        bench.charge()
        bench.run(1500)
        start(cut(flash))
        assert [s[0] for s in sessions()] == [1], phase


def test_a_session_s_end_is_written_at_once_and_once():
    flash = Flash()
    bench = start(flash, SETTINGS)
    bench.charge()
    bench.run(70000)
    bench.unplug()
    wh = bench.status.session_wh
    assert sessions() == [(1, wh, False)]
    flash = cut(flash)
    start(flash)
    assert sessions() == [(1, wh, False)]
    bench = start(cut(flash))
    assert sessions() == [(1, wh, False)]
    assert bench.core.session_number == 1


def test_the_second_of_two_sessions_in_a_hurry_replaces_nothing():
    flash = Flash()
    bench = start(flash, SETTINGS)
    bench.obedient = True
    for number in range(1, 4):
        bench.charge()
        bench.run(500)
        bench.command("access", "Off")
        bench.run(1000)
        bench.command("access", "On")
        bench.unplug()
    assert [s[0] for s in sessions()] == [1, 2, 3]


def test_names_of_cards_come_with_the_sessions():
    flash = Flash()
    bench = start(flash, dict(SETTINGS, rfid="EnableAll"))
    bench.core.cards = Cards(ROOT + "/cards.csv")
    cards_admin.add(bench.core.cards, ANNA, "Anna")
    bench.command("access", "Off")
    bench.command("swipe", ANNA, "card")
    bench.charge()
    bench.unplug()
    for lines in (list(bench.status.table("sessions_csv")),
                  list(bench.status.table("months_csv"))):
        assert '"Anna"' in lines[-1], lines


# ---- the restart after a night of charging ----

NIGHT = 480  # minutes, of a slot each
MUCH = 12  # erases of 45 ms: the watchdog bites after 3 s


def night():
    """(charger, flash) of which a night's charge has just ended: its minutes are in the log."""
    flash = Flash(blocks=100)
    bench = start(flash, SETTINGS)
    bench.charge()
    bench.run(61000)
    assert bench.storage.behind, "a contactor is closed"
    for _ in range(NIGHT):
        bench.clock_s = bench.core.clock_s = bench.clock_s + 60
        bench.core.journal.uptime_s += 60
        bench.storage.second(bench.core)
    storage, bench.storage = bench.storage, None
    bench.unplug()
    bench.storage = storage
    return bench, flash


def erases(flash, work):
    """How many blocks ``work`` erases."""
    del flash.ops[:]
    work()
    return len([op for op in flash.ops if op[2] is None])


def test_a_restart_can_wait_until_the_history_is_in_its_files():
    bench, flash = night()
    calls = []
    while bench.storage.behind:
        calls.append(erases(flash, lambda: bench.storage.second(bench.core)))
        assert len(calls) < 200
    calls.append(erases(flash, lambda: bench.storage.save(bench.core)))
    assert len(calls) >= NIGHT // 8
    assert max(calls) <= MUCH, calls
    assert History(ROOT).minutes.count() >= NIGHT
    assert list(FlashLog(Log(flash)).records()) == [], "all is in files"


def test_a_crash_leaves_the_night_to_the_next_start():
    bench, flash = night()
    bench.command("set", ("mains", 33), "LCD")
    assert erases(flash, lambda: bench.storage.save(bench.core)) <= MUCH
    again = start(cut(flash), None)
    assert again.settings.get("mains") == 33
    assert [s[0] for s in sessions()] == [1]
    assert History(ROOT).minutes.count() >= NIGHT


# ---- no old value wins ----

def test_a_timer_cancelled_while_charging_does_not_come_back():
    flash = Flash()
    bench = start(flash, dict(SETTINGS, tz="UTC0"))
    bench.run(2000)
    bench.command("timer", ("Normal", NOON_S, NOON_S + 7200, 0))
    bench.run(61000)
    flash = cut(flash)
    bench = start(flash, SETTINGS)
    assert bench.settings.states["timer"]
    bench.charge()
    bench.command("mode", "Normal")
    bench.run(61000)
    assert bench.core.charger.c1
    again = start(cut(flash))
    assert again.settings.states["timer"] is None
    again.run(2000)
    assert again.status.timer_words() == ""


def test_min_and_max_come_back_in_whatever_order_they_were_changed():
    for first, changes in (((6, 13), (("min", 10), ("max", 32), ("min", 16))),
                           ((16, 32), (("max", 20), ("min", 6), ("max", 10))),
                           ((16, 32), (("min", 6), ("max", 10), ("min", 8))),
                           ((6, 32), (("min", 16), ("max", 20), ("min", 6), ("max", 10)))):
        flash = Flash()
        bench = start(flash, {"min": first[0], "max": first[1]})
        bench.settings.changed = True
        bench.run(1000)
        bench.charge()
        for change in changes:
            bench.command("set", change, "LCD")
        wanted = bench.settings.get("min"), bench.settings.get("max")
        bench.run(62000)
        again = start(cut(flash))
        assert (again.settings.get("min"), again.settings.get("max")) == wanted, (first, changes)


def test_a_change_back_and_forth_ends_with_the_last():
    flash = Flash()
    bench = start(flash, SETTINGS)
    bench.charge()
    for mains in (30, 31, 25, 32, 25):  # 25 is the default
        bench.command("set", ("mains", mains), "LCD")
        bench.run(62000)
        assert start(cut(flash)).settings.get("mains") == mains
        vfs.umount(ROOT)
        vfs.mount(vfs.VfsLfs2(flash), ROOT)
    bench.unplug()
    bench.run(61000)
    assert start(cut(flash)).settings.get("mains") == 25


class Watch:
    """A storage whose calls are noted: what was known when, and what flash had taken of it."""

    def __init__(self, storage, settings, flash):
        self._storage = storage
        self._settings = settings
        self._flash = flash
        self.entries = []
        self._checkpoint = (0, 0)

    def __getattr__(self, name):
        return getattr(self._storage, name)

    def second(self, core):
        before = len(self._flash.ops)
        self._storage.second(core)
        session = core.finished or core.session
        if len(self._flash.ops) > before and session.number:
            self._checkpoint = session.number, session.wh
        self.entries.append((len(self._flash.ops), self.values(), not self._settings.fresh,
                             self._checkpoint, core.finished is None and not session.active))

    def values(self):
        values = dict(self._settings.states)
        for setting in TABLE:
            values[setting[0]] = self._settings.get(setting[0])
        return values


def life(bench):
    """Two sessions, with all that people do to a charger meanwhile."""
    bench.obedient = True
    bench.run(2000)
    bench.command("set", ("mains", 30), "LCD")
    bench.run(1000)
    bench.charge()
    bench.command("set", ("mains", 31), "LCD")
    bench.command("set", ("min", 8), "LCD")
    bench.command("set", ("max", 32), "LCD")
    bench.command("timer", ("Normal", bench.clock_s, bench.clock_s + 7200, 0))
    bench.run(62000)
    bench.command("set", ("mains", 32), "LCD")
    bench.command("set", ("min", 16), "LCD")
    bench.command("mode", "Normal")
    bench.run(62000)
    bench.command("access", "Pause")
    bench.run(20000)
    bench.command("set", ("mains", 33), "LCD")
    bench.run(45000)
    bench.command("access", "On")
    bench.until(lambda: bench.core.charger.c1)
    bench.command("set", ("max", 20), "LCD")
    bench.run(62000)
    bench.unplug()
    bench.run(62000)
    bench.command("set", ("mains", 25), "LCD")
    bench.charge()
    bench.run(30000)
    bench.unplug()
    bench.run(10000)


def test_a_power_cut_at_any_moment():
    flash = Flash(sectors=8)
    worn(flash)
    image = flash.image()
    bench = start(flash)
    bench.storage = watch = Watch(bench.storage, bench.settings, flash)
    for setting in SETTINGS.items():
        bench.command("set", setting, "LCD")
    life(bench)
    ops = list(flash.ops)
    assert forbidden(flash) == []
    assert len([op for op in ops if op[0] == "log" and op[2] is None]) >= 1
    assert len(ops) > 60, len(ops)
    now = Flash(image)
    for index in range(len(ops) + 1):
        torn = Flash(now.image())
        if index < len(ops):
            kind, at, data, _ = ops[index]
            whole = BLOCK if data is None else len(data)
            half = b"\xff" * (whole // 2) if data is None else data[: whole // 2]
            target = torn.files if kind == "file" else torn.raw
            if data is None:
                target[at : at + whole // 2] = half
            else:
                put(torn, kind, at, half)
            put(now, kind, at, data)
        judge(torn, watch.entries, index)
        if index % 9 == 0:
            # The power fails once more, while the next start takes the log over.
            again = list(torn.ops)
            second = Flash(torn.before)
            for kind, at, data, _ in again:
                put(second, kind, at, data and data[: len(data) // 2])
                judge(Flash(second.image()), watch.entries, index)
                put(second, kind, at, data)


def judge(flash, entries, index):
    """Start from ``flash``, which lost its power before op ``index`` was whole."""
    flash.before = flash.image()
    durable = None
    allowed = {}
    checkpoint = (0, 0)
    for count, values, whole, marked, over in entries:
        if count <= index:
            checkpoint = marked
            if whole:
                durable = values
                allowed = {}
        for key in values:
            allowed.setdefault(key, []).append(values[key])
        if count > index:
            break
    bench = start(flash)
    found = Watch(None, bench.settings, flash).values()
    if durable:
        for key in found:
            assert found[key] in allowed[key], "op %d: %s is %r, not one of %r" % (
                index, key, found[key], allowed[key])
    known = sessions()
    numbers = [number for number, _, _ in known]
    assert numbers == list(range(1, len(numbers) + 1)), (index, numbers)
    number, wh = checkpoint
    assert len(known) >= number, (index, known, checkpoint)
    if number:
        assert known[number - 1][1] >= wh, (index, known, checkpoint)
    assert bench.core.session_number == len(known)


# ---- flash that fails, and flash that is full ----

def test_a_failing_log_is_a_fault_that_stops_nothing():
    flash = Flash()
    bench = start(flash, SETTINGS)
    bench.charge()
    bench.run(30000)
    flash.failing = ("log",)
    bench.command("set", ("mains", 35), "LCD")
    bench.run(62000)
    assert bench.status.faults & faults.STORAGE
    assert bench.status.fault_name == "Storage Failure"
    assert bench.codes().count(reasons.STORAGE) == 1
    assert bench.core.charger.c1
    bench.run(62000)
    assert bench.core.charger.c1
    flash.failing = ()
    bench.unplug()
    bench.run(62000)
    assert not bench.status.faults & faults.STORAGE
    assert sessions()[-1][0] == 1
    assert start(cut(flash)).settings.get("mains") == 35


def test_failing_files_are_a_fault_and_what_was_to_be_written_is_not_lost():
    flash = Flash()
    bench = start(flash, SETTINGS)
    bench.run(62000)
    flash.failing = ("file",)
    bench.command("set", ("mains", 35), "LCD")
    bench.run(3000)
    assert bench.status.faults & faults.STORAGE
    assert start(cut(flash)).settings.get("mains") == 35  # the log has it
    vfs.umount(ROOT)
    vfs.mount(vfs.VfsLfs2(flash), ROOT)
    bench.charge()
    bench.run(3000)
    bench.unplug()
    bench.run(5000)
    assert bench.core.finished
    flash.failing = ()
    bench.run(62000)
    assert bench.core.finished is None
    assert [s[0] for s in sessions()] == [1]
    assert not bench.status.faults & faults.STORAGE
    assert start(cut(flash)).settings.get("mains") == 35


def test_sessions_that_cannot_be_written_do_not_keep_settings_from_it():
    flash = Flash()
    bench = start(flash, SETTINGS)
    tries = without_sessions()
    try:
        bench.charge()
        bench.run(62000)
        bench.unplug()
        wh = bench.status.session_wh
        bench.command("set", ("mains", 35), "LCD")
        bench.run(130000)
        assert bench.status.faults & faults.STORAGE
        assert bench.codes().count(reasons.STORAGE) == 1  # other writes clear nothing
        assert len(tries) <= 8  # once a minute, reading and writing
    finally:
        del evse.generations.open
    flash = cut(flash)
    assert start(flash).settings.get("mains") == 35
    assert sessions() == [(1, wh, False)]


def test_a_fault_of_storage_goes_when_the_flash_works_again():
    flash = Flash()
    bench = start(flash, SETTINGS)
    bench.charge()
    flash.failing = ("file",)
    bench.unplug()
    bench.run(62000)
    assert bench.status.faults & faults.STORAGE
    flash.failing = ()
    bench.run(62000)
    assert bench.status.faults & faults.STORAGE == 0
    assert bench.core.finished is None
    assert [s[0] for s in sessions()] == [1]


def test_flash_that_fails_at_the_start_is_a_fault_too():
    flash = Flash()
    bench = start(flash, SETTINGS)
    bench.charge()
    bench.run(62000)
    broken = cut(flash)
    broken.failing = ("log", "file")
    again = start(broken, SETTINGS)
    again.run(1000)
    assert again.status.faults & faults.STORAGE
    again.charge()
    assert again.core.charger.c1


def test_a_folder_that_is_gone_holds_nothing_and_ends_nothing():
    start(Flash())
    storage = Storage(Settings(print, ROOT + "/none/settings.json"), print, ROOT + "/none", None)
    assert not storage.holds("imported.json")
    with open(ROOT + "/imported.json", "w") as file:
        file.write("{}")
    assert Storage(Settings(print, None), print, ROOT, None).holds("imported.json")


def test_without_a_log_it_charges_and_writes_files_when_it_may():
    flash = Flash()
    bench = start(flash, SETTINGS, part=False)
    bench.charge()
    bench.command("set", ("mains", 35), "LCD")
    bench.run(62000)
    assert forbidden(flash) == []
    bench.unplug()
    bench.run(62000)
    assert [s[0] for s in sessions()] == [1]
    assert start(cut(flash)).settings.get("mains") == 35
    assert not bench.status.faults & faults.STORAGE


def test_a_full_log_keeps_charging_and_the_files_get_it_all():
    flash = Flash()
    log = FlashLog(Log(flash))
    while log.append(SESSION, b"as after days without unplugging"):
        pass
    bench = start(flash, SETTINGS)
    storage, bench.storage = bench.storage, None
    bench.charge()
    bench.storage = storage
    bench.command("set", ("mains", 35), "LCD")
    bench.run(125000)
    assert bench.core.charger.c1
    assert not bench.status.faults & faults.STORAGE
    assert "mains" in bench.settings.fresh
    bench.unplug()
    bench.run(62000)
    assert forbidden(flash) == []
    assert [s[0] for s in sessions()] == [1]
    assert start(cut(flash)).settings.get("mains") == 35


def test_what_is_too_long_for_the_log_waits_for_the_file():
    flash = Flash()
    bench = start(flash, SETTINGS)
    bench.charge()
    bench.command("set", ("wifi_password", '"' * 64), "LCD")
    bench.command("set", ("mains", 35), "LCD")
    bench.run(62000)
    assert bench.core.charger.c1
    assert not bench.status.faults & faults.STORAGE
    assert start(cut(flash)).settings.get("mains") == 35
    vfs.umount(ROOT)
    vfs.mount(vfs.VfsLfs2(flash), ROOT)
    bench.unplug()
    bench.run(62000)
    assert start(cut(flash)).settings.get("wifi_password") == '"' * 64


# ---- when nothing charges ----

def test_settings_are_written_at_once_and_then_once_a_minute():
    flash = Flash()
    bench = start(flash)
    bench.run(1000)
    bench.command("set", ("mains", 30), "LCD")
    bench.run(1000)
    assert start(cut(flash)).settings.get("mains") == 30
    vfs.umount(ROOT)
    vfs.mount(vfs.VfsLfs2(flash), ROOT)
    bench.command("set", ("mains", 31), "LCD")
    del flash.ops[:]
    bench.run(50000)
    assert written(flash, "file") == []
    bench.run(12000)
    assert start(cut(flash)).settings.get("mains") == 31


def test_a_setting_changed_right_after_a_save_is_not_lost_either():
    flash = Flash()
    bench = start(flash)
    bench.command("set", ("mains", 30), "LCD")
    bench.run(2000)
    bench.command("set", ("mains", 31), "LCD")
    bench.run(2000)
    assert start(cut(flash)).settings.get("mains") == 31


def test_a_save_before_a_restart_is_at_once():
    flash = Flash()
    bench = start(flash, SETTINGS)
    bench.charge()
    bench.run(70000)
    bench.unplug()
    bench.command("set", ("mains", 36), "LCD")
    bench.storage.save(bench.core)
    assert start(cut(flash)).settings.get("mains") == 36


def erased(flash):
    """How many sectors of the log were erased."""
    return len([op for op in written(flash, "log") if op[2] is None])


def test_the_log_is_erased_only_while_no_car_is_there():
    flash = Flash()
    blank = bytes(flash.raw)
    worn(flash)
    bench = start(flash, SETTINGS)
    bench.charge()
    bench.run(130000)
    bench.car = "B"
    bench.run(130000)
    assert not erased(flash)
    bench.unplug()
    bench.until(lambda: flash.raw == blank, 960000)
    assert erased(flash) >= 4  # the used ones, and that of the mark
    flash = cut(flash)
    worn(flash)
    bench = start(flash)
    bench.charge()
    bench.obedient = True
    bench.command("access", "Off")
    bench.run(130000)
    assert [s[0] for s in sessions()] == [1, 2]  # it is over, and yet the car is there
    assert not erased(flash)
    bench.unplug()
    bench.until(lambda: flash.raw == blank, 960000)


def test_a_log_is_not_erased_for_little():
    flash = Flash()
    worn(flash, 40)
    bench = start(flash, SETTINGS)
    bench.charge()
    bench.run(130000)
    bench.unplug()
    bench.run(3600000)  # an hour's history
    assert not erased(flash)
    bench.run(1800000)
    assert erased(flash) == 4


def test_a_mount_of_its_own_is_left_behind_by_no_test():
    start(Flash())
    vfs.umount(ROOT)
    assert "lfs" not in os.listdir("/")


def test_a_session_that_still_waits_for_the_file_waits_while_the_next_one_charges():
    flash = Flash()
    bench = start(flash, SETTINGS)
    bench.charge()
    flash.failing = ("file",)
    bench.unplug()
    bench.charge()
    flash.failing = ()
    bench.run(62000)
    assert bench.core.finished.number == 1
    assert forbidden(flash) == []
    start(cut(flash))
    assert [s[0] for s in sessions()] == [1, 2]


def test_a_session_written_at_last_clears_the_fault():
    flash = Flash()
    bench = start(flash, SETTINGS)

    without_sessions()
    try:
        bench.charge()
        bench.unplug()
        bench.run(130000)
        assert not bench.settings.changed
        assert bench.status.faults & faults.STORAGE
        bench.obedient = True
        bench.charge()
        bench.command("access", "Pause")
        bench.run(65000)  # the settings are written, with session 1 still to come
        before = flash.image()
    finally:
        del evse.generations.open
    bench.run(65000)
    assert not bench.status.faults & faults.STORAGE
    assert [s[0] for s in sessions()] == [1]
    start(Flash(before))
    assert sessions()[0][0] == 1


def test_a_log_that_could_not_forget_does_not_win_later():
    flash = Flash()
    bench = start(flash, SETTINGS)
    bench.charge()
    bench.command("set", ("mains", 31), "LCD")
    bench.run(62000)
    bench.command("set", ("mains", 32), "LCD")
    flash.failing = ("log",)
    bench.unplug()
    bench.run(2000)
    flash.failing = ()
    bench.run(62000)
    assert start(cut(flash)).settings.get("mains") == 32


def test_a_full_disk_costs_no_session_and_no_setting_however_often_it_starts():
    flash = Flash()
    bench = start(flash, SETTINGS)
    bench.run(62000)
    flash.failing = ("file",)
    known = []
    for mains in (35, 36):
        for _ in range(2):  # the second ends before the first is in the file
            bench.command("set", ("mains", mains), "LCD")
            bench.charge()
            bench.run(62000)
            bench.unplug()
            known.append((bench.core.session_number, bench.core.session.wh))
        bench.run(2000)
        assert bench.status.faults & faults.STORAGE
        image = flash.image()
        flash = Flash(image)
        flash.failing = ("file",)
        bench = start(flash, SETTINGS)
        assert bench.settings.get("mains") == mains
        assert bench.core.session_number == len(known)
    flash.failing = ()
    bench.charge()  # and none is taken for over that goes on
    bench.run(62000)
    bench.unplug()
    bench.run(62000)
    assert not bench.status.faults & faults.STORAGE
    known.append((5, bench.core.session.wh))
    bench = start(cut(flash))
    assert sessions() == [(number, wh, False) for number, wh in known], (sessions(), known)
    assert bench.settings.get("mains") == 36


def test_folders_in_the_place_of_files_make_way():
    flash = Flash()
    start(flash, SETTINGS)
    names = ("settings.json", "sessions.bin.old", "minutes.bin", "cards.csv")
    for name in names:
        os.mkdir(ROOT + "/" + name)
        with open(ROOT + "/" + name + "/what", "w") as file:
            file.write("is this")
    os.mkdir(ROOT + "/of.mine")
    bench = start(cut(flash), SETTINGS)
    bench.command("set", ("mains", 35), "LCD")
    bench.charge()
    bench.unplug()
    bench.run(62000)
    assert not bench.status.faults & faults.STORAGE
    assert [s[0] for s in sessions()] == [1]
    found = os.listdir(ROOT)
    assert "of.mine" in found
    for name in names:
        assert name.replace(".", " ") in found


def test_a_log_that_is_not_erased_any_more_lets_nothing_old_come_back():
    flash = Flash()
    log = FlashLog(Log(flash))
    for _ in range(65):
        log.append(SETTING, b'{"mains": 99}')
    for _ in range(70):
        log.append(SESSION, b"old")
    log.reset()
    flash.erasing = False
    bench = start(flash, SETTINGS)
    bench.run(20000)
    assert bench.status.faults & faults.STORAGE
    assert len([op for op in flash.ops if op[0] == "log" and op[2] is None]) < 5
    bench.command("set", ("mains", 35), "LCD")
    bench.run(62000)
    bench.charge()
    bench.unplug()
    bench = start(cut(flash))
    assert bench.settings.get("mains") == 35
    assert [s[0] for s in sessions()] == [1]
