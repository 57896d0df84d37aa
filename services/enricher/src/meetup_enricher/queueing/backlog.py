"""Keeps the metrics of the queues current, whatever the workers wait for."""

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Final

from meetupkit.errors import StoreRefused, StoreUnavailable

from meetup_enricher.metrics import Metrics
from meetup_enricher.queueing.kept_count import LONGEST_SECONDS, SHARE
from meetup_enricher.queueing.queue import Queue

log = logging.getLogger(__name__)

EVERY_SECONDS: Final = 5.0
"""A third of the usual scrape interval."""


class BacklogMonitor:
    """Measures the queues, by the name of their kind, until the service stops. Also notices that the store is back."""

    def __init__(self, queues: Mapping[str, Queue], *, metrics: Metrics, stopping: threading.Event) -> None:
        self._queues = queues
        self._metrics = metrics
        self._stopping = stopping

    def run(self) -> None:
        """Measure now and then; ``Health`` reports the store's failures."""
        while not self._stopping.is_set():
            began = time.monotonic()
            self._measure(self._queues.items())
            self._stopping.wait(pause_after(time.monotonic() - began))

    def _measure(self, queues: Iterable[tuple[str, Queue]]) -> None:
        for name, queue in queues:
            try:
                waiting = queue.waiting()
            except (StoreUnavailable, StoreRefused):
                return
            self._metrics.queue_depth.labels(name).set(waiting.depth)
            self._metrics.queue_oldest.labels(name).set(waiting.oldest_seconds)


def pause_after(seconds: float) -> float:
    """How long to wait after a measurement that took so long."""
    return min(LONGEST_SECONDS, max(EVERY_SECONDS, SHARE * seconds))
