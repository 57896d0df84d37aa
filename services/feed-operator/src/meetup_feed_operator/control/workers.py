"""Workers that reconcile feeds, side by side."""

import logging
import time
from typing import Final

from meetupkit.limited_log import LimitedLog
from meetupkit.progress import Progress

from meetup_feed_operator.control.reconcile import Reconciler
from meetup_feed_operator.control.workqueue import WorkQueue
from meetup_feed_operator.kubernetes.client import ApiRefused, ApiUnavailable
from meetup_feed_operator.metrics import Metrics
from meetup_feed_operator.resources.meetupfeed import FeedKey

log = logging.getLogger(__name__)
_limited = LimitedLog(log)

_IDLE_SECONDS: Final = 10.0
"""A worker with nothing to do says so this often."""
_CALLS: Final = 24
"""Requests of one reconciliation at most: five objects, found, taken over, applied, with events, and a status."""


class Worker:
    """Takes one feed after the other; several run side by side."""

    def __init__(
        self,
        name: str,
        queue: WorkQueue,
        reconciler: Reconciler,
        metrics: Metrics,
        progress: Progress,
        *,
        request_seconds: float,
    ) -> None:
        self._name = name
        self._queue = queue
        self._reconciler = reconciler
        self._metrics = metrics
        self._progress = progress
        self._busy_seconds = _CALLS * request_seconds + _IDLE_SECONDS

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._progress.moving(self._name, within=3 * _IDLE_SECONDS)
            key = await self._queue.take(within=_IDLE_SECONDS)
            if key is not None:
                self._progress.moving(self._name, within=self._busy_seconds)
                await self._reconcile(key)

    async def _reconcile(self, key: FeedKey) -> None:
        started = time.monotonic()
        outcome = "succeeded"
        try:
            again = await self._reconciler.reconcile(key)
            if again is None:
                self._queue.forget(key)
            else:
                self._queue.done(key)
                self._queue.wake(key, after=again)
        except (ApiUnavailable, ApiRefused) as error:
            outcome = "failed"
            wait = self._queue.failed(key, getattr(error, "retry_after", None))
            _limited.warning(
                "retry",
                "MeetupFeed %s/%s is tried again in %.1f s: %s",
                *key,
                wait,
                error,
                extra={"event": "retry", "feed": key[1], "wait_seconds": round(wait, 3)},
            )
        except Exception:  # a bug that one feed brings out must not end the worker of all others
            outcome = "crashed"
            self._queue.failed(key)
            log.exception("MeetupFeed %s/%s cannot be reconciled", *key, extra={"event": "crash", "feed": key[1]})
        self._metrics.reconciles.labels(outcome=outcome).inc()
        self._metrics.reconcile_seconds.observe(time.monotonic() - started)
