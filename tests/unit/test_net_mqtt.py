"""The link to a broker: packets through umqtt's hands, limits of time, back-off, goodbye."""

import random

from umqtt.simple import MQTTClient

from evse.net import mqtt
from helpers_mqtt import CONNACK, PINGRESP, SUBACK, FakeFacts, packet, publish, with_site

NOT_MQTT = "what the broker says is not MQTT"


class Wire:
    """A socket: ``coming`` are the pieces it has, ``takes`` how much it sends at once."""

    def __init__(self, *coming, takes=10_000):
        self.coming = list(coming)
        self.takes = takes
        self.sent = b""

    def readinto(self, buffer):
        if not self.coming:
            return None
        piece = self.coming[0][:len(buffer)]
        self.coming[0] = self.coming[0][len(piece):]
        if not self.coming[0]:
            del self.coming[0]
        buffer[:len(piece)] = piece
        return len(piece)

    def write(self, data):
        self.sent += bytes(data[:self.takes])
        return min(len(data), self.takes) or None


def _client(packets, came):
    client = MQTTClient("", "")
    client.sock = packets
    client.set_callback(lambda topic, payload: came.append((topic, payload)))
    return client


def _all(packets, wire, turns=1000):
    """First bytes of the packets that come."""
    found = []
    for _ in range(turns):
        first = packets.receive(wire)
        if first is not None:
            found.append(first)
    return found


def _raises(call, *arguments):
    try:
        call(*arguments)
    except (ValueError, AssertionError) as problem:
        return str(problem) or "assert"
    return None


# ---- the packets ----


def test_packets_come_whole_however_they_are_cut():
    data = (CONNACK + publish(b"a/b", b"x" * 200) + PINGRESP + publish(b"t", b"") + SUBACK)
    for size in (1, 2, 3, 7, 100, 10_000):
        packets = mqtt.PacketSocket()
        wire = Wire(*[data[at:at + size] for at in range(0, len(data), size)])
        assert _all(packets, wire) == [0x20, 0x30, 0xD0, 0x30, 0x90], size


def test_umqtt_takes_messages_out_of_the_packets():
    came = []
    packets = mqtt.PacketSocket()
    client = _client(packets, came)
    wire = Wire(publish(b"a/Set/Mode", b"Solar") + publish(b"b", b"", 0x32, b"\0\7")
                + PINGRESP + publish(b"c", b"\xff\0"))
    for expected in (0x30, 0x32, 0xD0, 0x30):
        assert packets.receive(wire) == expected
        client.wait_msg()
    assert came == [(b"a/Set/Mode", b"Solar"), (b"b", b""), (b"c", b"\xff\0")]
    packets.send(wire)
    assert wire.sent == b"\x40\2\0\7"  # who asks for a receipt gets it


def test_the_longest_packet_and_one_that_is_longer():
    came = []
    packets = mqtt.PacketSocket()
    client = _client(packets, came)
    longest = publish(b"t", b"y" * 250)
    assert len(longest) == 256
    for data in (publish(b"t", b"n" * 251), publish(b"t", b"n" * 100_000)):
        for size in (1, 250, 255, 256, 257, 4000):
            wire = Wire(data[:size], data[size:] + longest)
            found = []
            while 0x30 not in found:
                found += _all(packets, wire, 1)
            assert found == [0, 0x30], (len(data), size)
            client.wait_msg()
            assert came.pop() == (b"t", b"y" * 250)


def test_what_is_no_packet_is_told_from_one():
    packets = mqtt.PacketSocket()
    assert _raises(packets.receive, Wire(b"\x30\xff\xff\xff\xff\x7f")) == NOT_MQTT
    packets.reset()
    assert _raises(packets.receive, Wire(b"")) == "the broker has closed the connection"
    for data in (packet(0x30), packet(0x30, b"\0"), packet(0x30, b"\0\5abcd"),
                 packet(0x32, b"\0\1a\0"), packet(0xD0, b"\0"), packet(0x34, b"\0\1a\0\1")):
        packets.reset()
        wire = Wire(data)
        packets.receive(wire)
        assert _raises(_client(packets, []).wait_msg), data


