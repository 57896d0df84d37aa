"""One feed: look at what it says and what is there, make them equal, and write down how it is."""

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final

from meetupkit.limited_log import LimitedLog

from meetup_feed_operator.control.apply import Applied, Applier, Change
from meetup_feed_operator.control.leases import Leases
from meetup_feed_operator.kubernetes.cache import Cache
from meetup_feed_operator.kubernetes.client import ApiRefused, KubeApi
from meetup_feed_operator.kubernetes.events import Event, EventRecorder
from meetup_feed_operator.kubernetes.kinds import DEPLOYMENT, FEED
from meetup_feed_operator.resources.adoption import NameTaken
from meetup_feed_operator.resources.allowed import NotAllowed
from meetup_feed_operator.resources.conflicts import Claims, LabelTaken, Target, refuse_conflict, target_of
from meetup_feed_operator.resources.deployment import objects_url
from meetup_feed_operator.resources.manifests import check_allowed, desired
from meetup_feed_operator.resources.meetupfeed import (
    API_VERSION,
    KIND,
    FeedKey,
    InvalidFeed,
    Manifest,
    MeetupFeed,
    read_feed,
)
from meetup_feed_operator.resources.names import stream_name
from meetup_feed_operator.settings import OperatorSettings
from meetup_feed_operator.status.conditions import Observation, Problem, derive, worth_writing
from meetup_feed_operator.status.metrics_page import Scrape
from meetup_feed_operator.status.scrape import Scraper
from meetup_feed_operator.status.transitions import transition

log = logging.getLogger(__name__)
_limited = LimitedLog(log)

_SOON_SECONDS: Final = 3.0
"""Until a pod is asked again that is not well: its probe and its reader move at this pace."""
_SOON_FOR_SECONDS: Final = 60.0
"""As long after a pod was last seen to change; then it is asked as often as all others."""
_WINDOW_SECONDS: Final = 60.0
"""Rates are over this, so that they do not jump with each record of a quiet feed."""
_MOST_SCRAPES: Final = 16
_LEASE_SECONDS: Final = 0.5
"""Until it is known who serves a namespace that has just got its first feed."""


