"""The signing key of the stand-in's client: made on demand, so that none lies in a repository."""

import os
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

_BITS: Final = 2048
_OWNER_ONLY: Final = 0o600


def new_private_key() -> str:
    """An RSA key in PEM."""
    return (
        rsa.generate_private_key(public_exponent=65_537, key_size=_BITS)
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def public_key_of(private_key: str) -> str:
    """Its public half in PEM; raises ``ValueError``."""
    key = serialization.load_pem_private_key(private_key.encode(), password=None)
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def kept_at(path: Path) -> str:
    """The private key in the file; a new one is written there if there is no file."""
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
        with os.fdopen(descriptor, "w") as file:
            file.write(new_private_key())
    return path.read_text()
