"""Every screen of the panel as it is drawn by the firmware: ``make screens``.

A real core is put into each situation, and what the display then shows becomes one file in
tests/golden/screens. docs/screens.md shows them all on sheets, to be looked at: a text that is
cut, or touches another, is told here and fails the tests, but only people see what is ugly.
"""

import argparse
import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import glyphs
import pbm
from pbm import HEIGHT, WIDTH, _chunk
from twin import firmware

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden" / "screens"
SHEETS = ROOT / "docs" / "screens"
DOCUMENT = ROOT / "docs" / "screens.md"
MARK = "\x1eSCREEN "
LANGUAGES = ("en", "nl", "de")
HEAP = "16M"
TIME_LIMIT_S = 300

# Sheets: what they are called, and how the names of their screens begin; the first that fits.
SECTIONS = (
    ("What the menu says", ("menu_says",)),
    ("Items of the menu: access and all else", ("menu_modem",)),
    ("Items of the menu: charger and meters",
     ("menu_mode", "menu_config", "menu_lock", "menu_pwr", "menu_mains_",
      "menu_grid", "menu_sb2")),
    ("Items of the menu: circuit, EV meter, meters of one's own",
     ("menu_circ", "menu_ev", "menu_em")),
    ("Items of the menu: access and all else",
     ("menu_switch", "menu_led", "menu_rc", "menu_rfid", "menu_wifi", "menu_max_temp")),
    ("Items of the menu: currents, sun, contactor 2",
     ("menu_mains", "menu_min", "menu_max", "menu_start", "menu_stop", "menu_import",
      "menu_contact", "menu_cap")),
    ("Items of the menu: access and all else", ("menu",)),
    ("Faults", ("fault",)),
    ("Smart and Solar", ("smart", "solar", "phases", "master", "node", "timer_stop")),
    ("First start, set-up network, update, buttons held",
     ("wizard", "portal", "confirm", "update", "restarted", "hold")),
    ("Normal, access, cards, timers", ("",)),
)
ORDER = ("Normal, access, cards, timers", "Smart and Solar", "Faults",
         "First start, set-up network, update, buttons held")
NAMES = {"en": "English", "nl": "Dutch", "de": "German"}

# A tile of a sheet, in pixels of the display: the display within its frame, captions below.
SCALE = 2
COLUMNS = 3
MOST = 8 * COLUMNS  # tiles of a sheet
FRAME = 3
GAP = 8
LINES = 2  # of a caption
LINE = 9
TILE_WIDTH = WIDTH + 2 * FRAME + GAP
TILE_HEIGHT = HEIGHT + 2 * FRAME + LINES * LINE + GAP
PALETTE = (bytes((255, 255, 255)), bytes(pbm.PALETTE[0]), bytes(pbm.PALETTE[1]),
           bytes((110, 118, 126)))
PAPER, LIT, DARK, INK = range(4)


INTRODUCTION = """\
Drawn by the firmware itself, with a real core in each situation, by `make screens`. The display
has 128 x 64 pixels; here it is twice as large. A number in brackets counts texts that take turns,
4 s each. The same pictures are files in `tests/golden/screens`, which a test compares bit for bit.
`tests/system/test_screens.py` also looks at every text in every language, with the greatest values
there are: none is cut, none touches another."""


class Broken(Exception):
    """The firmware could not show everything; the message says why."""


