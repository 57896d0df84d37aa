"""``GET /2/<feed>``: an endless answer, one chunk per record, a bare newline where it was quiet; and the long poll."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final

from meetupkit.feeds import FEEDS
from meetupkit.http.asgi import Receive, Send

from meetup_gateway.failpoints import Failpoint, hit
from meetup_gateway.metrics import Metrics
from meetup_gateway.serving.queries import StreamQuery
from meetup_gateway.serving.responses import Response, head, stream_error
from meetup_gateway.serving.wakeup import Wakeup
from meetup_gateway.storage.log import Line, Log

_LOOK_SECONDS: Final = 1.0
"""Another process may append: its announcements do not reach this one."""
_LONG_POLL_SECONDS: Final = 25.0
"""As long as browsers' proxies leave a request alone."""
_HEADERS: Final = (("content-type", "application/json; charset=utf-8"), ("cache-control", "no-store"))


class Streams:
    """The feeds over one log."""

    def __init__(self, log: Log, wakeup: Wakeup, metrics: Metrics, *, heartbeat: float, most: int) -> None:
        self._log = log
        self._wakeup = wakeup
        self._metrics = metrics
        self._heartbeat = heartbeat
        self._most = most
        self._open = 0

    async def answer(self, feed: str, query: StreamQuery, receive: Receive, send: Send) -> None:
        """Serve one connection to its end."""
        if feed not in FEEDS:
            await stream_error(404, "not_found", "there is no such feed").send(send)
        elif self._open >= self._most:
            await stream_error(429, "connection_limit", f"at most {self._most} streams at once").send(send)
        else:
            await self._serve(feed, query, receive, send)

    async def _serve(self, feed: str, query: StreamQuery, receive: Receive, send: Send) -> None:
        self._open += 1
        self._metrics.streams.labels(feed).inc()
        work = self._poll(feed, query, send) if query.callback else self._stream(feed, query, send)
        tasks = [asyncio.ensure_future(work), asyncio.ensure_future(_gone(receive))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._open -= 1
            self._metrics.streams.labels(feed).dec()

    async def _stream(self, feed: str, query: StreamQuery, send: Send) -> None:
        selected = await asyncio.to_thread(self._selected, feed, query)  # who has the head misses nothing that follows
        await send(head(200, _HEADERS))
        await _chunk(send, b"")  # the head leaves at once, however quiet the feed is
        quiet_since = time.monotonic()
        async for lines in self._lines(feed, query, *selected):
            for line in lines:
                await _chunk(send, line.body + b"\n")
            if lines:
                self._metrics.lines.labels(feed).inc(len(lines))
                quiet_since = time.monotonic()
                hit(Failpoint.LINES_SENT)
            elif time.monotonic() - quiet_since >= self._heartbeat:
                await _chunk(send, b"\n")
                quiet_since = time.monotonic()
        await send({"type": "http.response.body", "body": b""})

    async def _lines(
        self, feed: str, query: StreamQuery, after: int, blocks: Iterator[Sequence[Line]]
    ) -> AsyncIterator[Sequence[Line]]:
        """The blocks, then what is appended after that row, and nothing now and then."""
        while lines := await asyncio.to_thread(next, blocks, None):
            yield lines
        while not self._wakeup.stopped:
            grown = self._wakeup.register()
            lines = await asyncio.to_thread(self._log.after, feed, after, query.event_ids)
            if lines:
                after = lines[-1].seq
                yield lines
            else:
                await _first(grown, min(_LOOK_SECONDS, self._heartbeat))
                yield ()
            self._wakeup.forget(grown)

    def _selected(self, feed: str, query: StreamQuery) -> tuple[int, Iterator[Sequence[Line]]]:
        """After which row it goes live, and what comes before that. ``trickle`` wins over ``since_*``."""
        if query.trickle:
            return self._log.end(feed), self._log.all_records(feed)
        if query.since_mtime is not None:
            if query.event_ids or query.since_mtime >= self._log.oldest():
                return self._log.since(feed, query.since_mtime), iter(())
            self._metrics.from_store.labels(feed).inc()
            return self._log.since(feed, query.since_mtime), self._log.forgotten(feed)
        if query.since_count is not None:
            return self._log.count_back(feed, max(0, query.since_count)), iter(())
        return self._log.end(feed), iter(())

    async def _poll(self, feed: str, query: StreamQuery, send: Send) -> None:
        """An array of what there is, at least one record or after some time none."""
        until = time.monotonic() + _LONG_POLL_SECONDS
        found: list[bytes] = []
        selected = await asyncio.to_thread(self._selected, feed, query)
        async for lines in self._lines(feed, query, *selected):
            found += [line.body for line in lines]
            if found or time.monotonic() > until:
                break
        body = b"%b([%b])" % ((query.callback or "").encode(), b",".join(found))
        await Response(200, body, content_type="text/javascript; charset=utf-8").send(send)


async def _chunk(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _gone(receive: Receive) -> None:
    """Return when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _first(grown: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(grown.wait(), seconds)
    except TimeoutError:
        return
