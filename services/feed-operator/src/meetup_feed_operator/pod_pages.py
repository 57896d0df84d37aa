"""Reads ``/readyz`` and ``/metrics`` of stream pods: the rim of ``status``."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import aiohttp

from meetup_feed_operator.metrics import Metrics
from meetup_feed_operator.reading import Reading, read_metrics
from meetup_feed_operator.resource import Manifest

_SECONDS: Final = 3.0
"""A pod answers in milliseconds; one that takes longer is not well, and the next feed waits."""
_METRICS_BYTES: Final = 1024 * 1024
"""A stream's page has some ten kilobytes."""
_SENTENCE_BYTES: Final = 512


class PodPages:
    """Belongs to one event loop."""

    def __init__(self, metrics: Metrics, *, clock: Callable[[], float] = time.time) -> None:
        self._metrics = metrics
        self._clock = clock
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=_SECONDS),
            connector=aiohttp.TCPConnector(limit=32, force_close=True),  # a pod is asked twice a minute at most
        )

    async def aclose(self) -> None:
        await self._session.close()

    async def read(self, pod: Manifest) -> Reading:
        """What the pod's pages say, or why they could not be read."""
        address = pod.get("status", {}).get("podIP")
        uid = str(pod["metadata"]["uid"])
        if not address or not pod.get("opsPort"):
            return Reading(pod_uid=uid, at=self._clock(), unreadable="the pod has no address yet")
        host = f"[{address}]" if ":" in address else address
        base = f"http://{host}:{pod['opsPort']}"
        try:
            (status, sentence), (_, page) = await asyncio.gather(
                self._get(f"{base}/readyz", _SENTENCE_BYTES), self._get(f"{base}/metrics", _METRICS_BYTES)
            )
            reading = read_metrics(page, pod_uid=uid, at=self._clock(), not_ready=None if status == 200 else sentence)
        except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
            self._metrics.pod_readings.labels(outcome="failed").inc()
            why = f"its pages at {base} cannot be read: {type(error).__name__}"
            return Reading(pod_uid=uid, at=self._clock(), unreadable=why)
        self._metrics.pod_readings.labels(outcome="read").inc()
        return reading

    async def _get(self, url: str, limit: int) -> tuple[int, str]:
        async with self._session.get(url, allow_redirects=False) as response:
            content = b""
            while len(content) < limit and (chunk := await response.content.read(limit - len(content))):
                content += chunk
            return response.status, content.decode(errors="replace").strip()
