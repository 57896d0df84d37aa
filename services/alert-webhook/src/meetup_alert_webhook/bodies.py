"""Reads a request's body within bounds: so many bytes, in so many seconds."""

import asyncio

from starlette.requests import ClientDisconnect, Request


class TooLarge(Exception):  # noqa: N818
    """The body is larger than is taken."""


class TooSlow(Exception):  # noqa: N818
    """The sender needs too long, or has gone."""


async def read_body(request: Request, *, limit: int, seconds: float) -> bytes:
    """The whole body; never holds more than ``limit`` bytes and one chunk of it."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > limit:
        raise TooLarge
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise TooLarge
    except (TimeoutError, ClientDisconnect):
        raise TooSlow from None
    return bytes(body)
