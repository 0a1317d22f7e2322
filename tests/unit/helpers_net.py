"""A core's two doors to look through, and a loop-back client, for the tests of evse.net."""

import asyncio
import json
import socket
from array import array

from evse.net.web import WebServer
from evse.settings import DEFAULT, KEY, TABLE, Refused

SETTINGS = {"min": 6, "max": 16, "mains": 25, "mains_met": "Eastron3P", "max_temp": 65,
            "contact_2": "Auto", "lock": "Motor", "cable_lock": "Enabled", "led_mode": "Public",
            "rfid": "EnableOne", "modem": "Not present", "required_evccid": "",
            "ev_meter": "ABB", "ev_adr": 12, "ev_meter_role": "Car only", "trust_lan": "Disabled",
            "pwr_share": "Master", "circt_met": "Chint 3P", "circt_adr": 13, "circuit": 20,
            "start": 5, "stop": 11, "import": 2, "solar_style": "greedy", "cap_mode": "Flanders",
            "capacity": 40, "cap_stop": 3, "battery_reserve": 7, "battery_protect": "Enabled",
            "lcd_pin": 0, "lcd_lock": "Disabled", "backlight_max": 180, "mqtt_host": "",
            "modbus_tcp": "Disabled", "telnet": "Disabled", "drive_locked": "Disabled",
            "wifi": "Enabled", "wifi_ssid": "Home",
            "api_units": "W", "mqtt_port": 1883, "mqtt_user": "", "mqtt_password": False,
            "mqtt_prefix": "", "mains_host": "", "ev_host": "", "circt_host": ""}
CLOCK_S = 1_790_000_000


def listening(port, backlog, options):
    """A socket that listens on this host at ``port`` or the next free one; returns (it, port)."""
    listener = socket.socket()
    for option in options:
        listener.setsockopt(*option)
    while True:
        try:
            listener.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
            break
        except OSError:
            port += 1
    listener.listen(backlog)
    listener.setblocking(False)
    return listener, port