def run(folder, what, language):
    """Return what tools/screens_run.py tells of one kind in one language, a dict each."""
    code = ("import sys; sys.path[:] = [%r, %r, %r, %r, '.frozen']; import constants; "
            "sys.argv[1:] = [%r, %r]; import screens_run"
            % (str(folder), str(folder / "lib"), str(ROOT / "tools"),
               str(ROOT / "tests" / "unit"), what, language))
    done = subprocess.run([firmware.interpreter(), "-X", "heapsize=" + HEAP, "-c", code],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", timeout=TIME_LIMIT_S, check=False)
    found, other = [], []
    for line in done.stdout.split("\n"):
        if line.startswith(MARK):
            found.append(json.loads(line[len(MARK):]))
        elif line:
            other.append(line)
    if other or done.returncode:
        raise Broken("%s in %s: %s" % (what, language, "\n".join(other) or done.returncode))
    return found


def pictures(folder, languages=LANGUAGES):
    """Return ({name: (language, caption, display)}, what is wrong) of all that is kept."""
    kept, wrong = {}, []
    for language in languages:
        for what in ("screens", "menu"):
            for one in run(folder, what, language):
                where = one.get("name") or one["where"]
                wrong.extend("%s, %s: %s" % (language, where, text) for text in one["wrong"])
                if "data" not in one:
                    continue
                name = one["name"] if language == "en" else "%s_%s" % (language, one["name"])
                if name in kept:
                    raise Broken("two screens are called " + name)
                same = kept.get(one["name"])
                if language != "en" and same and same[2] == bytes.fromhex(one["data"]):
                    continue  # nothing in it is translated
                kept[name] = language, one["caption"], bytes.fromhex(one["data"])
    return kept, wrong


def section(language, name):
    """The heading of the sheet a screen is on."""
    if language != "en":
        return NAMES[language]
    return next(title for title, begins in SECTIONS if name.startswith(begins))


def sections(kept):
    """Return {heading: [(name, caption, display)]} in the order of the document."""
    titles = [*ORDER, *sorted(title for title, _ in SECTIONS if title not in ORDER),
              *(NAMES[language] for language in LANGUAGES[1:])]
    found = {title: [] for title in titles}
    for name, (language, caption, display) in kept.items():
        found[section(language, name)].append((name, caption, display))
    return {title: screens for title, screens in found.items() if screens}


def sheets(found):
    """Yield (file name, heading, screens) of each sheet; many screens are parted evenly."""
    for title, screens in found.items():
        parts = -(-len(screens) // MOST)
        most = -(-len(screens) // parts)
        most += -most % COLUMNS
        stem = "_".join("".join(letter if letter.isalnum() else " "
                                for letter in title.lower()).split())
        for part in range(parts):
            yield ("%s_%d.png" % (stem, part + 1) if parts > 1 else stem + ".png", title,
                   screens[part * most:(part + 1) * most])


def _write(rows, font, text, x, y):
    """Write a line of a caption, as far as there is room, with the panel's own small font."""
    end = x + TILE_WIDTH - GAP
    for letter in text:
        art = font.get(letter) or font["?"]
        if x + len(art[0]) > end:
            return
        for down, line in enumerate(art):
            for right, pixel in enumerate(line):
                if pixel == "#":
                    rows[y + down][x + right] = INK
        x += len(art[0]) + 1


def _wrapped(font, text):
    """Break a caption into lines that fit below a display."""
    lines = [""]
    for word in text.split():
        longer = (lines[-1] + " " + word).strip()
        if sum(len((font.get(letter) or font["?"])[0]) + 1 for letter in longer) > WIDTH + 6:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines[:LINES]


def sheet(screens):
    """Return the pixels of a sheet, rows of numbers of colours in PALETTE."""
    font = glyphs.font("small")
    height = GAP + TILE_HEIGHT * (-(-len(screens) // COLUMNS))
    rows = [bytearray(GAP + COLUMNS * TILE_WIDTH) for _ in range(height)]
    for number, (_, caption, display) in enumerate(screens):
        left = GAP + number % COLUMNS * TILE_WIDTH
        top = GAP + number // COLUMNS * TILE_HEIGHT
        wide = WIDTH + 2 * FRAME
        for y in range(HEIGHT + 2 * FRAME):
            rows[top + y][left:left + wide] = bytes((LIT,)) * wide
        for y, line in enumerate(pbm.rows(display)):
            at = left + FRAME
            rows[top + FRAME + y][at:at + WIDTH] = bytes(DARK if pixel else LIT for pixel in line)
        for line, text in enumerate(_wrapped(font, caption)):
            _write(rows, font, text, left, top + HEIGHT + 2 * FRAME + 2 + line * LINE)
    return rows


def raw(rows):
    """The picture's bytes before they are compressed: two bits a dot, each row behind a 0."""
    data = bytearray()
    for row in rows:
        dots = [colour for colour in row for _ in range(SCALE)]
        dots += [0] * (-len(dots) % 4)
        line = bytes(dots[at] << 6 | dots[at + 1] << 4 | dots[at + 2] << 2 | dots[at + 3]
                     for at in range(0, len(dots), 4))
        data += (b"\0" + line) * SCALE
    return bytes(data)


def png(rows):
    """Return a sheet as PNG of four colours."""
    head = struct.pack(">IIBBBBB", len(rows[0]) * SCALE, len(rows) * SCALE, 2, 3, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join((
        _chunk(b"IHDR", head), _chunk(b"PLTE", b"".join(PALETTE)),
        _chunk(b"IDAT", zlib.compress(raw(rows), 9)), _chunk(b"IEND", b"")))


def unpacked(data):
    """The compressed part of a PNG made here, as ``raw`` gives it; compressors differ."""
    begin = data.index(b"IDAT") + 4
    return zlib.decompress(data[begin:begin + struct.unpack(">I", data[begin - 8:begin - 4])[0]])


def document(found):
    """Return docs/screens.md: a sheet under each heading, and the names of its screens."""
    lines = ["# Every screen of the panel", "", INTRODUCTION, ""]
    for title, screens in found.items():
        lines += ["## " + title, ""]
        for name, _, part in (one for one in sheets(found) if one[1] == title):
            lines += ["![%d screens: %s](screens/%s)" % (len(part), title, name), ""]
        lines += ["<details><summary>Their files</summary>", "",
                  ", ".join("`%s`" % name for name, _, _ in screens), "", "</details>", ""]
    return "\n".join(lines).rstrip() + "\n"


def stored(kept, found):
    """Write goldens, sheets and document; what is there no more goes."""
    for folder, names in ((GOLDEN, {name + ".pbm" for name in kept}),
                          (SHEETS, {name for name, _, _ in sheets(found)})):
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            if path.name not in names:
                path.unlink()
    changed = []
    for name, (_, _, display) in kept.items():
        path, made = GOLDEN / (name + ".pbm"), pbm.pbm(display)
        if not path.exists() or path.read_bytes() != made:
            path.write_bytes(made)
            changed.append(name)
    for name, _, screens in sheets(found):
        path, rows = SHEETS / name, sheet(screens)
        if not path.exists() or unpacked(path.read_bytes()) != raw(rows):
            path.write_bytes(png(rows))
    DOCUMENT.write_text(document(found), encoding="utf-8")
    return changed


def main():
    """Entry point."""
    parser = argparse.ArgumentParser(prog="make screens", description=__doc__.split("\n")[0])
    parser.add_argument("--no-build", action="store_true", help="take build/sim as it is")
    options = parser.parse_args()
    try:
        folder = firmware.slot() if options.no_build else firmware.build()
        kept, wrong = pictures(folder)
    except (Broken, firmware.Missing) as problem:
        sys.exit("no screens: %s" % problem)
    found = sections(kept)
    changed = stored(kept, found)
    print("%d screens on %d sheets; changed: %s"
          % (len(kept), len(found), ", ".join(changed) or "none"))
    for text in wrong[:MOST]:
        print(text)
    if wrong:
        sys.exit(1)


if __name__ == "__main__":
    main()
