"""Stands for MicroPython's onewire module: a reader on a line, its card and what disturbs them."""

line = {"card": None, "log": []}


class OneWire:
    """The bus master; ``line["card"]`` is what the reader sends, None without a card."""

    def __init__(self, pin):
        self.pin = pin
        line["log"].append(("open", pin.number))

    def reset(self, required=False):
        line["log"].append(("reset",))
        return self.pin.value() == 0 or line["card"] is not None

    def writebyte(self, value):
        line["log"].append(("write", value))

    def readinto(self, buf):
        for i in range(len(buf)):
            buf[i] = line["card"][i] if self.pin.value() else 0

    @staticmethod
    def crc8(data):
        crc = 0
        for byte in data:
            crc ^= byte
            for _ in range(8):
                crc = crc >> 1 ^ 0x8C if crc & 1 else crc >> 1
        return crc
