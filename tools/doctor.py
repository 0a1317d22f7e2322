"""Have a charger examine its bus or its phases: ``make doctor URL=http://smartevse-4711.local``.

Exit code 0: nothing is wrong; 1: it found mistakes; 2: it could not examine.
"""

import argparse
import json
import sys
import time
import urllib.error
import urllib.request

POLL_S = 1
PATIENCE_S = 10
LIMIT_S = 300
PLACES = {"mains": "mains meter", "circuit": "circuit meter", "ev": "EV meter"}


class Failed(Exception):
    """The charger cannot or will not examine; the message says why."""


def ask(url, path, body=None):
    """GET ``path``, or POST ``body`` to it as JSON; returns the document. Raises Failed."""
    request = urllib.request.Request(url.rstrip("/") + path)
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as problem:
        try:
            raise Failed(json.load(problem)["error"]) from None
        except (ValueError, KeyError):
            raise Failed("the charger answers %d" % problem.code) from None
    except (OSError, ValueError) as problem:
        raise Failed("no charger at %s: %s" % (url, problem)) from None


def examine(url, kind, say):
    """Start an examination and wait for its end; returns the document. ``say(percent)``."""
    ask(url, "/api/v1/command", {"name": "doctor", "value": kind})
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        time.sleep(POLL_S)
        document = ask(url, "/api/v1/doctor")
        if document["state"] != "running":
            return document
        say(document["percent"])
    raise Failed("the examination does not come to its end")


def report(document):
    """Yield the lines that tell of the findings, mistakes first."""
    findings = sorted(document["findings"], key=lambda finding: not finding["mistake"])
    for finding in findings:
        place = ", ".join(PLACES.get(part, part) for part in finding["where"].split(", "))
        yield "%s %s: %s." % ("!" if finding["mistake"] else "-", place, finding["what"])
        yield "  %s" % finding["hint"]
    if not any(finding["mistake"] for finding in findings):
        if document["state"] == "done":
            yield "Nothing is wrong, as far as this examination can see."
        else:
            yield "The examination did not come to its end."


def main():
    """Command line."""
    parser = argparse.ArgumentParser(prog="make doctor URL=...", description=__doc__)
    parser.add_argument("url", help="of the charger, as http://192.168.1.20")
    parser.add_argument("kind", nargs="?", default="bus", choices=("bus", "phases"),
                        help="what to examine; the phases only while the car charges")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    arguments = parser.parse_args()
    seen = sys.stderr.isatty()

    def say(percent):
        if seen:
            print("\rExamining the %s: %d %%" % (arguments.kind, percent), end="", file=sys.stderr)

    try:
        document = examine(arguments.url, arguments.kind, say)
    except Failed as problem:
        print("\r%s" % problem if seen else problem, file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        ask(arguments.url, "/api/v1/command", {"name": "doctor", "value": "stop"})
        sys.exit(2)
    if seen:
        print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
    if arguments.json:
        print(json.dumps(document, indent=1))
    else:
        print("\n".join(report(document)))
    if any(finding["mistake"] for finding in document["findings"]):
        sys.exit(1)
    sys.exit(0 if document["state"] == "done" else 2)


if __name__ == "__main__":
    main()
