"""Updates to try: a key of the tests' own, a bundle of any files, and what becomes of it."""

import asyncio
import json
import os
import sys
from binascii import hexlify
from hashlib import sha256

from evse import update
from helpers_net import FakeCommand, FakeStatus

# The key's two primes, the private exponents by them, and the second's inverse by the first.
P = int(
    "f33da590b1f227bb05407d743244fb78e82f95375bf47356b18706c5161aeffbe067807f93a4371472b87759"
    "5d5d2565a1c64276b2b71311c37929dbd3b8727f56baa89527e34000a22f95d42af1e1e64ddc7f970bc0e7d9"
    "e2ad00e78991fa9c3c88a176b8d5e48577f4375b915b2a69565685f2624b9bd36e872c9912b0da51", 16)
Q = int(
    "d2f9de7938f75d4b8da9cbee96ff35194527e9934b219b31e810c72a45098707c2d3f3b5c709a7b8f86fecf5"
    "475f8abe87014f67d064e6ae6efe8541e54fe498378a99168402a5bfac75805db3dc2108d934b5c805b1eed5"
    "cc647ab06e8d7f6262965b38444a74a17f934cd16b140259cfe241bc999f5aafe99165443360431b", 16)
BY_P = int(
    "96270ff56a6399b31162e60ebc9968c312518d434738779aa4ac3db99c13b4e13f7da50d1c0edb117c5ff30c"
    "ef5d78a06c64fed257303c4d52e590b96ad1099d21e4c7fc8b4af54f6ecf01269ffc00ff32415361e2978a88"
    "2e2dadc9405b24e11d5d1a8f373a927ef1b58816b67c188a3e09db55ece7cfa18d31548e89c33281", 16)
BY_Q = int(
    "aee7afe4d7b15b8b137abd32a3c41805472bfb9cbd20b345009b484266d1ab3c67ecc792dfdbc54cb7ca32ac"
    "75eb635ee915d0fac3eda2c0e20be7f5e56202a59f062c3c5a5cc784cc38ed9ec149b1a960492e9b10fd9e7f"
    "68dfb447289fee0766ac381bc1a1e8672b18b70ab6b6f3ebf9481e2f793c7f366f70b67f80084219", 16)
INVERSE = int(
    "c12275242971a16a04a9114788f7d807ed1ddf162db6805935f80b738ce0283667ebefae2a7ce914e6472f1d"
    "908df72ed46c8926e9fe0561c4509f199e782533cd1ba4b75fb25dfc5254ded6b44512499c66e9108fb04be0"
    "61d488443a82fb65d188efeb2867f89ae29f94fc8c67e245bb7b54dd9fcc9cec75fe7ce0145897c0", 16)
MODULUS = P * Q
# Each file of tests has its own: they may run side by side.
FOLDER = "/tmp/microevse-" + sys.argv[2].rpartition("/")[2].partition(".")[0]
FILES = {"modules": b"", "evse/app.mpy": bytes(range(256)) * 33, "main.mpy": b"M",
         "evse/bus/meters.json": b"{}", "web/empty.gz": b"", "notes.txt": b"New.\n"}
PATH = "/api/v1/update"
# What the door of updates commands: name, value, source, and what the display shows then.
BEGUN = ("update", "begin", "REST", None)
WRITTEN = ("update", "written", "update", None)
FAILED = ("update", "failed", "update", None)


def padded(digest, size=256):
    """What is signed: PKCS #1 1.5, as a number."""
    info = bytes((0x30, 0x31, 0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 32))
    data = info + digest
    return int.from_bytes(b"\0\1" + b"\xff" * (size - 3 - len(data)) + b"\0" + data, "big")


def signed(number):
    """The signature of a padded digest."""
    # By each prime alone, which takes a quarter of the time.
    two = pow(number % Q, BY_Q, Q)
    one = pow(number % P, BY_P, P)
    return (two + Q * ((one - two) * INVERSE % P)).to_bytes(256, "big")


def in_order(files):
    """The names of ``files``, the list of modules first."""
    return sorted(files, key=lambda name: (name != "modules", name))


def manifest_of(files, **lies):
    """A manifest of ``files``; ``lies`` replace the entry of a file."""
    lines = []
    for name in in_order(files):
        data = files[name]
        entry = [len(data), hexlify(sha256(data).digest()).decode()]
        lines.append("%s:%s" % (json.dumps(name), json.dumps(lies.get(name, entry))))
    return ('{"board":"sim","version":"v4.1.0","files":{\n%s\n}}\n'
            % ",\n".join(lines)).encode()


def bundle(files=None, manifest=None, head=None):
    """(bundle, where its body begins); ``head`` goes over what its head would say."""
    files = FILES if files is None else files
    manifest = manifest_of(files) if manifest is None else manifest
    body = manifest + b"".join(files[name] for name in in_order(files))
    told = {"board": "sim", "version": "v4.1.0", "bytes": len(body),
            "manifest": [len(manifest), hexlify(sha256(manifest).digest()).decode()]}
    told.update(head or {})
    head = json.dumps(told).encode()
    start = b"microevse-update 1 %d 256\n" % len(head) + head + signed(
        padded(sha256(head).digest()))
    return start + body, len(start)


def tree(folder):
    """Path -> bytes of all below ``folder``, {} when it is not there."""
    found = {}
    try:
        entries = list(os.ilistdir(folder))
    except OSError:
        return found
    for entry in entries:
        path = folder + "/" + entry[0]
        if entry[1] == 0x4000:
            for name, data in tree(path).items():
                found[entry[0] + "/" + name] = data
        else:
            with open(path, "rb") as file:
                found[entry[0]] = file.read()
    return found


def fresh():
    """An empty FOLDER."""
    asyncio.run(update.forget(FOLDER))
    os.mkdir(FOLDER)
    os.mkdir(FOLDER + "/data")
    return FOLDER


def receive(data, folder, keys=(MODULUS,), carried="", step=256, free=1 << 20, unsigned=False):
    """Take a bundle that comes in pieces into ``folder``; returns the Update."""
    left = [data]

    async def read():
        piece = left[0][:step]
        left[0] = left[0][step:]
        await asyncio.sleep_ms(0)
        return piece

    async def take():
        one = update.Update(read)
        await one.open(keys, unsigned)
        await one.write(folder, carried, FOLDER + "/data", free)
        return one

    return asyncio.run(take())


class Status(FakeStatus):
    """A charger at rest that runs slot a, whose own key is that of the tests."""

    charging = False
    update = names = None
    updated = ""
    trial_s = 0
    slot = "a"

    def __init__(self):
        super().__init__()
        self.root = self.directory = fresh()
        self.values["trust_lan"] = "Enabled"
        with open(self.root + "/update.key", "w") as file:
            file.write("%x" % MODULUS)


class Command(FakeCommand):
    """Notes with each command what the display would show then."""

    def __init__(self, status, **options):
        super().__init__(**options)
        self.status = status

    def __call__(self, name, value, source):
        super().__call__(name, value, source)
        self.calls[-1] += (self.status.update,)


def put_back(module):
    """Have the next who wants this rare module get the very one that was changed here."""
    package, _, name = module.__name__.rpartition(".")
    sys.modules[module.__name__] = module
    setattr(sys.modules[package], name, module)
