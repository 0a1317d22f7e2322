"""The keys of updates: who holds the private one signs, each firmware carries the public one.

MICROEVSE_KEY (``make ... KEY=path``) is the path of an RSA key as PEM, the private one for
signing; for building the public one is enough. Without it a development key is made, once and for
this checkout: boards that were flashed from here then take updates from here. It is not in build/,
which is thrown away.
"""

import contextlib
import functools
import os
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "keys"
DEVELOPMENT = FOLDER / "development.pem"
EXPONENT = 65537
LEAST_BITS = 2048
MOST_BITS = 3072  # evse/update.py reads no more


class Problem(Exception):
    """The key cannot be used; the message says why."""


def _development():
    """Path of the development key, which is made if it is not there."""
    if not DEVELOPMENT.exists():
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        key = rsa.generate_private_key(EXPONENT, LEAST_BITS)
        FOLDER.mkdir(parents=True, exist_ok=True)
        # Two builds may be at this: whose is there first wins, and it is never there in part.
        with tempfile.NamedTemporaryFile(dir=FOLDER) as file:
            file.write(key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption()))
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(file.name, DEVELOPMENT)
    return DEVELOPMENT


def given():
    """Path of the key that was asked for, "" for the development key."""
    return os.environ.get("MICROEVSE_KEY", "")


@functools.cache
def _load(path):
    """The key in ``path``, private or public."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    try:
        data = Path(path).read_bytes()
    except OSError as problem:
        raise Problem("cannot read the key: %s" % problem) from None
    load = (serialization.load_pem_public_key if b"PUBLIC KEY" in data else
            functools.partial(serialization.load_pem_private_key, password=None))
    try:
        key = load(data)
    except (TypeError, ValueError) as problem:
        raise Problem("%s is no key: %s" % (path, problem)) from None
    public = key if load is serialization.load_pem_public_key else key.public_key()
    if (not isinstance(public, rsa.RSAPublicKey) or public.public_numbers().e != EXPONENT
            or not LEAST_BITS <= public.key_size <= MOST_BITS):
        raise Problem("%s must be an RSA key of %d to %d bits with the exponent %d"
                            % (path, LEAST_BITS, MOST_BITS, EXPONENT))
    return key


def trusted():
    """The public key that a firmware built now trusts, as it reads it: its modulus in hex."""
    key = _load(given() or str(_development()))
    return "%x\n" % (key.public_key() if hasattr(key, "sign") else key).public_numbers().n


def sign(data, path=None):
    """Sign ``data`` with the private key in ``path``, else with the one that was asked for."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    key = _load(str(path or given() or _development()))
    if not hasattr(key, "sign"):
        raise Problem("%s is a public key: signing takes the private one" % given())
    return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
