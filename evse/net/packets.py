"""The bytes of MQTT packets on their way in and out, between umqtt and a socket."""

from micropython import const

OUT_MAX = const(256)
_IN_MAX = const(256)
_SKIPS = const(8)  # pieces of a packet that is too long, in one turn
NOT_MQTT = "what the broker says is not MQTT"


class PacketSocket:
    """What MQTTClient takes for its socket: bytes to be sent, and one packet that has come.

    Payloads too long for the buffer, those for Home Assistant, are not copied but kept until they
    are sent. ValueError comes of a packet that cannot be what it claims.
    """

    def __init__(self):
        self._out = memoryview(bytearray(OUT_MAX))
        self._in = memoryview(bytearray(_IN_MAX))
        self.reset()

    def reset(self):
        """Forget all bytes, for a new connection."""
        self._filled = 0
        self._tail = None  # what comes after the filled part
        self._have = 0  # bytes that have come
        self._size = 0  # of the packet that is here as a whole, in front of them
        self._at = 0  # how far it has been read
        self._skip = 0  # bytes still to come of a packet that is too long

    def room(self):
        """How many bytes may be written that are not the last for now."""
        return 0 if self._tail else OUT_MAX - self._filled

    def write(self, data, count=-1):
        """Add ``data``, or its first ``count`` bytes; who writes sees to it that there is room."""
        if 0 <= count < len(data):
            data = data[:count]
        if len(data) > self.room():
            if self._tail:
                raise ValueError("the broker takes nothing")
            self._tail = memoryview(data)
        else:
            self._out[self._filled:self._filled + len(data)] = data
            self._filled += len(data)

    def read(self, count):
        """Return the next ``count`` bytes of the packet."""
        at = self._at
        self._at = end = at + count
        if end > self._size:
            raise ValueError(NOT_MQTT)
        return bytes(self._in[at:end])

    def close(self, _=False):
        """Do nothing: what has been written is still to be sent."""

    setblocking = close

    def send(self, sock):
        """Give ``sock`` what it takes; returns whether all is sent, None when it takes nothing."""
        filled, count = self._filled, 0
        if filled or self._tail:
            count = sock.write(self._out[:filled] if filled else self._tail)
            if not count:
                return None
        if filled:
            self._filled = filled = filled - count
            self._out[:filled] = self._out[count:filled + count]
        elif count:
            self._tail = self._tail[count:]
        return not filled and not self._tail

    def receive(self, sock):
        """Drop the packet that was here and take in what ``sock`` has.

        Returns the first byte of the next whole packet, None while there is none, 0 at the end of
        one that was too long.
        """
        buffer = self._in
        size, have = self._size, self._have
        if size:
            have -= size
            buffer[:have] = buffer[size:size + have]
            self._have = have
        self._size = self._at = 0
        if self._skip:
            return self._pass_over(sock)
        size = self._length()
        if size > have:
            self._have = have = have + self._more(sock, buffer[have:] if have else buffer)
            size = self._length()
        if size > _IN_MAX:
            self._skip = size - have
            self._have = 0
        elif size <= have:
            self._size = size
            return buffer[0]
        return None

    def _pass_over(self, sock):
        for _ in range(_SKIPS):
            self._skip -= self._more(sock, self._in[:self._skip])
            if not self._skip:
                return 0
        return None

    @staticmethod
    def _more(sock, where):
        count = sock.readinto(where)
        if count == 0:
            raise ValueError("the broker has closed the connection")
        return count or 0

    def _length(self):
        """Length of the packet in front, more than is here while that is not known."""
        length = 0
        have = self._have
        for at in range(1, 5):
            if at >= have:
                return have + 1
            byte = self._in[at]
            length |= (byte & 127) << 7 * at - 7
            if byte < 128:
                return at + 1 + length
        raise ValueError(NOT_MQTT)
