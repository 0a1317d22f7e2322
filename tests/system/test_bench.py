"""The bench's rows; the figures themselves are for `make bench`."""

import subprocess
import sys

import bench
import bench_eight
import build

ROW = {"name": str, "unit": str, "value": (int, float), "limit": (int, float, type(None)),
       "pass": bool, "setup": str}


def test_rows_of_the_quick_bench_have_the_agreed_shape(sim_build, monkeypatch):
    for module in (bench, bench_eight):
        monkeypatch.setattr(module, "RUNS", 1)
    rows = bench.speed(sim_build).rows
    assert len({row["name"] for row in rows}) == len(rows)
    for row in rows:
        assert row.keys() == ROW.keys()
        for key, kind in ROW.items():
            assert isinstance(row[key], kind), key
    assert {"S", "charger.step median", "charger.step p99.9"} <= {row["name"] for row in rows}


def test_a_value_above_its_limit_does_not_pass():
    table = bench.Table()
    table.add("slow", "S", 2, "", 1.5)
    table.add("fast", "S", 1, "", 1.5)
    table.add("any", "S", 9, "")
    assert [row["pass"] for row in table.rows] == [False, True, True]


def test_an_unknown_bench_is_refused():
    done = subprocess.run([sys.executable, build.ROOT / "tools" / "bench.py", "nonsense"],
                          text=True, capture_output=True, check=False)
    assert done.returncode == 2
    assert "nonsense" in done.stderr
