"""Several settings at once, all of them or none."""

from evse.settings import KEY, TABLE, Refused


def store(values, setting, command, source):
    """Store ``values`` by key; a generator that yields after each, because one takes its time.

    ``setting(key)`` gives the value in force, ``command`` is the core's door, ``source`` who
    speaks. Whatever is raised, Refused above all, everything has been put back before.
    """
    # Each must be right beside the one before: MAX before a MIN above the old one, the mode after
    # what it depends on, and the cards last, because nothing brings them back.
    last = ("max", "min") if values.get("min", 0) > setting("max") else ("min", "max")
    last += ("mode", "rfid")
    keys = [entry[KEY] for entry in TABLE if entry[KEY] in values and entry[KEY] not in last]
    keys.extend(key for key in values if key not in keys and key not in last)  # there are none
    keys.extend(key for key in last if key in values)
    mode = setting("mode")
    done = []
    try:
        for key in keys:
            before = setting(key)
            if values[key] != before:
                command("set", (key, values[key]), source)
                done.append((key, before))
                yield
    except Exception:
        done.insert(0, ("mode", mode))  # without a meter it has become Normal by itself
        while done:
            key, before = done.pop()
            try:
                if setting(key) != before:
                    command("set", (key, before), source)
            except Refused:
                pass  # the rest goes back nevertheless
        raise