class FakePanel:
    """Buttons, and a display whose pixel (x, y) is set where (x * y + x + 2 * y) % 7 is 0."""

    def __init__(self):
        self.pressed = 0
        self.drawing = self.secret = False
        self.data = bytearray(1024)
        for x in range(128):
            for y in range(64):
                if (x * y + x + 2 * y) % 7 == 0:
                    self.data[y // 8 * 128 + x] |= 1 << y % 8

    def screen(self):
        return memoryview(self.data)


class FakeCrumb:
    """Four starts since power came."""

    count = 4

    def history(self):
        return ("watchdog", 3600), ("soft", 90061), ("watchdog", 59), ("power", -1)


class FakeStatus:
    """Status of a charger in the middle of a session."""

    version = "v4.0.0"
    board = "sim"
    serial = 4711
    uptime_s = 3661
    reset_cause = "power"
    heap_free, heap_low = 60000, 41000
    state_id = 2
    state_name = "Charging"
    mode = "Smart"
    mode_id = 3
    setting_mode_id = 1
    access = 1
    car_connected = True
    charging = True
    error_id = 0
    error_name = "None"
    reason = 16
    limit = 42
    limit_name = "mains"
    reason_since_s = 3000
    reason_until_s = 0
    grant_da = 137
    offered_da = 136
    override_da = 0
    mains_age_ms = 1500
    mains_fresh = True
    mains_w = 6739
    mains_wh = 1234567
    mains_out_wh = 7654
    temp = 31
    pwm1024 = 233
    fault_name = "Pilot Fault"
    timer_mode = "Smart"
    timer_start = CLOCK_S + 3600
    timer_stop = CLOCK_S + 7200
    timer_repeat = 1
    clock_s = CLOCK_S
    session_number = 12
    session_wh = 7654
    session_solar_wh = 1234
    session_s = 5400
    session_w = 9123
    session_solar_w = 2384
    session_card = "04A1B2C3D4E5F6"
    session_estimated = False
    rfid_status = 1
    rfid_last = "04A1B2C3D4E5F6"
    custom = True
    phases = 3
    c1_count = 1001
    c2_count = 17
    lock_state = "locked"
    woke = 2
    ev_w = 9123
    ev_wh = 1234567
    ev_age_ms = 800
    car = None
    solar_left_s = 540
    solar_free_da = 21
    solar_needs_da = 40
    capacity_left_s = 0
    battery_da = 101
    battery_age_ms = 4200
    battery_expired = False
    circuit_limit_da = 200
    circuit_age_ms = 900
    phases_wish = 1
    phases_used = 0
    relay_open = False
    backlight_s = 97
    backlight = 180
    ip = "192.168.1.5"
    portal = None
    storing = untouched = imported = False
    portal_password = "f1r5tpw0"
    record = ""  # of the install password
    network = mqtt = stored_prices = confirm = update = None
    crumb = FakeCrumb()
    directory = "/nowhere"
    number = 40  # of the latest session
    quarters = 3

    def __init__(self):
        self.display = None
        self.amps = [55, -12, 250]
        self.ev_amps = [130, 131, 132]
        self.palette = array("i", (0x010203, 0x00FF00, 0x00FE01, 0xFFAA00, 0x0000FF))
        self.values = dict(SETTINGS)
        self.pending = None  # what ``refresh`` takes over, as a dict
        self.storage = self
        self.ntp = {"problem": "", "synced_s": 3600, "offset_s": 0, "failures": 0}
        self.journal = [(7, 3600, "mode changed", 3, 0), (8, 3661, 'a "quoted" word', -1, 2)]

    def tasks(self):
        yield "mqtt", 2, "waits"
        yield "display", 1, "runs"

    def refresh(self):
        for name, value in (self.pending or {}).items():
            setattr(self, name, value)
        self.pending = None

    def refreshing(self):
        self.refresh()
        yield ""

    def reason_text(self):
        return "charging"

    def timer_words(self):
        return "starts tomorrow 07:30 daily"

    def phase_count(self):
        return (1 if self.phases_used in (1, 2, 4) else 3) if self.phases_used else self.phases

    def ev_state(self):
        return self.car and dict(self.car)

    def busy(self):
        return self.charging

    def auth(self):
        return self.record, self.portal_password

    def local(self, utc):
        return "2026-09-21T15:33" if utc == CLOCK_S else "?"

    def fault_rows(self):
        yield "Pilot Fault", "at once", "after a pause"
        yield "RCM Tripped", "at once", "by reset"

    def ev_da(self, phase):
        return self.ev_amps[phase]

    def table(self, name, *wanted):
        self.wanted = wanted
        if name == "sessions_csv":
            yield "number,start\n"
            for number in range(40):
                yield "%d,2026-09-21T15:33\n" % number
        elif name == "months_csv":
            yield "month,card,kwh\n"
            yield ""  # nothing yet
            yield "2026-09,04A1B2C3D4E5F6,7.654\n"
        else:
            yield '{"sessions":[{"number":1}\n'
            yield "]}\n"

    def details(self, name):
        if name == "limits":
            yield 0, 137, "mains", 40, "MAX", 160, None, False
            yield 0, 137, "mains", 56, "random start delay", 0, 17, False
            yield 3, 80, "MAX", 40, "MAX", 80, None, True
        elif name == "group_limits":
            yield 42, "mains", "phase", 250
            yield 50, "grid relay", "sum", 182
        elif name == "quarters":
            for number in range(self.quarters):
                yield CLOCK_S - 900 * (self.quarters - number), 100 * number

    def prices(self):
        return self.stored_prices

    def cards_csv(self):
        yield "04A1B2C3D4E5F6,Anna"
        yield "112233445566"

    def mains_da(self, phase):
        return self.amps[phase]

    def solar_da(self, phase):
        return self.amps[phase] - (35, 33, 33)[phase]

    def circuit_da(self, phase):
        return (160, 161, 162)[phase]

    def capacity(self):
        return 330, 400, 625, 123, 2750

    def intervals(self):
        return (0, 6000), (420, 2500)

    def order(self):
        return 3, 0

    def evse_rows(self):
        yield 0, "Smart", True, True, 137, "charging", "mains", False
        yield 3, "Solar", True, False, 0, "waits for more sun", "", True

    def events(self, since=0):
        for event in self.journal:
            if event[0] >= since:
                yield event

    def doctor(self):
        return "bus", "running", 37

    def doctor_rows(self):
        yield 1, "does not answer", "mains", 'Check its "power" supply.', True
        yield 50, "ABB answers here", "address 20", "", False

    def box(self):
        return None

    def panel(self):
        return self.display

    def screen(self):
        return self.display and self.display.screen()

    def cycle_summary(self):
        return {"count": 1000, "late": 3, "worst_ms": 24}

    def bus_rows(self):
        yield {"name": "mains", "address": 10, "ok": True, "requests": 100, "replies": 99}
        yield {"name": "ev", "address": 12, "ok": False, "requests": 7, "replies": 0}

    def setting(self, key):
        if key in self.values:
            return self.values[key]
        return next(setting[DEFAULT] for setting in TABLE if setting[KEY] == key)


class FakeCommand:
    """Records commands; refuses those whose name is in ``refuses``.

    ``effects`` maps the name of a command to what ``status`` says after it, as a dict.
    """

    def __init__(self, refuses=(), status=None, effects=None):
        self.calls = []
        self.refuses = refuses
        self.status = status
        self.effects = effects or {}

    def __call__(self, name, value, source):
        if name in self.refuses:
            raise Refused("no " + name + " today", name, ["never"])
        if name == "cards" and value[0] == "load":
            lines = [line if type(line) is str else line.decode() for line in value[1]]
            value = ("load", [line.strip() for line in lines if line.strip()])
        self.calls.append((name, value, source))
        if name in self.effects:
            self.status.pending = self.effects[name]


class Answer:
    """A parsed HTTP answer."""

    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split(" ")[1]) if raw else None
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()

    @property
    def json(self):
        return json.loads(self.body)


