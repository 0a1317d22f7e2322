"""docs/meters.md and the firmware know the same meters and settings."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLE = {meter["name"]: meter
         for meter in json.loads((ROOT / "evse" / "bus" / "meters.json").read_text())}
TEXT = (ROOT / "docs" / "meters.md").read_text(encoding="utf-8")


def test_each_meter_is_in_the_users_table_with_what_it_counts():
    rows = {}
    for line in TEXT.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 6:
            for name in cells[1].split(", "):
                rows[name] = cells[3]
    for name, meter in TABLE.items():
        assert rows[name] == ("import, export" if "export" in meter else "import"), name


def test_the_settings_of_a_custom_meter_are_explained():
    keys = set(re.findall(r'\("(em_\w+)"', (ROOT / "evse" / "settings.py").read_text()))
    assert len(keys) == 11 and not keys - set(re.findall(r"em_\w+", TEXT))
