"""Building the tree the twin and the tests run: native where it can be, only what changed."""

import os
import platform
import subprocess
import sys

import pytest

import build
import size

LINUX_PC = platform.system() == "Linux" and platform.machine() == "x86_64"


@pytest.mark.skipif(not LINUX_PC, reason="machine code is for x86-64 Linux")
def test_the_native_core_runs_here(sim_build, micropython):
    script = ("import sys; sys.path[:] = [%r, %r, '.frozen']; "
              "from evse.app import allocate; print(allocate.__name__)"
              % (str(sim_build), str(sim_build / "lib")))
    done = subprocess.run([micropython, "-c", script], text=True, capture_output=True, timeout=60)
    assert done.stdout.strip() == "evse.power.allocate_native", done.stdout + done.stderr


def test_a_second_build_writes_nothing(sim_build):
    before = {path: path.stat().st_mtime_ns for path in sim_build.rglob("*")}
    build.build("sim")
    assert {path: path.stat().st_mtime_ns for path in sim_build.rglob("*")} == before


def test_what_has_no_source_any_more_goes(sim_build):
    stale = sim_build / "evse" / "gone.mpy"
    stale.write_bytes(b"M")
    build.build("sim")
    assert not stale.exists()


def test_a_mistake_is_told_with_its_line(tmp_path):
    source = tmp_path / "bad.py"
    source.write_text("fine = 1\nif\n")
    target = tmp_path / "bad.mpy"
    target.write_bytes(b"old")
    os.utime(target, (0, 0))
    with pytest.raises(build.Problem, match=r'bad\.py", line 2'):
        build.compile_file(source, target, "bad.py", 2, None)
    assert not target.exists()


def test_an_unknown_board_is_refused_by_name():
    done = subprocess.run([sys.executable, str(build.ROOT / "tools/image.py"), "--board", "esp99"],
                          text=True, capture_output=True, timeout=60)
    assert done.returncode == 2
    assert "esp99" in done.stderr and "smartevse_v3" in done.stderr


# ---- make size ----
def test_imports_are_weighed_each_by_itself(sim_build):
    found = size.sources()
    order = size.in_order(found, "evse.app")
    assert order.index("evse.ticks") < order.index("evse.core") < order.index("evse.app")
    assert "microdot.microdot" in order and "umodbus.functions" in order
    assert "evse.boards.sim" not in order, "the app asks for its board by name"


def test_size_shows_every_part(sim_build):
    rows = dict(size.import_rows())
    assert {"evse.app", "evse.core", "evse.boards.sim", "microdot.microdot"} <= set(rows)
    assert all(kept >= 0 for kept in rows.values())
    assert 0 < sum(rows.values()) < size.live_heap()
    flash = {what: (files, count) for what, files, count in size.flash_rows(build.BOARDS[0])}
    total = flash.pop("all")
    assert total == tuple(map(sum, zip(*flash.values())))
    assert 2 * total[1] < 2031616, "two slots must fit"
