"""200,000 random and spoilt frames into both ends of the firmware's bus.

The firmware runs from its .mpy files on MicroPython, on simulated time; see bus_fuzz_firmware.py.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from twin import firmware  # noqa: E402

FRAMES = 25_000
HEAP = 1024  # bytes by which the heap may end up larger: less than one byte in 20 frames
LIMIT_S = 120


def fuzz(slot, part, seed):
    """What the driver found; it fails when anything raised."""
    script = ROOT / "tests" / "system" / "bus_fuzz_firmware.py"
    arguments = ["", str(ROOT / "tests" / "unit"), part, str(seed), str(FRAMES)]
    done = subprocess.run(
        [firmware.interpreter(), "-X", "heapsize=4M", "-c",
         firmware.beside(slot) + "sys.argv[:] = %r; exec(open(%r).read())" % (
             arguments, str(script))],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S, check=False, cwd=ROOT)
    said = done.stdout.decode(errors="replace")
    assert done.returncode == 0, said[-2000:]
    found = json.loads(said.splitlines()[-1])
    assert found["frames"] == FRAMES
    assert found["wrongs"] == 0, found["wrong"]
    assert found["closed"] == 0
    assert found["largest_read"] == 256
    assert found["heap"] <= HEAP
    assert found["swing"] <= 2 * HEAP
    return found


@pytest.mark.parametrize("seed", (1, 2, 3))
def test_a_node_obeys_no_frame_whose_checksum_is_wrong(sim_build, seed):
    found = fuzz(sim_build, "spoilt", seed)
    assert found["would_have_closed"]
    assert found["crc"] > FRAMES // 10  # they got as far as the checksum


@pytest.mark.parametrize("seed", (4, 5))
def test_sound_frames_of_any_content_do_a_node_no_harm(sim_build, seed):
    found = fuzz(sim_build, "sound", seed)
    assert found["requests"] > FRAMES // 5
    assert found["replies"] > FRAMES // 10
    assert found["changes"] > 100  # what may be written was


def test_a_master_takes_no_reply_whose_checksum_is_wrong(sim_build):
    assert fuzz(sim_build, "link", 6)["requests"] == FRAMES


@pytest.mark.parametrize("seed", (7, 8))
def test_replies_of_any_content_do_a_master_no_harm(sim_build, seed):
    found = fuzz(sim_build, "master", seed)
    assert not found["never_read"]
    assert found["counted"] > FRAMES // 10
