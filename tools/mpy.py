"""Reads compiled modules: .mpy files of version 6, as mpy-cross writes them."""

VERSION = 6
BYTECODE, NATIVE, VIPER, ASSEMBLER = range(4)
_FUN_TABLE, _NONE, _FALSE, _TRUE, _ELLIPSIS, _STR, _BYTES, _INT, _FLOAT, _COMPLEX, _TUPLE = \
    range(11)
_PLAIN = {_NONE: None, _FALSE: False, _TRUE: True, _ELLIPSIS: Ellipsis}
_RELOCATIONS, _RODATA, _BSS = 0x10, 0x20, 0x40


class MachineCode:
    """Stands for the interpreter's table of functions, which only machine code refers to."""


class Code:
    """One function: ``kind``, its ``data`` (bytecode or machine code) and those it defines."""

    def __init__(self, kind, data, children):
        self.kind = kind
        self.data = data
        self.children = children

    @property
    def is_generator(self):
        """True when a call makes a generator: a bit in the signature that bytecode begins with."""
        return bool(self.data[0] & 0x80 and self.data[1] & 0x40)


class Module:
    """A compiled module.

    ``names`` holds a str for each name it uses, or the number of one that all interpreters know;
    ``constants`` Python values; ``code`` the function that runs when it is loaded.
    """

    def __init__(self, data):
        self._data = data
        self._at = 0
        magic, version, _, _ = self._take(4)
        if (magic, version) != (ord("M"), VERSION):
            raise ValueError("not a .mpy file of version %d" % VERSION)
        names, constants = self._number(), self._number()
        self.names = [self._name() for _ in range(names)]
        self.constants = [self._constant() for _ in range(constants)]
        self.code = self._code()
        if self._at != len(data):
            raise ValueError("more in the .mpy file than expected")

    def functions(self):
        """Yield every function of the module, itself first."""
        waiting = [self.code]
        while waiting:
            code = waiting.pop()
            yield code
            waiting += code.children

    def _take(self, count):
        self._at += count
        if self._at > len(self._data):
            raise ValueError("the .mpy file ends early")
        return self._data[self._at - count:self._at]

    def _number(self):
        value = 0
        while True:
            byte, = self._take(1)
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value

    def _name(self):
        length = self._number()
        if length & 1:
            return length >> 1
        return self._take((length >> 1) + 1)[:-1].decode()

    def _constant(self):
        kind, = self._take(1)
        if kind == _FUN_TABLE:
            return MachineCode
        if kind in _PLAIN:
            return _PLAIN[kind]
        length = self._number()
        if kind == _TUPLE:
            return tuple(self._constant() for _ in range(length))
        data = self._take(length)
        if kind in (_STR, _BYTES):
            self._take(1)
            return data.decode() if kind == _STR else data
        if kind in (_INT, _FLOAT):
            return (int if kind == _INT else float)(data)
        raise ValueError("a constant of kind %d in a .mpy file" % kind)

    def _code(self):
        head = self._number()
        kind = head & 3
        data = self._take(head >> 3)
        if kind == NATIVE:
            self._number()
        elif kind != BYTECODE:
            flags = self._number()
            if flags & _RELOCATIONS or kind == ASSEMBLER:
                raise ValueError("a .mpy file with linked machine code or assembler")
            rodata = self._number() if flags & _RODATA else 0
            if flags & _BSS:
                self._number()
            self._take(rodata)
        children = self._number() if head & 4 else 0
        return Code(kind, data, [self._code() for _ in range(children)])
