"""Who may bring an alert."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from meetupkit.http.bearer import basic_credentials, credentials, equal


class Unauthenticated(Exception):
    """Nobody we know: 401."""


class Forbidden(Exception):
    """Somebody we know, who may not do this: 403."""


class CannotCheck(Exception):
    """Whether it is somebody we know cannot be told now: 503, so that the sender tries again."""


Check = Callable[[str], Awaitable[None]]
"""Given the ``Authorization`` header, returns, or raises one of the above. Runs in the event loop: never blocks."""


class BearerTokens(Protocol):
    """Checks tokens that a signer made."""

    async def check(self, token: str) -> None: ...


def shared_secret(*, token: str | None, user: str, password: str | None) -> Check:
    """Bearer token or basic auth, each where it is set; compared in constant time."""

    async def check(header: str) -> None:
        if token and equal(credentials("bearer", header), token):
            return
        if password is not None and equal(basic_credentials(header), f"{user}:{password}"):
            return
        raise Unauthenticated("the bearer token or the password is missing or wrong")

    return check


def signed_by(tokens: BearerTokens) -> Check:
    """A bearer token that ``tokens`` finds good."""

    async def check(header: str) -> None:
        token = credentials("bearer", header)
        if not token:
            raise Unauthenticated("a bearer token is missing")
        await tokens.check(token)

    return check


async def nobody(_header: str) -> None:
    """For a path that has no credentials set."""
    raise Forbidden("this path is closed: no credentials are set for it")


async def anybody(_header: str) -> None:
    """For emulators, which bring no token."""