def test_garbage_raises_nothing_else_and_leaves_nothing():
    random.seed(7)
    for number in range(600):
        packets = mqtt.PacketSocket()
        client = _client(packets, [])
        data = bytes(random.getrandbits(8) for _ in range(random.randrange(700)))
        if number % 2:
            data = b"\x30" + data
        wire = Wire(*[data[at:at + 100] for at in range(0, len(data), 100)])
        try:
            for _ in range(100):
                first = packets.receive(wire)
                if first and first >> 4 == 3:
                    client.wait_msg()
        except (ValueError, AssertionError):
            pass
        packets.reset()
        assert _all(packets, Wire(SUBACK)) == [0x90]


def test_what_is_written_goes_in_the_pieces_the_socket_takes():
    packets = mqtt.PacketSocket()
    client = _client(packets, [])
    client.publish(b"a/b", b"12", True)
    client.ping()
    wire = Wire(takes=3)
    assert packets.room() == 256 - 11
    assert [packets.send(wire) for _ in range(5)] == [False, False, False, True, True]
    assert wire.sent == b"\x31\x07\0\3a/b12\xc0\0"
    client.disconnect()
    assert packets.send(Wire(takes=0)) is None and packets.room() == 254


def test_a_long_payload_goes_last_and_in_pieces_too():
    packets = mqtt.PacketSocket()
    client = _client(packets, [])
    client.ping()
    wire = Wire(takes=100)
    client.publish(b"a/config", b"0123456789" * 90, True)
    assert packets.room() == 0
    assert _raises(client.ping) == "the broker takes nothing"
    turns = 0
    while not packets.send(wire):
        turns += 1
    assert wire.sent == b"\xc0\0" + publish(b"a/config", b"0123456789" * 90, 0x31)
    assert turns == 9 and packets.room() == 256
    client.ping()
    assert packets.send(wire) and wire.sent[-4:] == b"89\xc0\0"


# ---- the link ----


def test_the_first_words_name_the_will_and_no_user():
    async def run(site):
        await site.linked()
        assert site.broker.packets[0] == (
            0x10, (b"\0\4MQTT\4\x26\0\x0f\0\x0eSmartEVSE-4711\0\x18SmartEVSE-4711/connected"
                   b"\0\7offline"))
        assert site.broker.packets[1] == (
            0x82, b"\0\1\0\x14SmartEVSE-4711/Set/#\0\0\x14homeassistant/status\0")
        assert site.broker.packets[2] == (0x31, b"\0\x18SmartEVSE-4711/connectedonline")
        assert site.link.state == "connected" and not site.link.problem
        assert site.facts.connects == site.link.links == 1

    with_site(run)


def test_the_first_words_with_a_user_and_a_long_prefix():
    async def run(site):
        await site.linked()
        body = site.broker.packets[0][1]
        assert body[7] == 0xE6 and len(body) > 128
        assert body.endswith(b"\0\x05J\xc3\xb6rg\0\x14" + 10 * b"p/")
        assert b"/connected\0\7offline" in body and ("p" * 63).encode() in body
        assert site.facts.prefix == "p" * 63

    with_site(run, mqtt_user="J\xf6rg", mqtt_password=10 * "p/", mqtt_prefix="p" * 63)


def test_first_words_longer_than_the_buffer():
    async def run(site):
        await site.linked()
        assert len(site.broker.packets[0][1]) > 256
        body = site.broker.packets[0][1]
        assert body.endswith(b"\0\x80" + 64 * b"\xc3\xb6" + b"\0\x40" + 64 * b"p")

    with_site(run, mqtt_user=64 * "\xf6", mqtt_password=64 * "p", mqtt_prefix="p" * 63)


def test_a_user_without_a_password():
    async def run(site):
        await site.linked()
        body = site.broker.packets[0][1]
        assert body[7] == 0xA6 and body.endswith(b"\0\7offline\0\3eve")

    with_site(run, mqtt_user="eve")


