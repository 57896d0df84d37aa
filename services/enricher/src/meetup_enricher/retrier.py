"""Calls of the document store, tried again until they succeed."""

import threading
from collections.abc import Callable
from typing import Final, TypeVar

from meetupkit.errors import StoreRefused, StoreUnavailable, TransientError
from meetupkit.progress import Progress
from meetupkit.retry import reconnect_policy

from meetup_enricher.metrics import Metrics

T = TypeVar("T")

MOVING_SECONDS: Final = 120.0
"""A loop that has not moved for this long beyond its announced wait hangs: no call of a store takes as long."""
RETRY_CEILING_SECONDS: Final = 8.0
"""The breaker and the rate limiter pause for longer where that is due, so the policy's own waits stay short: recovery
from an outage should take no longer than the outage did."""


class Retrier:
    """Tries calls of the store again until they succeed; for one loop, which it reports as moving meanwhile."""

    def __init__(self, loop: str, *, progress: Progress, metrics: Metrics, stopping: threading.Event) -> None:
        self._loop = loop
        self._progress = progress
        self._metrics = metrics
        self._stopping = stopping

    def waiting(self, seconds: float) -> None:
        """The loop moves, and will not again for so many seconds."""
        self._progress.moving(self._loop, seconds + MOVING_SECONDS)

    def call(self, call: str, function: Callable[[], T]) -> T:
        """The function's value. Raises ``TransientError`` only when the service stops."""
        self.waiting(0)

        def on_retry(error: TransientError, seconds: float) -> None:
            self.waiting(seconds)
            self._metrics.retries.labels(call, type(error).__name__).inc()

        policy = reconnect_policy(call, stopping=self._stopping, ceiling=RETRY_CEILING_SECONDS, on_retry=on_retry)
        return policy(lambda: self._once(function))

    def _once(self, function: Callable[[], T]) -> T:
        """A store that refuses is tried again too: its ids are durable, and ``Health`` has reported it."""
        try:
            return function()
        except StoreRefused as error:
            raise StoreUnavailable(str(error)) from error
