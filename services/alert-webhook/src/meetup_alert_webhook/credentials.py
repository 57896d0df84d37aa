"""Who may bring an alert."""

import base64
import binascii
import hmac
from collections.abc import Callable
from typing import Protocol


class Unauthenticated(Exception):  # noqa: N818
    """Nobody we know: 401."""


class Forbidden(Exception):  # noqa: N818
    """Somebody we know, who may not do this: 403."""


class CannotCheck(Exception):  # noqa: N818
    """Whether it is somebody we know cannot be told now: 503, so that the sender tries again."""


Check = Callable[[str], None]
"""Given the ``Authorization`` header, returns, or raises one of the above."""


class BearerTokens(Protocol):
    """Checks tokens that a signer made."""

    def check(self, token: str) -> None: ...


def shared_secret(*, token: str | None, user: str, password: str | None) -> Check:
    """Bearer token or basic auth, each where it is set; compared in constant time."""
    accepted = [f"Bearer {token}"] if token else []

    def check(header: str) -> None:
        if any(_equal(header, one) for one in accepted):
            return
        if password is not None and _equal(_basic(header), f"{user}:{password}"):
            return
        raise Unauthenticated("the bearer token or the password is missing or wrong")

    return check


def signed_by(tokens: BearerTokens) -> Check:
    """A bearer token that ``tokens`` finds good."""

    def check(header: str) -> None:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("a bearer token is missing")
        tokens.check(token.strip())

    return check


def nobody(_header: str) -> None:
    """For a path that has no credentials set."""
    raise Forbidden("this path is closed: no credentials are set for it")


def anybody(_header: str) -> None:
    """For emulators, which bring no token."""


def _basic(header: str) -> str:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())
