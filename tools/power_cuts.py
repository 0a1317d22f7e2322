"""Cut the power at every single write and erase of an hour, and more: ``make power-cuts``.

The firmware's own code runs on MicroPython over littlefs and a raw log in RAM. The power fails
before each write and erase of the hour and in the middle of it, and after some of these once more
in each write of the start that follows; every start has to find what there was, at most a minute
old, and to charge. Then files are damaged, the disk is full, blocks are worn out, an update is
interrupted, and the erases of a month are counted. Writes the tables of docs/reliability.md and
docs/history.md; the exit code is 1 when something is lost. ``ARGS="--step 20"`` tries every 20th
and writes nothing; so many an update's writes are tried, too, but not each 4 KB of it.
"""

import argparse
import json
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import build
import power_cuts_update
import tables
from twin import firmware

MARK = "\x1eCUT "
HEAP = "64M"
TIME_LIMIT_S = 3600
WORKERS = 2
DAYS = 30
AGAIN = 12  # of so many cuts one is followed by others
ENDURANCE = 100_000
YEAR_DAYS = 365
# What is read of a file that was lost, as the table says it.
_KEPT = {"settings": "settings", "cards": "a card", "key": "the owner's key",
         "slot": "the choice of the slot", "sessions": "sessions in it",
         "minutes": "minutes in it", "quarters": "quarters in it"}


def told(slot, what, step=1, each=1, offset=0):
    """What tools/cuts_run.py says, as a list of dicts."""
    said = firmware.run(slot, "import cuts_run; cuts_run.main(%r, %r, %d, %d, %d)" % (
        str(build.ROOT / "boot.py"), what, offset, step, each), HEAP, TIME_LIMIT_S)
    return [json.loads(line[len(MARK):]) for line in said.split("\n") if line.startswith(MARK)]


def shared(slot, what, step, each=1):
    """The same, from several processes: each takes its part of what is tried."""
    with ThreadPoolExecutor(WORKERS) as pool:
        parts = [pool.submit(told, slot, what, step * WORKERS, each, number * step)
                 for number in range(WORKERS)]
        return [part.result() for part in parts]


# ---- the hour ----

def cut_rows(parts):
    """Rows of the table ``cuts``, one for each file, and what went wrong."""
    rows = {}
    for fact in parts[0]:
        if "erase" in fact:
            row = rows.setdefault(fact["file"], {"file": fact["file"], "writes": 0, "erases": 0,
                                                 "cuts": 0, "age": 0, "wrong": []})
            row["erases" if fact["erase"] else "writes"] += 1
            if fact["forbidden"]:
                row["wrong"].append("while a contactor was closed")
    for fact in (fact for part in parts for fact in part if "cuts" in fact):
        row = rows[fact["file"]]
        row["cuts"] += fact["cuts"]
        row["age"] = max(row["age"], fact["age"])
        if fact["why"]:
            row["wrong"].append(fact["why"])
    for row in rows.values():
        row["passed"] = not row["wrong"]
        row["result"] = row["wrong"][0] if row["wrong"] else "all there, it charges"
    return sorted(rows.values(), key=lambda row: row["file"])


def cut_table(rows):
    """The table of all power cuts."""
    return tables.markdown(
        ("written", "writes", "erases", "cuts tried", "oldest, s", "found", ""),
        [(row["file"], row["writes"], row["erases"], row["cuts"], row["age"], row["result"],
          "pass" if row["passed"] else "FAIL") for row in rows])


# ---- files and flash that are not as they should be ----

def damage_rows(facts):
    """[what, how many cases, what is lost, how many say so, what went wrong] of each kind."""
    rows = {}
    for fact in facts:
        row = rows.setdefault(fact["what"], [fact["what"], 0, set(), 0, []])
        row[1] += 1
        row[2].update(fact["lost"])
        row[3] += fact["said"]
        if fact["why"]:
            row[4].append("%s: %s" % (fact["where"], fact["why"]))
    return list(rows.values())


def damage_table(rows):
    """The table of damaged files, a full disk and worn blocks."""
    return tables.markdown(
        ("what befalls it", "tried", "at most lost", "times *Storage Failure*", ""),
        [(what, count, ", ".join(_KEPT[name] for name in _KEPT if name in lost) or "nothing",
          said, wrong[0] if wrong else "pass") for what, count, lost, said, wrong in rows])


# ---- wear ----

def wear_table(fact):
    """The table of erases a year, out of those of some days."""
    years = []
    for name, erases in (("files", fact["blocks"]), ("log", fact["sectors"])):
        a_year = [count * YEAR_DAYS / fact["days"] for count in erases]
        years.append((name, round(sum(a_year)), round(max(a_year)),
                      round(ENDURANCE / max(a_year))))
    return tables.markdown(
        ("", "erases a year", "of the block that gets most", "years to 100,000"), years)


def tried(slot, step):
    """(rows of the cuts, rows of the damages, what tells of the wear) of every ``step``-th."""
    cuts = cut_rows(shared(slot, "cuts", step, AGAIN)) + list(power_cuts_update.rows(slot, step))
    damages = damage_rows(fact for what in ("files", "worn") for part in shared(slot, what, step)
                          for fact in part)
    return cuts, damages, told(slot, "wear", offset=DAYS if step == 1 else 2)[0]


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--step", type=int, default=1, help="try only every so many-th")
    step = parser.parse_args().step
    try:
        with tempfile.TemporaryDirectory() as folder:
            # A copy, so that a build meanwhile does not change what is tried.
            slot = Path(shutil.copytree(build.build("sim") / build.SLOT, Path(folder) / "slot"))
            cuts, damages, wear = tried(slot, step)
    except (build.Problem, firmware.Missing, firmware.Broken) as problem:
        sys.exit("power cuts: %s" % problem)
    shown = cut_table(cuts) + "\n" + damage_table(damages), wear_table(wear)
    print("\n".join(shown))
    if step == 1:
        tables.put("cuts", shown[0])
        tables.put("wear", shown[1], "history.md")
    wrong = [row for row in cuts if not row["passed"]] + [row for row in damages if row[4]]
    for row in wrong:
        print("failed:", row)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
