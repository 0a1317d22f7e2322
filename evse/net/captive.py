"""The name server of the network for the set-up: every name is the charger.

So a phone that joins finds the page by itself, and without any internet.
"""

import select
import socket

from micropython import const

_PACKET_MAX = const(512)
_PER_TURN = const(4)
_ASKED = const(16)  # labels of one name
_TTL_S = const(b"\0\0\0\x01")  # they are to forget it once they are in another network


def answer(data, address):
    """Return the packet that answers the question ``data`` by ``address``, None for no question.

    Whoever asks for more than an IPv4 address is told that there is none.
    """
    # One plain question and nothing else of importance: response, opcode and cut bits clear.
    if len(data) < 17 or data[2] & 0xFA or data[4] or data[5] != 1:
        return None
    at = 12
    for _ in range(_ASKED):
        if at >= len(data) or data[at] > 63:
            return None
        if not data[at]:
            break
        at += data[at] + 1
    else:
        return None
    end = at + 5
    if end > len(data):
        return None
    known = data[at + 1:end] == b"\0\x01\0\x01"
    reply = bytearray(data[:end])
    reply[2:12] = bytes((0x84 | data[2] & 1, 0x80, 0, 1, 0, known, 0, 0, 0, 0))
    if known:
        reply.extend(b"\xC0\x0C\0\x01\0\x01" + _TTL_S + b"\0\x04")
        reply.extend(bytes([int(part) for part in address.split(".")]))
    return reply


class Captive:
    """Answers on ``host`` and ``port`` that everything is at ``address``.

    Without a socket the page has to be opened by hand.
    """

    def __init__(self, address, host, port):
        self._address = address
        self._poller = select.poll()
        self._socket = None
        try:
            self._socket = sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setblocking(False)
            sock.bind(socket.getaddrinfo(host, port)[0][-1])
            self._poller.register(sock, select.POLLIN)
        except OSError as problem:
            print("portal's name server:", problem)

    def poll(self):
        """Answer whoever has asked, a few at a time."""
        try:
            for _ in range(_PER_TURN):
                if not self._poller.poll(0):
                    return
                data, peer = self._socket.recvfrom(_PACKET_MAX)
                reply = answer(data, self._address)
                if reply:
                    self._socket.sendto(reply, peer)
        except OSError:
            pass  # the asker is gone

    def close(self):
        """Answer nobody any more."""
        if self._socket:
            self._socket.close()