class Reconciler:
    """Holds nothing that a restart would miss: the latest scrapes, for the rates between them."""

    def __init__(
        self,
        settings: OperatorSettings,
        cache: Cache,
        api: KubeApi,
        applier: Applier,
        scraper: Scraper,
        recorder: EventRecorder,
        leases: Leases,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._cache = cache
        self._api = api
        self._applier = applier
        self._scraper = scraper
        self._recorder = recorder
        self._leases = leases
        self._clock = clock
        self._scrapes: dict[FeedKey, deque[Scrape]] = {}
        self._written: dict[FeedKey, float] = {}
        self._begun: dict[Target, str] = {}

    async def reconcile(self, key: FeedKey) -> float | None:
        """Seconds until the feed is to be looked at again, or ``None`` if it is gone, or another operator's.

        Raises ``ApiUnavailable``: then the same must be tried again.
        """
        body = self._cache.feeds().get(key)
        if body is None or body["metadata"].get("deletionTimestamp"):
            self._forget(key)
            return None
        serves = self._leases.serves(key[0])
        if not serves:
            return _LEASE_SECONDS if serves is None else None
        try:
            feed, problem = await self._carry_out(body)
        except ApiRefused as error:
            if not error.terminating:
                raise
            log.info("namespace %s is being deleted", key[0], extra={"event": "terminating", "feed": key[1]})
            return None
        fresh = await self._read(key)
        await self._report(body, feed, problem, fresh=fresh)
        return self._next_look(key)

    def _forget(self, key: FeedKey) -> None:
        self._scrapes.pop(key, None)
        self._written.pop(key, None)
        self._applier.forget([(key[0], stream_name(key[1]))])

    async def _carry_out(self, body: Manifest) -> tuple[MeetupFeed | None, Problem | None]:
        feed = self._applier.settled(body)
        try:
            if feed:
                self._claim(feed, body)
                return feed, None
            feed = read_feed(body)
            manifests = desired(feed, self._settings)
            check_allowed(feed, self._settings)
            self._claim(feed, body)
            changes = await self._applier.apply(feed, manifests)
        except (LabelTaken, NotAllowed) as error:  # what runs already would do what is refused
            if feed:
                await self._record_changes(body, await self._applier.stop(feed))
            return feed, Problem(type(error).__name__, str(error))
        except NameTaken as error:
            return feed, Problem("NameTaken", str(error))
        except InvalidFeed as error:
            return feed, Problem("InvalidSpec", str(error))
        except ApiRefused as error:
            if error.terminating:
                raise
            self._tell_refused(body, error)
            return feed, Problem("Forbidden" if error.status == 403 else "Refused", str(error))
        await self._record_changes(body, changes)
        return feed, None

    def _claim(self, feed: MeetupFeed, body: Manifest) -> None:
        """Raise ``LabelTaken`` if another feed keeps the prefix; else it is this one's, from this moment on."""
        target = target_of(body, self._settings.bucket)
        others = self._cache.feeds_of(target)
        if len(others) > 1:
            running = [other["metadata"]["uid"] for other in others if self._runs(other)]
            claims = Claims(running=running, begun=[self._begun[target]] if target in self._begun else [])
            refuse_conflict(feed, others, claims, bucket=self._settings.bucket)
        self._begun[target] = feed.uid

    def _runs(self, body: Manifest) -> bool:
        meta = body["metadata"]
        seen = self._cache.get(DEPLOYMENT, (meta["namespace"], stream_name(meta["name"])))
        owners = [owner.get("uid") for owner in seen["metadata"].get("ownerReferences") or []] if seen else []
        return bool(seen and seen["replicas"] and meta["uid"] in owners)

    def _tell_refused(self, body: Manifest, error: ApiRefused) -> None:
        meta = body["metadata"]
        _limited.warning(
            "refused",
            "the API server refuses what MeetupFeed %s/%s needs: %s",
            meta["namespace"],
            meta["name"],
            error,
            extra={"event": "refused", "feed": meta["name"]},
        )

    async def _record_changes(self, body: Manifest, changes: Sequence[Applied]) -> None:
        if changes:
            log.info(
                "MeetupFeed %s/%s: %s",
                body["metadata"]["namespace"],
                body["metadata"]["name"],
                ", ".join(map(str, changes)),
                extra={"event": "applied", "feed": body["metadata"]["name"]},
            )
        for applied in changes:
            if applied.change is Change.CREATED and applied.kind != DEPLOYMENT.name:
                continue  # the Deployment's event stands for what its pods need
            repaired = applied.change is Change.REPAIRED
            why = " after someone else had changed or deleted it" if repaired else ""
            event = Event(applied.change.capitalize(), f"{applied}{why}", applied.version, warning=repaired)
            await self._recorder.record(body, event)

    async def _read(self, key: FeedKey) -> bool:
        """Read the feed's pod if that is due; whether there is something new."""
        pod = self._running_pod(key)
        if pod is None:
            return self._scrapes.pop(key, None) is not None
        scrapes = self._scrapes.setdefault(key, deque(maxlen=_MOST_SCRAPES))
        if scrapes and scrapes[-1].pod_uid != pod["metadata"]["uid"]:
            scrapes.clear()
        version = str(pod["metadata"].get("resourceVersion", ""))
        is_same = scrapes and scrapes[-1].pod_version == version
        if is_same and self._clock() - scrapes[-1].at < self._interval(key) / 2:
            return False
        scrapes.append(await self._scraper.read(pod))
        while scrapes[-1].at - scrapes[0].at > _WINDOW_SECONDS:
            scrapes.popleft()
        return True

    def _interval(self, key: FeedKey) -> float:
        """Seconds from one scrape to the next."""
        scrapes = self._scrapes.get(key)
        if not scrapes:
            return self._settings.status_seconds
        if scrapes[-1].is_good:
            return self._settings.status_seconds
        changed = next((b.at for a, b in reversed(list(pairwise(scrapes))) if a.is_good), scrapes[0].at)
        is_new = scrapes[-1].at - changed < _SOON_FOR_SECONDS
        return min(_SOON_SECONDS, self._settings.status_seconds) if is_new else self._settings.status_seconds

    def _next_look(self, key: FeedKey) -> float:
        scrapes = self._scrapes.get(key)
        passed = self._clock() - scrapes[-1].at if scrapes else 0.0
        return max(self._interval(key) - passed, 0.0)

    def _running_pod(self, key: FeedKey) -> Manifest | None:
        for pod in self._cache.pods(key):
            if pod.get("status", {}).get("phase") == "Running" and not pod["metadata"].get("deletionTimestamp"):
                return pod
        return None

    async def _report(self, body: Manifest, feed: MeetupFeed | None, problem: Problem | None, *, fresh: bool) -> None:
        meta, previous = body["metadata"], body["status"]
        key = (meta["namespace"], meta["name"])
        scrapes = self._scrapes.get(key)
        status = derive(
            Observation(
                generation=meta.get("generation", 0),
                paused=bool(body["spec"].get("paused")),
                objects=f"{objects_url(feed, self._settings)}/{feed.label}/" if feed and not problem else None,
                problem=problem,
                deployment=self._cache.get(DEPLOYMENT, (meta["namespace"], stream_name(meta["name"]))),
                pods=self._cache.pods(key),
                scrape=scrapes[-1] if scrapes else None,
                earlier=_earliest(scrapes),
                previous=previous,
                now=self._clock(),
            )
        )
        seconds = self._clock() - self._written.get(key, 0.0)
        if worth_writing(previous, status, fresh=fresh, seconds=seconds) and await self._write(meta, status):
            self._written[key] = self._clock()
            if event := transition(previous, status):
                await self._recorder.record(body, event)

    async def _write(self, meta: dict[str, Any], status: dict[str, Any]) -> bool:
        """Whether the feed was still there to be written."""
        manifest: Manifest = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]},
            "status": status,
        }
        try:
            after = await self._api.apply(FEED, manifest, subresource="status")
        except ApiRefused as error:
            if error.status != 404 and not error.terminating:
                raise
            return False
        self._cache.observe(FEED, after)
        return True


def _earliest(scrapes: "deque[Scrape] | None") -> Scrape | None:
    """The oldest scrape of the window that holds figures, if it is not the latest."""
    if not scrapes:
        return None
    return next((scrape for scrape in list(scrapes)[:-1] if not scrape.unreadable), None)
