"""The operator's two loops beside kopf's watches: workers that reconcile, and the resync that trusts no watch."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from meetupkit.progress import Progress

from meetup_feed_operator.api import ApiRefused, ApiUnavailable, KubeApi
from meetup_feed_operator.cluster import Cluster
from meetup_feed_operator.kinds import FEED, POD_MONITOR, POD_MONITORING, Kind
from meetup_feed_operator.metrics import Metrics
from meetup_feed_operator.names import MANAGED
from meetup_feed_operator.reconcile import Reconciler
from meetup_feed_operator.resource import FeedKey, Manifest
from meetup_feed_operator.settings import EVERY_NAMESPACE, OperatorSettings
from meetup_feed_operator.status import condition_of
from meetup_feed_operator.workqueue import WorkQueue

log = logging.getLogger(__name__)

_IDLE_SECONDS: Final = 10.0
"""A worker with nothing to do says so this often."""
_AGAIN_SECONDS: Final = 0.5
"""A failed list is tried again sooner than the next is due; doubled with each failure."""
_CALLS: Final = 12
"""Requests of one reconciliation at most: five applied objects, each taken over before, a status and an event."""


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
            log.warning(
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


class Resync:
    """Lists everything again and again: what a watch missed (a deletion while it was down, above all) is found here."""

    def __init__(
        self,
        settings: OperatorSettings,
        kinds: tuple[Kind, ...],
        api: KubeApi,
        cluster: Cluster,
        queue: WorkQueue,
        metrics: Metrics,
        progress: Progress,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._namespace = None if settings.namespace == EVERY_NAMESPACE else settings.namespace
        self._kinds = kinds
        self._api = api
        self._cluster = cluster
        self._queue = queue
        self._metrics = metrics
        self._progress = progress
        self._clock = clock
        self._told: frozenset[tuple[str, str]] = frozenset()
        self._why_not: str | None = "the MeetupFeeds have not been listed yet"
        self.listed = asyncio.Event()
        """Set when everything has been listed once."""

    def not_ready(self) -> str | None:
        """Why the operator does not know the state of the cluster, in a sentence."""
        return self._why_not

    async def run(self) -> None:
        """Until cancelled."""
        failures = 0
        while True:
            self._progress.moving("resync", within=self._settings.resync_seconds + 20 * self._settings.request_seconds)
            failures = 0 if await self._try_once() else failures + 1
            soon = _AGAIN_SECONDS * 2 ** min(failures, 16) if failures else self._settings.resync_seconds
            await asyncio.sleep(min(soon, self._settings.resync_seconds))

    async def _try_once(self) -> bool:
        try:
            for kind in self._kinds:
                await self._list(kind)
            if not self.listed.is_set() and not await self._api.announces(FEED):
                # kopf looks once, and never watches what it does not find then.
                self._why_not = f"the API server does not announce {FEED.name}s yet"
                return False
        except (ApiUnavailable, ApiRefused) as error:
            self._why_not = f"the cluster cannot be listed: {error}"
            log.warning("the cluster cannot be listed: %s", error, extra={"event": "resync_failed"})
            return False
        self._why_not = None
        self.listed.set()
        self._metrics.resync_timestamp.set(self._clock())
        self._count_feeds()
        return True

    async def _list(self, kind: Kind) -> None:
        selector = "" if kind == FEED else MANAGED
        bodies: list[Manifest] = []
        self._cluster.expect_list(kind)
        try:
            bodies.extend([body async for body in self._api.list_objects(kind, self._namespace, selector=selector)])
        except ApiRefused as error:
            if error.status == 404 and kind == FEED:
                raise ApiRefused(f"the CRD {FEED.plural}.{FEED.group} is not installed", status=404) from None
            if error.status != 404 or kind not in (POD_MONITOR, POD_MONITORING):
                raise
        for key in self._cluster.replace(kind, bodies):
            self._queue.wake(key)

    def _count_feeds(self) -> None:
        states = {"ready": 0, "paused": 0, "degraded": 0, "other": 0}
        for body in self._cluster.feeds().values():
            states[_state(body)] += 1
        for state, count in states.items():
            self._metrics.feeds.labels(state=state).set(count)
        self._tell_wanted()
        self._metrics.queue_depth.set(self._queue.depth())

    def _tell_wanted(self) -> None:
        """Which feeds are to be read, so that one whose pod is gone is told from one that nobody wants."""
        wanted: dict[tuple[str, str], bool] = {}
        for (namespace, _), body in self._cluster.feeds().items():
            named = (str(body["spec"].get("feed", "")), namespace)
            wanted[named] = wanted.get(named, False) or not body["spec"].get("paused")
        for gone in self._told - wanted.keys():
            self._metrics.feed_wanted.remove(*gone)
        for named, value in wanted.items():
            self._metrics.feed_wanted.labels(*named).set(value)
        self._told = frozenset(wanted)


def _state(feed: Manifest) -> str:
    ready = condition_of(feed["status"], "Ready")
    if condition_of(feed["status"], "Degraded").get("status") == "True":
        return "degraded"
    if ready.get("reason") == "Paused":
        return "paused"
    return "ready" if ready.get("status") == "True" else "other"
