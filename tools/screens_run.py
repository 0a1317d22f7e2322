"""Runs on MicroPython: all situations of the panel, or the longest of all texts.

Arguments behind the script: "screens", "menu" or "extremes", then a language.
"""

import sys

from screens_stage import Stage


def main(what, language):
    """Tell all pictures of one kind in one language."""
    if what == "menu":
        from screens_menu import run
        run(language)
        return
    parts = __import__("screens_cases" if what == "screens" else "screens_extremes").PARTS
    stage = Stage(language)
    for part in parts:
        part(stage)


main(sys.argv[1], sys.argv[2])
