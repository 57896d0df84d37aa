"""The private key that the JWT flow signs with, as text and as what signs."""

from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key


@lru_cache(1)
def read_private_key(text: str) -> RSAPrivateKey:
    """An RSA key in PEM; raises ``ValueError`` that says nothing of the key.

    Read once: its primes are checked, which takes longer than to sign with it.
    """
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except Exception:  # noqa: BLE001  (the libraries below raise many kinds; their texts may hold parts of the key)
        key = None
    if isinstance(key, RSAPrivateKey):
        return key
    raise ValueError("must be a private RSA key in PEM")