class FakeStream:
    """A connection whose peer said ``data``, in pieces of ``step`` bytes, and then waits or left.

    ``written`` collects what the server says; ``largest`` is its largest single write.
    """

    def __init__(self, data, step=1 << 20, closes=True, address=("127.0.0.1", 1)):
        self._data = data
        self._address = address
        self._step = step
        self._closes = closes
        self.written = b""
        self.largest = 0
        self.closed = 0

    def get_extra_info(self, name):
        return self._address

    async def read(self, count):
        count = min(count, self._step)
        part = self._data[:count]
        self._data = self._data[count:]
        while not part and not self._closes:
            await asyncio.sleep_ms(20)
        return part

    def write(self, data):
        self.largest = max(self.largest, len(data))
        self.written += bytes(data)

    async def drain(self):
        await asyncio.sleep_ms(0)

    async def wait_closed(self):
        self.closed += 1


def serve(stream, status=None, command=None, web_dir=".", inside=False):
    """Let a server serve the one connection; returns its Answer.

    ``inside``: it came to the charger's address in the network for the set-up.
    """
    server = WebServer(status or FakeStatus(), command or FakeCommand(), web_dir)
    asyncio.run(server.accept(stream, stream, inside))
    return Answer(stream.written)


def request(method, target, body=b"", headers=None, status=None, command=None, web_dir="."):
    """Send one request as a plain client does; returns the Answer."""
    lines = ["%s %s HTTP/1.1" % (method, target)]
    sent = {"Host": "192.168.1.5"}
    if body:
        sent["Content-Length"] = len(body)
    sent.update(headers or {})
    for name, value in sent.items():
        lines.append("%s: %s" % (name, value))
    data = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
    return serve(FakeStream(data), status, command, web_dir)


def get(target, **options):
    """GET ``target``."""
    return request("GET", target, **options)


def post(target, document=None, **options):
    """POST ``target``, with ``document`` as JSON body if given."""
    if document is None:
        return request("POST", target, **options)
    headers = {"Content-Type": "application/json"}
    headers.update(options.pop("headers", {}))
    return request("POST", target, json.dumps(document).encode(), headers, **options)
