"""What regulating eight EVSEs costs: the native core against its twin, and the pass in slices."""

import json
import statistics
import subprocess
import tempfile
from array import array
from pathlib import Path

import build
import mpy
from twin import firmware

TOOLS = Path(__file__).resolve().parent
RUNS = 7
CORE_RATIO, PASS_S, SLICE_S = 1 / 15, 3, 0.5
CODE_BYTES = 8192  # it lies in RAM
DEVICE = "xtensawin"
MODES = ((-1, "modes mixed"), (0, "Normal"), (1, "Smart"), (2, "Solar"))


def _run(slot, call):
    """Let MicroPython make ``call`` on a bench module; returns what it printed."""
    start = firmware.beside(slot) + "import %s; %s" % (call.split(".")[0], call)
    done = subprocess.run([firmware.interpreter(), "-X", "heapsize=16M", "-c", start], check=True,
                          capture_output=True, text=True)
    return json.loads(done.stdout)


def _passes(slot, mode, whole):
    """Return a list of slices in S for each pass of a run in ``mode``; of one when ``whole``."""
    runs = []
    with tempfile.TemporaryDirectory(prefix="microevse-") as name:
        path = Path(name) / "slices"
        for _ in range(RUNS):
            unit = _run(slot, "bench_pass.main(%d, %r, %r)" % (mode, str(path), whole))["unit_ns"]
            runs.append([ns / unit for ns in array("I", path.read_bytes())])
    passes = [[]]
    # The runs are the same slice by slice, and the PC interrupts each at other places; a whole
    # pass is long enough for half of the runs to be interrupted in it.
    for costs in zip(*runs):
        cost = sorted(costs)[RUNS // 4]
        if cost:
            passes[-1].append(cost)
        else:
            passes.append([])
    return [each for each in passes if each]


def machine_code(source, folder):
    """Return the bytes of machine code that ``source`` becomes on the board."""
    out = Path(folder) / "core.mpy"
    build.compile_file(source, out, source.name, 2, DEVICE)
    return sum(len(code.data) for code in mpy.Module(out.read_bytes()).functions()
               if code.kind != mpy.BYTECODE)


def fill(table, slot):
    """Add the rows."""
    runs = [_run(slot, "bench_core.main()") for _ in range(RUNS)]
    setup = ("track, rooms, over, rank, share, surplus of 8 EVSEs in %d situations; both twins in "
             "one run, median of %d runs" % (runs[0]["situations"], RUNS))
    for twin in ("plain", "native"):
        table.add("core sequence, " + twin, "S",
                  statistics.median(run[twin + "_ns"] / run["unit_ns"] for run in runs), setup)
    table.add("core sequence, native to plain", "ratio",
              statistics.median(run["native_ns"] / run["plain_ns"] for run in runs), setup,
              CORE_RATIO)
    with tempfile.TemporaryDirectory(prefix="microevse-") as folder:
        table.add("core, machine code", "bytes",
                  machine_code(build.ROOT / "evse/power/allocate_native.py", folder), DEVICE,
                  CODE_BYTES)
    for mode, what in MODES:
        wholes = [each[0] for each in _passes(slot, mode, True)]
        passes = _passes(slot, mode, False)
        setup = "8 EVSEs, %s, a sample a second, %d passes; each's lower quartile of %d runs" % (
            what, len(passes), RUNS)
        table.add("regulator pass of 8 median, " + what, "S", statistics.median(wholes), setup)
        table.add("regulator pass of 8 worst, " + what, "S", max(wholes), setup, PASS_S)
        table.add("regulator slice of 8 worst, " + what, "S",
                  max(cost for each in passes for cost in each), setup, SLICE_S)
