"""The setting static_ip: "192.168.1.50/24 192.168.1.1", and a name server where it is another."""


def _number(text):
    """An address as a number; ValueError for what is no address of one host."""
    parts = text.split(".")
    number = 0
    for part in parts:
        if not part.isdigit() or len(part) > 3 or int(part) > 255:
            raise ValueError("%s is no address" % text)
        number = number << 8 | int(part)
    first = number >> 24
    if len(parts) != 4 or not 0 < first < 224 or first == 127:
        raise ValueError("%s is no address of a host" % text)
    return number


def parse(text):
    """Return (address, mask, gateway, name server), or raise ValueError with a sentence.

    Without a name server it is the gateway.
    """
    words = text.split()
    if not 2 <= len(words) <= 3:
        raise ValueError("static_ip is written address/bits gateway, as 192.168.1.50/24 "
                         "192.168.1.1, with a name server after it if that is another")
    address, slash, bits = words[0].partition("/")
    if not slash or not bits.isdigit() or not 8 <= int(bits) <= 30:
        raise ValueError("the address needs /8 to /30 after it")
    hosts = (1 << 32 - int(bits)) - 1
    own = _number(address)
    if own & hosts in (0, hosts):
        raise ValueError("%s is not for a host in this network" % address)
    gateway = _number(words[1])
    if gateway | hosts != own | hosts or gateway == own or gateway & hosts in (0, hosts):
        raise ValueError("the gateway must be another host in the same network")
    _number(words[-1])
    mask = 0xFFFFFFFF ^ hosts
    return (address, ".".join([str(mask >> shift & 255) for shift in (24, 16, 8, 0)]), words[1],
            words[-1])
