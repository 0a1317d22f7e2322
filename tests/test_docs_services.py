"""The figures that docs and dashboard name are those the firmware gives."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = """
import sys
sys.path.insert(0, "tools")
__import__("constants")
sys.path[:] = [%r, %r, "tests/unit", ".frozen"]
import test_net_metrics
print(test_net_metrics.answer(test_net_metrics.Figures())[2])
"""


@pytest.fixture(scope="module")
def figures(micropython, sim_build):
    """Names of all figures of a charger of which everything is known."""
    script = SCRIPT % (str(sim_build), str(sim_build / "lib"))
    done = subprocess.run([micropython, "-X", "heapsize=4M", "-c", script], cwd=ROOT, text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(re.findall(r"^# TYPE microevse_(\w+) ", done.stdout, re.MULTILINE))


def test_the_document_lists_every_figure_and_no_other(figures):
    listed = set()
    for line in (ROOT / "docs" / "services.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            listed.update(re.findall(r"`(\w+)[`{]", line.split("|")[1]))
    assert listed == figures


def test_the_dashboard_asks_for_what_there_is(figures):
    asked = set()
    for path in (ROOT / "integrations" / "grafana").iterdir():
        asked.update(re.findall(r"microevse_(\w+)", path.read_text(encoding="utf-8")))
    assert len(asked) > 10
    assert {name.removesuffix("_bucket") for name in asked} <= figures