def test_facts_are_told_in_order_as_they_are():
    FakeFacts.rounds = [[("p/State", "Charging", True), None, ("p/WiFiSSID", "Caf\xe9", False),
                         (b"h/config", b'{"a":1}', True)], [("p/State", "Ready", True)], []]

    async def run(site):
        await site.linked()
        await site.until(lambda: len(site.broker.messages()) == 4)
        assert site.broker.messages() == [
            ("p/State", "Charging", True), ("p/WiFiSSID", "Caf\xe9", False),
            ("h/config", '{"a":1}', True), ("p/State", "Ready", True)]
        assert site.link.sent == 4

    with_site(run)


def test_a_round_begins_once_a_second_and_soon_after_a_message():
    async def run(site):
        await site.linked()
        await site.until(lambda: site.facts.begun == 1)
        begin = site.clock.now()
        await site.until(lambda: site.facts.begun == 2)
        assert site.clock.now() - begin & 0x3FFFFFFF > 900
        begin = site.clock.now()
        await site.broker.say(publish(b"SmartEVSE-4711/Set/Mode", b"Smart"))
        await site.until(lambda: site.facts.begun == 3)
        assert site.facts.came == [(b"SmartEVSE-4711/Set/Mode", b"Smart")]
        assert site.clock.now() - begin & 0x3FFFFFFF < 900

    with_site(run)


def test_old_messages_and_long_ones_are_passed_over():
    async def run(site):
        await site.linked()
        await site.broker.say(publish(b"p/Set/RFID", b"112233445566", 0x31)
                              + publish(b"p/Set/Mode", b"x" * 2000) + publish(b"t", b"now"))
        await site.until(lambda: site.link.taken)
        assert site.facts.came == [(b"t", b"now")]
        assert site.link.ignored == 2 and site.link.taken == 1

    with_site(run)


def test_long_facts_are_told_among_short_ones():
    FakeFacts.rounds = [[(letter, letter * size, True) for letter, size in (
        ("a", 980), ("b", 1), ("c", 246), ("d", 249), ("e", 4000), ("f", 3))], []]

    async def run(site):
        await site.linked()
        await site.until(lambda: len(site.broker.messages()) == 6)
        assert site.broker.messages() == [(topic, payload, True)
                                          for topic, payload, _ in FakeFacts.rounds[0]]

    with_site(run)


def test_a_broker_that_reads_nothing_gets_no_more_than_it_takes():
    FakeFacts.rounds = [[("t", "x" * 900, False)] * 100_000]

    async def run(site):
        site.broker.greets = False
        await site.begin()
        await site.until(lambda: site.broker.packets)
        await site.broker.say(CONNACK)
        await site.until(lambda: site.broker.packets[1:])
        site.broker.reads = False
        await site.broker.say(SUBACK)
        await site.until(lambda: site.link.connected)
        pulled = -1
        while pulled != site.facts.pulled:  # until all buffers are full
            pulled = site.facts.pulled
            await mqtt.asyncio.sleep_ms(200)
        assert 0 < pulled < 100_000
        # It says something now and then, but does not read: that is no link.
        async def chatter():
            while site.link.connected:
                await site.broker.say(PINGRESP)
                await mqtt.asyncio.sleep_ms(5)

        task = mqtt.asyncio.create_task(chatter())
        assert await site.problem(500) == "the broker does not answer"
        await task
        assert site.facts.pulled < 100_000  # what the network takes grows a little with time

    with_site(run)


def test_why_a_broker_refuses_is_told():
    words = ("speak MQTT 3.1.1", "like our name", "work now", "know this user and password",
             "let this user in with this password", "let this user in with this password")
    for code in range(1, 7):
        async def run(site):
            site.broker.greets = False
            await site.begin()
            await site.until(lambda: site.broker.packets)
            await site.broker.say(packet(0x20, bytes((0, code))))
            assert await site.problem() == "the broker does not " + words[code - 1]
            assert not site.link.connected and not site.link.links

        with_site(run)


def test_a_broker_that_does_not_let_us_listen_is_told_of_but_used():
    FakeFacts.rounds = [[("t", "1", False)], []]

    async def run(site):
        site.broker.greets = False
        await site.begin()
        await site.until(lambda: site.broker.packets)
        await site.broker.say(CONNACK)
        await site.until(lambda: site.broker.packets[1:])
        await site.broker.say(packet(0x90, b"\0\1\x80\0"))
        await site.until(site.broker.messages)
        assert site.link.connected and "listen" in site.link.problem

    with_site(run)


