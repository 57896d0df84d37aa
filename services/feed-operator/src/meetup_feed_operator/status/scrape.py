"""Reads ``/readyz`` and ``/metrics`` of stream pods: the I/O boundary of ``status``.

A pod runs the operator's image, and may be anything all the same: an answer has a bound and a deadline, is read as it
is, and leads nowhere else. What is cut is not read at all: half a line is another number.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import aiohttp
from meetupkit.foreign_text import printable

from meetup_feed_operator.metrics import Metrics
from meetup_feed_operator.resources.meetupfeed import Manifest
from meetup_feed_operator.status.metrics_page import Scrape, read_metrics

_SECONDS: Final = 3.0
"""A pod answers in milliseconds; one that takes longer is not well, and the next feed waits."""
_METRICS_BYTES: Final = 256 * 1024
"""A stream's page has some ten kilobytes."""
_SENTENCE_BYTES: Final = 4096
_SENTENCE_CHARS: Final = 500
_CONNECTIONS: Final = 32
_KEPT_SECONDS: Final = 0.5
"""From one page of a pod to its other; until the next scrape a thousand pods would have as many connections."""
_NO_TIMEOUT: Final = aiohttp.ClientTimeout(total=None)
"""Both pages have one deadline, whose clock is cheaper than a session's own."""
_OK: Final = 200
_NOT_READY: Final = 503


class UnreadableError(Exception):
    """A page is not what a stream's pages are; says how."""


class Scraper:
    """Belongs to one event loop; a pod's pages have so many ``seconds`` together."""

    def __init__(self, metrics: Metrics, *, seconds: float = _SECONDS, clock: Callable[[], float] = time.time) -> None:
        self._metrics = metrics
        self._seconds = seconds
        self._clock = clock
        self._session = aiohttp.ClientSession(
            timeout=_NO_TIMEOUT,
            connector=aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=_KEPT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "identity"},
            auto_decompress=False,
        )

    async def aclose(self) -> None:
        await self._session.close()

    async def read(self, pod: Manifest) -> Scrape:
        """What the pod's pages say, or why they could not be read."""
        scrape = await self._read(pod)
        return replace(scrape, pod_version=str(pod["metadata"].get("resourceVersion", "")))

    async def _read(self, pod: Manifest) -> Scrape:
        address = pod.get("status", {}).get("podIP")
        uid = str(pod["metadata"]["uid"])
        if not address or not pod.get("opsPort"):
            return Scrape(pod_uid=uid, at=self._clock(), unreadable="the pod has no address yet")
        host = f"[{address}]" if ":" in address else address
        base = f"http://{host}:{pod['opsPort']}"
        try:
            async with asyncio.timeout(self._seconds):  # one after the other, by one connection
                status, sentence = await self._get(f"{base}/readyz", _SENTENCE_BYTES)
                metrics_status, page = await self._get(f"{base}/metrics", _METRICS_BYTES)
            _check(status, {_OK, _NOT_READY}, "/readyz")
            _check(metrics_status, {_OK}, "/metrics")
            not_ready = None if status == _OK else printable(sentence, _SENTENCE_CHARS) or "no reason is given"
            scrape = read_metrics(page.decode("utf-8"), pod_uid=uid, at=self._clock(), not_ready=not_ready)
        except (UnreadableError, aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
            self._metrics.pod_scrapes.labels(outcome="failed").inc()
            why = str(error) if isinstance(error, UnreadableError) else type(error).__name__
            unreadable = f"its pages at {base} cannot be read: {why}"
            return Scrape(pod_uid=uid, at=self._clock(), unreadable=unreadable)
        self._metrics.pod_scrapes.labels(outcome="read").inc()
        return scrape

    async def _get(self, url: str, limit: int) -> tuple[int, bytes]:
        async with self._session.get(url, allow_redirects=False) as response:
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise UnreadableError("the answer is encoded, though identity was asked for")
            content = bytearray()
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) > limit:
                    response.close()
                    raise UnreadableError(f"the answer is longer than {limit} bytes")
            return response.status, bytes(content)


def _check(status: int, expected: set[int], page: str) -> None:
    if status not in expected:
        raise UnreadableError(f"{page} answers {status}")
