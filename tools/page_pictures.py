"""Take the pictures that docs/page.md shows from build/pages, where the browser tests put them.

They get few colours and lose what is below ``HIGHEST``, so that the documents stay light.
"""

import re
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "build" / "pages"
DOCUMENT = ROOT / "docs" / "page.md"
TARGET = ROOT / "docs" / "page"
HIGHEST = 1400
COLOURS = 48


def wanted():
    """File names of the pictures that the document shows."""
    return re.findall(r"\(page/([\w-]+\.png)\)", DOCUMENT.read_text(encoding="utf-8"))


def main():
    """Command line."""
    missing = [name for name in wanted() if not (SOURCE / name).exists()]
    if missing:
        sys.exit("no test has made %s" % ", ".join(missing))
    TARGET.mkdir(exist_ok=True)
    for name in wanted():
        with Image.open(SOURCE / name) as picture:
            cut = picture.convert("RGB").crop(
                (0, 0, picture.width, min(picture.height, HIGHEST)))
        cut.quantize(COLOURS, dither=Image.Dither.NONE).save(TARGET / name, optimize=True)
    for path in TARGET.iterdir():
        if path.name not in wanted():
            path.unlink()
    print("%d pictures, %d KB" % (
        len(wanted()), sum(path.stat().st_size for path in TARGET.iterdir()) >> 10))


if __name__ == "__main__":
    main()