def test_who_speaks_out_of_turn_is_no_broker():
    for words in (SUBACK, publish(b"t", b"x"), PINGRESP, packet(0x20, b"\0"), b"HTTP/1.1 400 " * 9,
                  packet(0x90, b"\0\0"), packet(0x20, b"\0\0\0"), CONNACK + packet(0x10),
                  CONNACK + CONNACK, CONNACK + SUBACK + SUBACK,
                  CONNACK + packet(0x30, b"x" * 20)):
        async def run(site):
            site.broker.greets = False
            await site.begin()
            await site.until(lambda: site.broker.packets)
            await site.broker.say(words)
            assert await site.problem() == NOT_MQTT, words

        with_site(run)


def test_silence_at_any_step_ends_the_link():
    for steps in range(3):
        async def run(site):
            site.broker.greets = False
            await site.begin()
            for words in (CONNACK, SUBACK)[:steps]:
                count = len(site.broker.packets)
                await site.until(lambda: len(site.broker.packets) > count)
                await site.broker.say(words)
            await site.until(lambda: site.link.connected == (steps == 2))
            assert await site.problem(500) == "the broker does not answer", steps

        with_site(run)


def test_drops_of_a_packet_are_no_sign_of_life():
    async def run(site):
        await site.linked()
        await site.broker.say(b"\x30\x7f")

        async def drip():
            while site.link.connected:
                await site.broker.say(b"\0")
                site.clock.skip(500)
                await mqtt.asyncio.sleep_ms(60)

        task = mqtt.asyncio.create_task(drip())
        assert await site.problem() == "the broker does not answer"
        await task

    with_site(run)


def test_answers_to_pings_keep_the_link():
    async def run(site):
        await site.linked()
        begin = site.clock.now()
        for number in range(1, 7):
            await site.until(lambda: site.broker.packets.count((0xC0, b"")) == number, 100)
            # One at a time, and often enough for a keep-alive of 15 s.
            assert 6500 * number <= (site.clock.now() - begin & 0x3FFFFFFF) < 12_000 * number
            await site.broker.say(PINGRESP)
        assert site.link.connected and site.broker.count == 1

    with_site(run)


def test_a_broker_that_is_not_there():
    async def run(site):
        site.settings["mqtt_port"] = 1
        await site.begin()
        assert await site.problem() == "no connection to 127.0.0.1:1"
        assert site.names.doubted == ["127.0.0.1"]

    with_site(run)


def test_a_name_that_nobody_knows():
    async def run(site):
        await site.begin()
        assert await site.problem() == "no address is known for broker.local"
        site.names.known["broker.local"] = "127.0.0.1"
        await site.until(lambda: site.link.connected, 100)

    with_site(run, mqtt_host="broker.local")


def test_the_link_comes_back_with_all_facts_anew():
    FakeFacts.rounds = [[("t", "all", False)], []]

    async def run(site):
        await site.linked()
        await site.until(site.broker.messages)
        site.broker.hang_up()
        assert await site.problem() == "the broker has closed the connection"
        await site.until(lambda: site.broker.count == 2 and site.broker.messages(), 20)
        assert site.link.links == site.facts.connects == 2 and not site.link.problem
        assert len(FakeFacts.made) == 1

    with_site(run)


def test_pauses_grow_up_to_half_a_minute_with_dice():
    async def run(site):
        site.broker.greets = False
        await site.begin()
        pauses = []
        for number in range(8):
            await site.until(lambda: site.broker.count > number)
            await site.broker.say(SUBACK)
            await site.problem()
            begin = site.clock.now()
            await site.until(lambda: site.link.state == "connecting", 250)
            pauses.append(site.clock.now() - begin & 0x3FFFFFFF)
        for number, pause in enumerate(pauses):
            base = min(2000 << number, 32_000)
            assert base // 2 <= pause < base + 4000, (number, pauses)
        await site.until(lambda: site.broker.count > 8)
        # A link that held for a while is tried again at once.
        site.clock.skip(10_000)
        await site.broker.say(CONNACK)
        await site.until(lambda: site.broker.packets[1:])
        await site.broker.say(SUBACK)
        for _ in range(6):
            site.clock.skip(10_000)
            await site.broker.say(PINGRESP)
            await mqtt.asyncio.sleep_ms(100)
        site.broker.hang_up()
        await site.problem()
        begin = site.clock.now()
        await site.until(lambda: site.link.state == "connecting", 50)
        assert site.clock.now() - begin & 0x3FFFFFFF < 6000

    with_site(run)


