"""Keeps the metrics of the queues current, whatever the workers wait for."""

import logging
import threading
from collections.abc import Iterable, Mapping
from typing import Final

from meetupkit.errors import StoreRefused, StoreUnavailable

from meetup_enricher.metrics import Metrics
from meetup_enricher.queueing.queue import Queue

log = logging.getLogger(__name__)

EVERY_SECONDS: Final = 5.0
"""A third of the usual scrape interval; costs a handful of reads a minute."""


class BacklogMonitor:
    """Measures the queues, by the name of their kind, until the service stops. Also notices that the store is back."""

    def __init__(self, queues: Mapping[str, Queue], *, metrics: Metrics, stopping: threading.Event) -> None:
        self._queues = queues
        self._metrics = metrics
        self._stopping = stopping

    def run(self) -> None:
        """Measure now and then; the store's failures are told by ``Health``."""
        while not self._stopping.is_set():
            self._measure(self._queues.items())
            self._stopping.wait(EVERY_SECONDS)

    def _measure(self, queues: Iterable[tuple[str, Queue]]) -> None:
        for name, queue in queues:
            try:
                waiting = queue.waiting()
            except (StoreUnavailable, StoreRefused):
                return
            self._metrics.queue_depth.labels(name).set(waiting.depth)
            self._metrics.queue_oldest.labels(name).set(waiting.oldest_seconds)
