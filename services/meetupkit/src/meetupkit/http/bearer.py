"""Secrets in the ``Authorization`` header, compared in constant time."""

import base64
import binascii
import hmac


def credentials(scheme: str, header: str) -> str:
    """What follows the scheme, which is told in any case (RFC 9110, section 11.1); empty for another scheme."""
    given, _, rest = header.partition(" ")
    return rest.strip() if given.lower() == scheme else ""


def basic_credentials(header: str) -> str:
    """``user:password`` of basic auth; empty if there is none that can be read."""
    try:
        return base64.b64decode(credentials("basic", header), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def equal(given: str, expected: str) -> bool:
    """Whether they are the same, found out in a time that does not tell where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())