def test_it_can_be_told_to_try_at_once():
    async def run(site):
        site.settings["mqtt_port"] = 1
        await site.begin()
        await site.until(lambda: len(site.names.doubted) == 4, 100)
        await site.until(lambda: site.link.state == "waiting")
        begin = site.clock.now()
        site.link.retry()
        assert site.link.state == "connecting" and not site.link.problem
        await site.until(lambda: site.link.state == "waiting")
        assert site.link.problem and len(site.names.doubted) == 5
        assert site.clock.now() - begin & 0x3FFFFFFF < 3000
        # Other settings count from then on, and a link that stands is made anew.
        site.settings["mqtt_port"] = site.broker.port
        site.link.retry()
        await site.until(lambda: site.link.connected)
        assert site.broker.count == 1
        site.link.retry()
        assert site.link.state == "connecting" and not site.link.connected
        await site.until(lambda: site.link.connected)
        assert site.broker.count == 2 and site.link.links == 2 and not site.link.problem

    with_site(run)


def test_told_so_in_the_middle_of_a_try_it_tries_anew():
    async def run(site):
        site.broker.greets = False  # it takes the connection and says nothing
        await site.begin()
        await site.until(lambda: site.broker.packets)
        begin = site.clock.now()
        site.broker.greets = True
        site.link.retry()
        await site.until(lambda: site.link.connected)
        assert site.broker.count == 2 and not site.link.problem
        assert site.clock.now() - begin & 0x3FFFFFFF < 3000

    with_site(run)


def test_without_a_host_it_says_goodbye_and_ends():
    async def run(site):
        await site.linked()
        site.settings["mqtt_host"] = ""
        await site.until(site.task.done)
        await site.until(lambda: not site.broker.open)
        assert site.broker.packets[-2:] == [
            (0x31, b"\0\x18SmartEVSE-4711/connectedoffline"), (0xE0, b"")]
        assert site.link.state == "off" and not site.link.connected
        assert not [topic for topic, _, _ in site.broker.messages() if topic == "gone/config"]

    with_site(run)


def test_a_new_prefix_takes_the_old_facts_away():
    FakeFacts.last = [("old/%d/config" % number, "", True) for number in range(70)]

    async def run(site):
        await site.linked()
        site.settings["mqtt_prefix"] = "garage"
        await site.until(lambda: site.broker.count == 2 or site.broker.packets[-1][0] == 0xE0)
        await site.until(lambda: site.broker.count == 2 and site.link.connected)
        assert [facts.prefix for facts in FakeFacts.made] == ["SmartEVSE-4711", "garage"]
        assert b"garage/Set/#" in site.broker.packets[1][1]

    with_site(run)


def test_the_old_facts_go_before_the_last_words():
    FakeFacts.last = [("old/%d/config" % number, "", True) for number in range(70)]

    async def run(site):
        await site.linked()
        site.broker.close()  # the next connection finds nobody
        site.settings["mqtt_prefix"] = "garage"
        await site.until(lambda: not site.broker.open)
        assert site.broker.messages()[-70:] == FakeFacts.last
        assert [first for first, _ in site.broker.packets[-2:]] == [0x31, 0xE0]

    with_site(run)


def test_other_settings_are_tried_at_once():
    async def run(site):
        site.settings["mqtt_port"] = 1
        await site.begin()
        await site.until(lambda: len(site.names.doubted) == 4, 100)
        site.settings["mqtt_port"] = site.broker.port
        site.settings["mqtt_user"] = "eve"
        begin = site.clock.now()
        await site.until(lambda: site.link.connected)
        assert site.clock.now() - begin & 0x3FFFFFFF < 3000

    with_site(run)
