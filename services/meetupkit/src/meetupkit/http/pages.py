"""The operational pages as an ASGI application, by itself or before an API on the same port.

However many ask, each page is made once at a time: those who come while it is being made share the next one. So a flood
of scrapes costs a few, and a probe is answered as long as the event loop turns.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from prometheus_client.exposition import choose_encoder

from meetupkit.http.asgi import AsgiApp, Receive, Scope, Send
from meetupkit.ops_pages import OPS_PATHS, OpsAnswer, OpsPages, sentence

_PAGE_SECONDS: Final = 5.0
"""A page is made in milliseconds; of one that hangs (its readiness may wait for a store) this is the answer."""
_ACCEPT: Final = 1024
"""Characters of an ``Accept`` header that are looked at."""


class PageApp:
    """``OPS_PATHS``; everything else goes to ``others``, or is not found."""

    def __init__(self, pages: OpsPages, others: AsgiApp | None = None) -> None:
        self._pages = pages
        self._others = others
        self._shared: dict[tuple[str, str], _Shared] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path not in OPS_PATHS and self._others:
            await self._others(scope, receive, send)
        elif path in OPS_PATHS and scope["method"] not in ("GET", "HEAD"):
            await _answer(sentence(405, "GET and HEAD are answered here"), send, (b"allow", b"GET, HEAD"))
        else:
            await _answer(await self._page(path, _accept(scope)), send)

    async def _page(self, path: str, accept: str) -> OpsAnswer:
        if path not in OPS_PATHS or path == "/livez":  # needs nobody: answered whatever hangs
            return self._pages.answer(path)
        variant = choose_encoder(accept)[1] if path == "/metrics" else ""
        shared = self._shared.setdefault((path, variant), _Shared())
        try:
            return await asyncio.wait_for(shared.next(lambda: self._pages.answer(path, accept)), _PAGE_SECONDS)
        except TimeoutError:
            return sentence(503, "this page takes too long to make")


class _Shared:
    """One thing made in a thread, for all who asked before it was begun."""

    def __init__(self) -> None:
        self._now: asyncio.Task[OpsAnswer] | None = None
        self._next: asyncio.Task[OpsAnswer] | None = None

    async def next(self, make: Callable[[], OpsAnswer]) -> OpsAnswer:
        """The first that is begun from now on."""
        if self._next is None:
            self._next = asyncio.create_task(self._make(make, self._now))
        return await asyncio.shield(self._next)

    async def _make(self, make: Callable[[], OpsAnswer], before: asyncio.Task[OpsAnswer] | None) -> OpsAnswer:
        if before:
            await asyncio.wait([before])
        self._now, self._next = self._next, None
        return await asyncio.to_thread(make)


def _accept(scope: Scope) -> str:
    found = [value for name, value in scope["headers"] if name == b"accept"]
    return bytes(found[0][:_ACCEPT]).decode("latin-1") if found else ""


async def _answer(answer: OpsAnswer, send: Send, *headers: tuple[bytes, bytes]) -> None:
    told = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", str(len(answer.body)).encode()),
        *headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": told})
    await send({"type": "http.response.body", "body": answer.body})
