"""Lists everything again and again: what a watch missed (a deletion while it was down, above all) is found here."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from meetupkit.limited_log import LimitedLog
from meetupkit.progress import Progress
from meetupkit.retry import doubled

from meetup_feed_operator.control.workqueue import WorkQueue
from meetup_feed_operator.kubernetes.cache import Cache
from meetup_feed_operator.kubernetes.client import ApiRefused, ApiUnavailable, KubeApi
from meetup_feed_operator.kubernetes.kinds import FEED, POD_MONITOR, POD_MONITORING, Kind
from meetup_feed_operator.metrics import Metrics
from meetup_feed_operator.resources.meetupfeed import Manifest
from meetup_feed_operator.resources.names import MANAGED
from meetup_feed_operator.settings import EVERY_NAMESPACE, OperatorSettings
from meetup_feed_operator.status.conditions import condition_of

log = logging.getLogger(__name__)
_limited = LimitedLog(log)

_AGAIN_SECONDS: Final = 1.0
"""A failed list is tried again sooner than the next is due; doubled with each failure."""


class Resync:
    """Fills the cache from lists, and wakes the feeds that differ."""

    def __init__(
        self,
        settings: OperatorSettings,
        kinds: tuple[Kind, ...],
        api: KubeApi,
        cache: Cache,
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
        self._cache = cache
        self._queue = queue
        self._metrics = metrics
        self._progress = progress
        self._clock = clock
        self._shown: frozenset[tuple[str, str]] = frozenset()
        self._unavailable_reason: str | None = "the MeetupFeeds have not been listed yet"
        self.listed = asyncio.Event()
        """Set when everything has been listed once."""

    def not_ready(self) -> str | None:
        """Why the operator does not know the state of the cluster, in a sentence."""
        return self._unavailable_reason

    async def run(self) -> None:
        """Until cancelled."""
        failures, interval = 0, self._settings.resync_seconds
        while True:
            self._progress.moving("resync", within=interval + 20 * self._settings.request_seconds)
            failures = 0 if await self._try_once() else failures + 1
            await asyncio.sleep(doubled(failures, first=_AGAIN_SECONDS, longest=interval) if failures else interval)

    async def _try_once(self) -> bool:
        try:
            for kind in self._kinds:
                await self._list(kind)
        except (ApiUnavailable, ApiRefused) as error:
            self._unavailable_reason = f"the cluster cannot be listed: {error}"
            _limited.warning("resync", "the cluster cannot be listed: %s", error, extra={"event": "resync_failed"})
            return False
        except Exception as error:  # a bug must not end the resync for good without a word
            self._unavailable_reason = f"the cluster cannot be listed, by a bug: {type(error).__name__}"
            log.exception("the resync failed by a bug", extra={"event": "crash"})
            return False
        self._unavailable_reason = None
        self.listed.set()
        self._metrics.resync_timestamp.set(self._clock())
        self._count_feeds()
        return True

    async def _list(self, kind: Kind) -> None:
        selector = "" if kind == FEED else MANAGED
        bodies: list[Manifest] = []
        self._cache.expect_list(kind)
        try:
            bodies.extend([body async for body in self._api.list_objects(kind, self._namespace, selector=selector)])
        except ApiRefused as error:
            if error.status == 404 and kind == FEED:
                raise ApiRefused(f"the CRD {FEED.plural}.{FEED.group} is not installed", status=404) from None
            if error.status != 404 or kind not in (POD_MONITOR, POD_MONITORING):
                raise
        for key in self._cache.replace(kind, bodies):
            self._queue.wake(key)

    def _count_feeds(self) -> None:
        states = {"ready": 0, "paused": 0, "degraded": 0, "other": 0}
        for body in self._cache.feeds().values():
            states[_state(body)] += 1
        for state, count in states.items():
            self._metrics.feeds.labels(state=state).set(count)
        self._show_wanted()
        self._metrics.queue_depth.set(self._queue.depth())

    def _show_wanted(self) -> None:
        """Which feeds are to be read, which separates a feed whose pod is gone from one that is paused."""
        wanted: dict[tuple[str, str], bool] = {}
        for (namespace, _), body in self._cache.feeds().items():
            named = (str(body["spec"].get("feed", "")), namespace)
            wanted[named] = wanted.get(named, False) or not body["spec"].get("paused")
        for gone in self._shown - wanted.keys():
            self._metrics.feed_wanted.remove(*gone)
        for named, value in wanted.items():
            self._metrics.feed_wanted.labels(*named).set(value)
        self._shown = frozenset(wanted)


def _state(feed: Manifest) -> str:
    ready = condition_of(feed["status"], "Ready")
    if condition_of(feed["status"], "Degraded").get("status") == "True":
        return "degraded"
    if ready.get("reason") == "Paused":
        return "paused"
    return "ready" if ready.get("status") == "True" else "other"
