"""The targets of the fuzzer: what each is called, where it is, what it can be thrown at."""

# Name, module, class; what is fuzzed; whether CPython can run it too: it has no framebuf, and its
# struct refuses numbers that the board's cuts off.
TARGETS = (
    ("http", "fuzz_web", "Http", "HTTP connections", True),
    ("settings", "fuzz_web", "Body", "settings changed together, backups", True),
    ("legacy", "fuzz_web", "Body", "what clients of older firmwares write", True),
    ("commands", "fuzz_web", "Body", "commands in JSON", True),
    ("intervals", "fuzz_web", "Body", "lists of intervals, of chargers", True),
    ("cards", "fuzz_web", "Body", "lists of cards", True),
    ("prices", "fuzz_web", "Body", "lists of prices", True),
    ("schedule", "fuzz_web", "Body", "schedules", True),
    ("mqtt", "fuzz_wire", "Mqtt", "packets of an MQTT broker", True),
    ("told", "fuzz_wire", "Told", "topics and payloads", True),
    ("modbus_tcp", "fuzz_wire", "ModbusTcp", "frames of Modbus TCP", True),
    ("telnet", "fuzz_wire", "Telnet", "telnet", True),
    ("dns", "fuzz_wire", "Dns", "answers of name servers", True),
    ("mdns", "fuzz_wire", "Mdns", "questions of names", True),
    ("ntp", "fuzz_wire", "Ntp", "answers of time servers", True),
    ("fetch", "fuzz_wire", "Fetch", "web servers with an update", True),
    ("homewizard", "fuzz_wire", "HomeWizard", "meters on the network", True),
    ("link", "fuzz_bus", "Link", "replies on the bus", True),
    ("node", "fuzz_bus", "Told", "frames to a node", True),
    ("meters", "fuzz_bus", "Meters", "what meters and nodes say", True),
    ("settings_file", "fuzz_stored", "Settings", "the file of settings", True),
    ("cards_file", "fuzz_stored", "Listed", "the file of cards", True),
    ("files", "fuzz_stored", "Files", "all other files", True),
    ("log", "fuzz_stored", "Log", "the log partition", True),
    ("crumb", "fuzz_stored", "Kept", "memory that outlives a reset", False),
    ("buttons", "fuzz_panel", "Buttons", "the three buttons", False),
    ("bundle", "fuzz_stored", "Bundle", "update bundles", True),
)


def load(name):
    """The class of a target; KeyError when there is none of that name."""
    for row in TARGETS:
        if row[0] == name:
            return getattr(__import__(row[1]), row[2])
    raise KeyError(name)
