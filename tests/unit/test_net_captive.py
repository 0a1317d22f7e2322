"""The name server of the set-up network, and the fixed address."""

import helpers_dns as dns
from evse.net import captive, fixed

HEAD = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0"


def _asked(name="connectivity.example", kind=1, group=1, head=HEAD, tail=b""):
    return head + dns.name(name) + bytes((0, kind, 0, group)) + tail


def test_every_name_is_the_charger():
    question = _asked()
    reply = bytes(captive.answer(question, "192.168.4.1"))
    assert reply[:12] == b"\x12\x34\x85\x80\0\1\0\1\0\0\0\0"
    assert reply[12:len(question)] == question[12:]
    assert reply[len(question):] == b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\xc0\xa8\4\1"


def test_there_is_nothing_else_to_know():
    for question in (_asked(kind=28), _asked(kind=65), _asked(group=3)):
        reply = bytes(captive.answer(question, "192.168.4.1"))
        assert reply[4:12] == b"\0\1\0\0\0\0\0\0" and len(reply) == len(question)
    tail = b"\0\0\x29\x10\0\0\0\0\0\0\0"  # EDNS, which is left out of the answer
    head = HEAD[:11] + b"\1"
    reply = bytes(captive.answer(_asked(head=head, tail=tail), "192.168.4.1"))
    assert reply[6:12] == b"\0\1\0\0\0\0" and len(reply) == len(_asked()) + 16


def test_what_is_no_question_is_not_answered():
    question = _asked()
    for cut in range(len(question)):
        assert captive.answer(question[:cut], "192.168.4.1") is None
    for head in (b"\0\0\x81\0\0\1", b"\0\0\x28\0\0\1", b"\0\0\1\0\0\2", b"\0\0\1\0\1\1"):
        assert captive.answer(head + question[6:], "192.168.4.1") is None
    assert captive.answer(HEAD + b"\xc0\x0c" + bytes(8), "192.168.4.1") is None
    assert captive.answer(HEAD + b"\1a" * 40 + b"\0\0\1\0\1", "192.168.4.1") is None


def _refused(text):
    try:
        fixed.parse(text)
    except ValueError as problem:
        return str(problem)
    raise AssertionError(text)


def test_a_fixed_address():
    assert fixed.parse("192.168.1.50/24 192.168.1.1") == (
        "192.168.1.50", "255.255.255.0", "192.168.1.1", "192.168.1.1")
    assert fixed.parse(" 10.1.2.3/22  10.1.0.1 9.9.9.9") == (
        "10.1.2.3", "255.255.252.0", "10.1.0.1", "9.9.9.9")


def test_an_address_that_cannot_work_is_refused():
    for text in ("", "192.168.1.50", "192.168.1.50 192.168.1.1", "192.168.1.50/24",
                 "192.168.1.50/31 192.168.1.1", "192.168.1.50/7 192.168.1.1",
                 "192.168.1.50/x 192.168.1.1", "192.168.1.0/24 192.168.1.1",
                 "192.168.1.255/24 192.168.1.1", "192.168.1.50/24 192.168.2.1",
                 "192.168.1.50/24 192.168.1.50", "192.168.1.50/24 192.168.1.255",
                 "192.168.1.256/24 192.168.1.1", "192.168.1/24 192.168.1.1",
                 "192.168.1.1.1/24 192.168.1.1", "224.0.0.1/24 224.0.0.2",
                 "127.0.0.1/8 127.0.0.2", "0.0.0.1/8 0.0.0.2", "a.b.c.d/24 192.168.1.1",
                 "192.168.1.50/24 192.168.1.1 0.0.0.0", "1.2.3.4/24 1.2.3.1 1.1.1.1 x",
                 "192.168.1.-5/24 192.168.1.1", "192.168.1.0050/24 192.168.1.1"):
        assert _refused(text)
