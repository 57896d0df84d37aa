"""Reads the body of a request within bounds: so many bytes, in so many seconds, and so many bytes of all bodies."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request


class TooLarge(Exception):
    """The body is larger than is taken."""


class TooSlow(Exception):
    """The body did not arrive in time."""


class CutOff(Exception):
    """The sender has gone before its body's end."""


class NoRoom(Exception):
    """All bodies together would be larger than may be held."""


class BodyBudget:
    """Bytes of bodies held at once, those still arriving included; for one event loop.

    Bytes and not bodies are counted, so that slow senders, who have sent little, keep no other from being read.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0

    def take(self, octets: int) -> None:
        """Raises ``NoRoom``."""
        if self._held + octets > self._limit:
            raise NoRoom
        self._held += octets

    def give_back(self, octets: int) -> None:
        """They are held no longer."""
        self._held -= octets


async def read_body(
    request: Request, *, limit: int, seconds: float, take: Callable[[int], None] = lambda _octets: None
) -> bytes:
    """The whole body; never holds more than ``limit`` bytes and one chunk. ``take`` is told what comes, and may raise.

    Raises ``TooLarge``, ``TooSlow`` and ``CutOff``.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > limit:
        raise TooLarge
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                take(len(chunk))
                body += chunk
                if len(body) > limit:
                    break
    except TimeoutError:
        raise TooSlow from None
    except ClientDisconnect:
        raise CutOff from None
    if len(body) > limit:
        raise TooLarge
    return bytes(body)


@asynccontextmanager
async def held_body(request: Request, *, limit: int, seconds: float, budget: BodyBudget) -> AsyncIterator[bytes]:
    """The whole body, held on account of ``budget`` until the end of the block. Raises all of the above."""
    taken = 0

    def take(octets: int) -> None:
        nonlocal taken
        budget.take(octets)
        taken += octets

    try:
        yield await read_body(request, limit=limit, seconds=seconds, take=take)
    finally:
        budget.give_back(taken)
