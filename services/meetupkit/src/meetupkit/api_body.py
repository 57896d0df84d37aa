"""Reads the body of a request to an API within bounds: so many bytes, in so many seconds."""

import asyncio

from starlette.requests import ClientDisconnect, Request


class TooLarge(Exception):  # noqa: N818  (named for what the body is)
    """The body is larger than is taken."""


class TooSlow(Exception):  # noqa: N818
    """The body did not arrive in time."""


class CutOff(Exception):  # noqa: N818
    """The sender has gone before its body's end."""


async def read_body(request: Request, *, limit: int, seconds: float) -> bytes:
    """The whole body; never holds more than ``limit`` bytes and one chunk. Raises the three above."""
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
    except TimeoutError:
        raise TooSlow from None
    except ClientDisconnect:
        raise CutOff from None
    return bytes(body)
