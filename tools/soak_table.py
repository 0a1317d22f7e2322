"""The verdict on a soak: what is judged, by which limit, and the table of docs/reliability.md."""

import tables
from bench import Table

WHOLE_S = 60  # a calm so long is a whole one: the server forgets after a minute
LATE_PERCENT = 5
WORST_MS = 500  # a control task that is not seen for so long does not get the watchdog fed
PAGE_S, WIFI_S, MQTT_S = 12, 30, 60
# A pilot fault waits 15 s; a fault may be noticed late, and its end seen late.
AGAIN_S = 60
# A meter's sample, what the meters before it take of the bus, and 6 s until a car that does not
# stop is cut off.
MAINS_S = 12
# Start, its delay after power returned, and the broker's link, which is tried again and again.
BACK_S = 60
# At full power for a minute, the longest anything waits to be written, and the seconds around it.
LOST_WH = 250
# Bytes on a 64-bit host: lists that grow by halves. A short calm ends before the server has
# forgotten what it keeps for a minute: 17 KB after many scenes, all of it gone 75 s later.
GROWTH, GROWTH_SHORT = 2048, 24576
# What lives for a moment lies elsewhere each time.
BLOCK_KB = 32
# An hour of history and some sessions, as long as no generation of them is given up.
FILES_KB = 8


def table(soak):
    """The rows of a ``soak.Soak`` that is over."""
    rows = Table()
    _control(rows, soak)
    _charging(rows, soak)
    _resources(rows, soak)
    _others(rows, soak)
    return rows


def _control(rows, soak):
    setup = "seed %d, %d scenes of %d s in %d rounds" % (
        soak.seed, len(soak.met), soak.scene_s, len(soak.rounds))
    count, late = (sum(numbers) for numbers in zip(*soak.rounds))
    attacked = 100 * late / max(count, 1)
    calm = (100 * sum(one["late"] for one in soak.calms)
            / max(sum(one["count"] for one in soak.calms), 1))
    # Where others may take the processor from the firmware, it cannot be judged by its delays.
    judged = soak.first or calm <= LATE_PERCENT
    why = "" if judged else "; not judged: this PC was too busy"
    rows.add("late control periods, calm", "%", calm,
             "over 20 ms, between the rounds: what this PC does" + why,
             LATE_PERCENT if judged else None)
    rows.add("late control periods, attacked", "%", attacked,
             "%s; %d periods" % (setup, count))
    rows.add("late control periods, by the attacks", "%", max(0, attacked - calm),
             "attacked less calm" + why, LATE_PERCENT if judged else None)
    rows.add("longest control period", "ms", soak.cycle["worst_ms"],
             "since the start, this PC's pauses included" + why, WORST_MS if judged else None)


def _charging(rows, soak):
    watch = soak.watch
    # Where others may take the processor from the firmware, its guard opens for a while.
    judged = soak.first or not watch.stalls
    why = "" if judged else "; not judged: this PC was too busy"
    rows.add("longest time above the limit of the mains", "s",
             soak.state["site"]["record"]["mains"]["longest_s"],
             "the true current, without the power cut" + why, MAINS_S if judged else None)
    rows.add("faults made", "", sum(watch.made.values()),
             ", ".join("%s %d" % item for item in sorted(watch.made.items())))
    rows.add("times seen not charging", "", len(watch.pauses),
             "of %d looks, those during a fault that stops it aside; %s" % (
                 soak.looks, "; ".join(watch.pauses[:3])) + why, 0 if judged else None)
    for name, took in sorted(watch.again.items()):
        rows.add("charging again after: %s" % name, "s", took, "the longest of them", AGAIN_S)
    rows.add("closings of the contactor", "",
             soak.state["contactors"]["closings"] - soak.closings,
             "those of the start aside; limit: the faults that stop charging" + why,
             watch.stops if judged else None)
    rows.add("contactor open at the end", "", not soak.state["contactors"]["c1"], why[2:],
             0 if judged else None)
    rows.add("faults shown without a cause", "", len(watch.strange),
             "in the journal; " + ", ".join(watch.strange) + why, 0 if judged else None)
    rows.add("opened because control was late", "times", watch.stalls,
             "by more than 200 ms, a pause of this PC included: see the longest control period")
    rows.add("charging again after a power cut", "s", soak.back_s,
             "at the end, the broker's link included", BACK_S)
    rows.add("energy lost by it", "Wh", soak.lost_wh, "of the session", LOST_WH)
    rows.add("settings changed by it", "", len(soak.forgotten),
             "those of the last minute may; " + ", ".join(soak.forgotten),
             0 if soak.calm_s >= WHOLE_S else None)


def _resources(rows, soak):
    whole = len(soak.rounds) > 2 and soak.calm_s >= WHOLE_S
    first, last = soak.calms[whole], soak.calms[-1]
    rows.add("tasks restarted", "", soak.events.get("task restarted", 0), "in the journal", 0)
    wrong = [line for line in soak.log if "Traceback" in line or "MemoryError" in line]
    rows.add("exceptions printed", "", len(wrong), "; ".join(wrong[:2]), 0)
    rows.add("growth of live memory", "bytes", last["live"] - first["live"],
             "from %d, after the %s, to %d; 64 bit" % (
                 first["live"], "first round" if whole else "warm-up", last["live"]),
             GROWTH if whole else GROWTH_SHORT)
    rows.add("live memory, most", "KB", max(report["live"] for report in soak.reports) / 1024,
             "after a collection, under attack; 64 bit")
    rows.add("tasks more than before", "", last["tasks"] - first["tasks"],
             "of %d" % first["tasks"], 0)
    rows.add("shrinking of the largest free block", "KB",
             (first["block"] - last["block"]) / 1024,
             "from %d KB; 64 bit" % (first["block"] // 1024), BLOCK_KB)
    rows.add("growth of the files", "KB", (last["files"] - first["files"]) / 1024,
             "from %d KB" % (first["files"] // 1024), FILES_KB)
    if last["sockets"] is not None:
        rows.add("sockets more than before", "", last["sockets"] - first["sockets"],
                 "of %d" % first["sockets"], 0)


def _others(rows, soak):
    for what, limit in (("page", PAGE_S), ("WiFi", WIFI_S), ("MQTT", MQTT_S)):
        rows.add("%s good again after" % what, "s",
                 max(took[what] for took in soak.recovered), "the worst round", limit)
    for client in soak.clients:
        rows.add("longest wait of the %s" % client.name, "s", client.gap_s,
                 "%d answers, %d times turned away, %d broken%s" % (
                     client.answers, client.turned_away, client.broken,
                     "; " + client.wrong if client.wrong else ""))
        rows.add("wrong answers to the %s" % client.name, "", bool(client.wrong),
                 client.wrong, 0)


def text(rows):
    """What docs/reliability.md shows of the rows."""
    return tables.markdown(
        ("what", "measured", "limit", "of that"),
        [("%s%s" % (row["name"], "" if row["pass"] else " **missed**"),
          "%g %s" % (row["value"], row["unit"]), "" if row["limit"] is None else row["limit"],
          row["setup"]) for row in rows])
