"""The page as an ASGI application: GET and HEAD, nothing else; a page is made in a thread."""

import asyncio
import gzip
import re
from dataclasses import replace
from typing import Final

from meetupkit.http.asgi import AsgiApp, Receive, Scope, Send

from meetup_insight.page.site import Answer, Site
from meetup_insight.serving.metrics import Metrics

_AT_ONCE: Final = 4
"""Pages made at once; each takes a tenth of a second of one processor."""
_WORTH_PACKING: Final = 1_400
"""Bytes that fit into one packet anyway."""
_LEVEL: Final = 5
"""Of gzip: 300 kB in 6 ms, to a seventh."""
_NOUGHT: Final = re.compile(r"0(\.0*)?")
"""A weight that refuses."""
_WAITING: Final = 64
"""Who comes when more than these wait is told to come again."""


def create_app(site: Site, metrics: Metrics) -> AsgiApp:
    """Over a site."""
    gate = asyncio.Semaphore(_AT_ONCE)
    waiting = [0]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001  (a page has no body to receive)
        if scope["method"] not in ("GET", "HEAD"):
            answer = Answer(
                405, "text/plain; charset=utf-8", b"GET and HEAD are answered here\n", (("Allow", "GET, HEAD"),)
            )
        elif waiting[0] >= _WAITING:
            answer = Answer(
                503, "text/plain; charset=utf-8", b"too many at once, come again\n", (("Retry-After", "2"),)
            )
        else:
            waiting[0] += 1
            try:
                async with gate:
                    answer = await asyncio.to_thread(_answered, site, scope)
            except Exception:  # a bug: the server logs it and answers 500; here it is only counted
                metrics.pages.labels("500").inc()
                raise
            finally:
                waiting[0] -= 1
        metrics.pages.labels(str(answer.status)).inc()
        await _send(answer, send, head=scope["method"] == "HEAD")

    return app


def _answered(site: Site, scope: Scope) -> Answer:
    """Packed, if whoever asks can unpack it."""
    answer = site.answer(scope["path"], scope["query_string"].decode("latin-1"))
    packed = any(name == "Content-Encoding" for name, _ in answer.headers)
    if packed or len(answer.body) < _WORTH_PACKING or not _takes_gzip(scope):
        return answer
    headers = (*answer.headers, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
    return replace(answer, body=gzip.compress(answer.body, _LEVEL, mtime=0), headers=headers)


def _takes_gzip(scope: Scope) -> bool:
    """Whether ``Accept-Encoding`` names it, and not to refuse it."""
    named = b",".join(value for name, value in scope["headers"] if name == b"accept-encoding").decode("latin-1")
    codings = (each.replace(" ", "").lower().partition(";q=") for each in named.split(","))
    return any(coding in ("gzip", "*") and not _NOUGHT.fullmatch(weight) for coding, _, weight in codings)


async def _send(answer: Answer, send: Send, *, head: bool) -> None:
    headers = [
        ("Content-Type", answer.content_type),
        ("Content-Length", str(len(answer.body))),
        *answer.headers,
    ]
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
    await send({"type": "http.response.body", "body": b"" if head else answer.body})
