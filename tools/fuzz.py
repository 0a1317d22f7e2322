"""``make fuzz``: random and coverage-guided input for all that takes input from outside.

Each target runs on MicroPython with random changes of its corpus, and on CPython, where it can,
with changes that atheris chooses by the branches they reach. What is found goes to build/fuzz: the
line that reproduces it belongs into tests/corpus once it is mended.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tables
from fuzz_targets import TARGETS
from twin import firmware

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT / "tests" / "corpus"
WORK = ROOT / "build" / "fuzz"
ATHERIS = "atheris==3.0.0"
HEADS = ("target", "what is spoilt", "on MicroPython", "guided", "branches", "found")
_HEAP = "3M"
_HEAP_GROWS = 4096  # bytes that are no growth yet
_SLACK_S = 60
_TAIL = 2000
_COVERED = re.compile(r"cov: (\d+)")


def corpus(name):
    """The inputs a target starts from, sound ones and what was once found, as lines of Python."""
    lines = (CORPUS / (name + ".txt")).read_text().splitlines()
    return [line for line in lines if not line.startswith("#")]


def on_micropython(slot, name, first=0, count=0, seconds=0):
    """What tools/fuzz_run.py finds from case ``first`` on; it ends as said there."""
    told = {"name": name, "corpus": corpus(name), "first": first, "count": count,
            "seconds": seconds}
    script = ROOT / "tools" / "fuzz_run.py"
    with tempfile.TemporaryDirectory() as folder:
        code = "sys.argv[:] = %r; exec(open(%r).read())" % (
            ["", folder, json.dumps(told)], str(script))
        try:
            said = firmware.run(slot, code, _HEAP, seconds + _SLACK_S)
        except firmware.Broken as problem:
            return {"tries": 0, "finds": {"end": {"data": "", "text": str(problem)}}}
    found = json.loads(said.splitlines()[-1])
    if found["grown"] > _HEAP_GROWS and not found["finds"]:  # these take memory
        found["finds"]["memory"] = {"data": "", "text": "the heap grew by %d bytes"
                                    % found["grown"]}
    return found


def guided(python, name, first, seconds):
    """What tools/fuzz_guided.py finds on CPython."""
    told = {"name": name, "corpus": corpus(name), "first": first, "seconds": seconds}
    with tempfile.TemporaryDirectory() as folder:
        command = [python, str(ROOT / "tools" / "fuzz_guided.py"), folder, json.dumps(told)]
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=seconds + _SLACK_S, check=False, cwd=folder)
            said, failed = done.stdout, done.returncode
        except subprocess.TimeoutExpired as late:
            said, failed = late.stdout or b"", True
        said = said.decode(errors="replace")
        result = Path(folder, "result")
        found = json.loads(result.read_text()) if result.exists() else {"tries": 0, "finds": {}}
    if failed:
        found["finds"]["end"] = {"data": "", "text": said[-_TAIL:]}
    found["branches"] = max([int(count) for count in _COVERED.findall(said)], default=0)
    return found


def guide():
    """The Python that has atheris, installed for this alone; "" where there is none."""
    python = WORK / "venv" / "bin" / "python"
    if not (WORK / "venv" / "done").exists():
        print("Installing %s into build/fuzz (once)" % ATHERIS, flush=True)
        shutil.rmtree(WORK / "venv", ignore_errors=True)
        for command in ([sys.executable, "-m", "venv", str(WORK / "venv")],
                        [str(python), "-m", "pip", "install", "--quiet", "--only-binary=:all:",
                         "--disable-pip-version-check", ATHERIS]):
            if subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False).returncode:
                print("No %s here (it is made for Linux and CPython 3.11 to 3.13): only random "
                      "input" % ATHERIS)
                return ""
        (WORK / "venv" / "done").touch()
    return str(python)


def report(name, found):
    """Write what was found into build/fuzz, in the place of the last time; returns the files."""
    for path in WORK.glob(name + "-[0-9]*.txt"):
        path.unlink()
    paths = []
    for number, find in enumerate(found["finds"].values()):
        path = WORK / ("%s-%d.txt" % (name, number))
        path.write_text("# %s\n%s\n%s" % (find.get("case"), find["data"], find["text"]))
        paths.append(path)
    return paths


def main():
    """The command; returns how many places were found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=30, help="for each target, and each way")
    parser.add_argument("--only", default="", help="names of targets, with commas between")
    parser.add_argument("--first", type=int, default=1, help="number of the first case")
    parser.add_argument("--count", type=int, default=0,
                        help="so many cases on MicroPython alone")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else [row[0] for row in TARGETS]
    rows = [row for row in TARGETS if row[0] in names]
    if len(rows) < len(names):
        parser.error("targets are " + ", ".join(row[0] for row in TARGETS))
    slot = firmware.build()
    WORK.mkdir(parents=True, exist_ok=True)
    python = "" if options.count else guide()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = [(row, pool.submit(on_micropython, slot, row[0], options.first, options.count,
                                  0 if options.count else options.seconds),
                 python and row[4] and pool.submit(guided, python, row[0], options.first,
                                                   options.seconds)) for row in rows]
        shown = []
        for (name, _, _, what, _), plain, other in runs:
            plain = plain.result()
            other = other.result() if other else {"tries": "", "branches": "", "finds": {}}
            paths = report(name, plain) + report(name + "-guided", other)
            shown.append((name, what, plain["tries"], other["tries"], other["branches"],
                          len(paths) or "nothing"))
            print("%-14s %8s %8s  %s" % (name, plain["tries"], other["tries"],
                                         " ".join(map(str, paths))), flush=True)
    if not options.only and not options.count:
        tables.put("fuzz", "Cases in %d s for each target and each way:\n\n%s" % (
            options.seconds, tables.markdown(HEADS, shown)))
    return sum(row[-1] != "nothing" for row in shown)


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
