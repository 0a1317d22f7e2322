"""A packet of MQTT off a stream, on CPython and MicroPython alike."""


async def read_packet(reader):
    """(first byte, body) of the next packet."""
    first = (await reader.readexactly(1))[0]
    size = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        size |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return first, await reader.readexactly(size)
