"""No recorded frame of the bus is left out, and none is thought to be tested twice.

Unit tests that decode recorded frames say with the tuple ``RECORDED`` how the names of theirs
begin, and take each frame whose name begins so.
"""

import ast
import json
import os
from pathlib import Path

import pytest

UNIT = Path(__file__).resolve().parent / "unit"


def _claims():
    """Each claimed beginning with the test file that claims it."""
    for path in sorted(UNIT.glob("test_bus_*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "RECORDED":
                for beginning in ast.literal_eval(node.value):
                    yield beginning, path.name


def test_every_recorded_frame_is_decoded_somewhere():
    path = Path(os.environ["TESTDATA"]) / "modbus_frames.jsonl"
    if not path.exists():
        pytest.skip("no shared test data")
    names = [json.loads(line)["name"] for line in path.read_text().splitlines()]
    claims = list(_claims())
    unused = set(claims)
    for name in names:
        found = [claim for claim in claims if name.startswith(claim[0])]
        assert len(found) == 1, (name, found)
        unused.discard(found[0])
    assert not unused
    assert len(names) == 208
