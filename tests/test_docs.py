"""What the documents say of the code is still so."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "shims")]

from evse import supervisor  # noqa: E402
from evse.charging import faults  # noqa: E402

STOPS = {faults.STOPS_NOTHING: "nothing", faults.STOPS_ORDERLY: "in order",
         faults.STOPS_AT_ONCE: "at once"}


def test_every_fault_is_documented_with_what_it_stops():
    rows = {}
    for line in (ROOT / "docs" / "charging.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 6:
            rows[cells[1]] = cells[3]
    for fault in faults.FAULTS:
        assert rows[fault[2]].startswith(STOPS[fault[3]]), fault[2]


def test_every_task_is_documented_with_what_comes_of_its_silence():
    then = {supervisor.RESTART: "it is started again",
            supervisor.NETWORK: "it is started again, the radio is switched off and on",
            supervisor.STOP: "charging ends in order, restart of the board",
            supervisor.RESET: "outputs safe at once, restart of the board"}
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    rows = [tuple(cell.strip() for cell in line.split("|")[1:-1])
            for line in text.partition("| task |")[2].partition("\n\n")[0].splitlines()[2:]]
    assert rows == [(name, "%g s" % (limit_ms / 1000), then[action])
                    for name, limit_ms, action in supervisor.TASKS]


def test_every_measured_table_is_there_and_nothing_in_it_failed():
    marks = []
    for path in (ROOT / "docs").glob("*.md"):
        found = re.findall(r"<!-- (\w+) -->\n(.*?)<!-- end of \1 -->", path.read_text(), re.DOTALL)
        assert len(found) == path.read_text().count("<!-- end of "), path.name
        for name, text in found:
            marks.append(name)
            lines = [line for line in text.splitlines() if line.startswith("| ")]
            assert len(lines) > 2, "%s has no table: %s" % (name, path.name)
            assert not [line for line in lines if "FAIL" in line or "**missed**" in line]
    assert {"cuts", "days", "faults", "fuzz", "services", "soak", "wear"} <= set(marks)


def test_every_view_of_the_page_is_shown_and_pictures_are_light():
    document = (ROOT / "docs" / "page.md").read_text(encoding="utf-8")
    views = re.search(r"VIEWS = \{(.*?)\}", (ROOT / "web" / "app.js").read_text(), re.DOTALL)[1]
    titles = set(re.findall(r": \"([^\"]+)\"", views)) - {"More"}
    assert titles == set(re.findall(r"^## (.+)$", document, re.MULTILINE))
    pictures = {path.name: path.stat().st_size for path in (ROOT / "docs" / "page").iterdir()}
    assert set(re.findall(r"\(page/([^)]+)\)", document)) == set(pictures)
    assert sum(pictures.values()) <= 600 * 1024
