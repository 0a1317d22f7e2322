"""The list of time zones: tools/zones.txt out of this machine's zone files.

    python tools/zones.py [/usr/share/zoneinfo]

A line is a POSIX rule and who lives by it: a word that ends in a slash is an area, the words after
it are places in it. So "CET-1CEST,M3.5.0,M10.5.0/3 Africa/ Ceuta Europe/ Amsterdam" is about
Africa/Ceuta and Europe/Amsterdam. Old names are among them, since other firmwares still say them:
it is for what is taken over from these. The page derives the rule from what the browser knows.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "tools" / "zones.txt"
SOURCE = Path("/usr/share/zoneinfo")
# Doubles of others under names that only old systems use, and what is no place.
LEFT_OUT = ("posix", "right", "Etc", "US", "Canada", "Brazil", "Chile", "Mexico", "SystemV")
UTC = "Etc/UTC"
_MAGIC = b"TZif"


def rule_of(path):
    """The POSIX rule at the end of a zone file, "" for one without."""
    return path.read_bytes().rstrip(b"\n").rpartition(b"\n")[2].decode()


def zones(source):
    """Name to rule of all zones in the directory ``source``."""
    found = {UTC: rule_of(source / UTC)}
    for path in sorted(source.rglob("*")):
        parts = path.relative_to(source).parts
        if len(parts) > 1 and parts[0] not in LEFT_OUT and path.is_file() and \
                path.read_bytes()[:4] == _MAGIC:
            found["/".join(parts)] = rule_of(path)
    return found


def packed(found):
    """The text of the file for name to rule."""
    lines = {}
    for name, rule in sorted(found.items()):
        area, _, place = name.partition("/")
        line = lines.setdefault(rule, {})
        line.setdefault(area, []).append(place)
    return "".join("%s %s\n" % (rule, " ".join(
        "%s/ %s" % (area, " ".join(places)) for area, places in lines[rule].items()))
        for rule in sorted(lines))


def unpacked(text):
    """Name to rule of the file's text."""
    found = {}
    for line in text.splitlines():
        rule, *words = line.split(" ")
        area = ""
        for word in words:
            if word.endswith("/"):
                area = word
            else:
                found[area + word] = rule
    return found


if __name__ == "__main__":
    FILE.write_text(packed(zones(Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCE)))
