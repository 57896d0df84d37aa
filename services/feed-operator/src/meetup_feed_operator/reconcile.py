"""One feed: look at what it says and what is there, make them equal, and write down how it is."""

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from meetup_feed_operator.announce import Announcer
from meetup_feed_operator.api import ApiRefused, KubeApi
from meetup_feed_operator.apply import Applied, Applier, Change
from meetup_feed_operator.cluster import Cluster
from meetup_feed_operator.deployment import objects_url
from meetup_feed_operator.desired import desired
from meetup_feed_operator.kinds import DEPLOYMENT, FEED
from meetup_feed_operator.names import stream_name
from meetup_feed_operator.pod_pages import PodPages
from meetup_feed_operator.reading import Reading
from meetup_feed_operator.resource import API_VERSION, KIND, FeedKey, InvalidFeed, Manifest, MeetupFeed, read_feed
from meetup_feed_operator.rivals import LabelTaken, refuse_rival
from meetup_feed_operator.settings import OperatorSettings
from meetup_feed_operator.status import Observation, Problem, derive, worth_writing

log = logging.getLogger(__name__)


class Reconciler:
    """Holds nothing that a restart would miss: the latest readings, for the rates between them."""

    def __init__(
        self,
        settings: OperatorSettings,
        cluster: Cluster,
        api: KubeApi,
        applier: Applier,
        pages: PodPages,
        announcer: Announcer,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._cluster = cluster
        self._api = api
        self._applier = applier
        self._pages = pages
        self._announcer = announcer
        self._clock = clock
        self._readings: dict[FeedKey, tuple[Reading | None, Reading]] = {}

    async def reconcile(self, key: FeedKey) -> float | None:
        """Seconds until the feed is to be looked at again, or ``None`` if it is gone.

        Raises ``ApiUnavailable``: then the same must be tried again.
        """
        body = self._cluster.feeds().get(key)
        if body is None or body["metadata"].get("deletionTimestamp"):
            self._forget(key)
            return None
        feed, problem = await self._carry_out(body)
        reading, fresh = await self._read(key)
        await self._report(body, feed, problem, reading=reading, fresh=fresh)
        return self._settings.status_seconds

    def _forget(self, key: FeedKey) -> None:
        self._readings.pop(key, None)
        self._applier.forget([(key[0], stream_name(key[1]))])

    async def _carry_out(self, body: Manifest) -> tuple[MeetupFeed | None, Problem | None]:
        feed = None
        try:
            feed = read_feed(body)
            refuse_rival(feed, self._cluster.feeds().values(), bucket=self._settings.bucket)
            changes = await self._applier.apply(desired(feed, self._settings))
        except LabelTaken as error:
            return feed, Problem("LabelTaken", str(error))
        except InvalidFeed as error:
            return feed, Problem("InvalidSpec", str(error))
        except ApiRefused as error:
            log.warning(
                "the API server refuses what MeetupFeed %s/%s needs: %s",
                body["metadata"]["namespace"],
                body["metadata"]["name"],
                error,
                extra={"event": "refused", "feed": body["metadata"]["name"]},
            )
            return feed, Problem("Forbidden" if error.status == 403 else "Refused", str(error))
        await self._announce_changes(body, changes)
        return feed, None

    async def _announce_changes(self, body: Manifest, changes: Iterable[Applied]) -> None:
        for applied in changes:
            log.info(
                "MeetupFeed %s/%s: %s",
                body["metadata"]["namespace"],
                body["metadata"]["name"],
                applied,
                extra={"event": "applied", "feed": body["metadata"]["name"], "change": applied.change.value},
            )
            repaired = applied.change is Change.REPAIRED
            why = " after someone else had changed or deleted it" if repaired else ""
            await self._announcer.announce(body, applied.change.capitalize(), f"{applied}{why}", warning=repaired)

    async def _read(self, key: FeedKey) -> tuple[Reading | None, bool]:
        """The latest reading of the feed's pod, and whether it was made just now."""
        pod = self._running_pod(key)
        _, latest = self._readings.get(key, (None, None))
        if pod is None:
            self._readings.pop(key, None)
            return None, latest is not None
        same_pod = latest is not None and latest.pod_uid == pod["metadata"]["uid"]
        if latest and same_pod and self._clock() - latest.at < self._settings.status_seconds / 2:
            return latest, False
        reading = await self._pages.read(pod)
        self._readings[key] = (latest, reading)
        return reading, True

    def _running_pod(self, key: FeedKey) -> Manifest | None:
        for pod in self._cluster.pods(key):
            if pod.get("status", {}).get("phase") == "Running" and not pod["metadata"].get("deletionTimestamp"):
                return pod
        return None

    async def _report(
        self,
        body: Manifest,
        feed: MeetupFeed | None,
        problem: Problem | None,
        *,
        reading: Reading | None,
        fresh: bool,
    ) -> None:
        meta, previous = body["metadata"], body["status"]
        key = (meta["namespace"], meta["name"])
        earlier, _ = self._readings.get(key, (None, None))
        status = derive(
            Observation(
                generation=meta.get("generation", 0),
                paused=bool(body["spec"].get("paused")),
                objects=f"{objects_url(feed, self._settings)}/{feed.label}/" if feed and not problem else None,
                problem=problem,
                deployment=self._cluster.get(DEPLOYMENT, (meta["namespace"], stream_name(meta["name"]))),
                pods=self._cluster.pods(key),
                reading=reading,
                earlier=earlier,
                previous=previous,
                now=self._clock(),
            )
        )
        if not worth_writing(previous, status, fresh=fresh):
            return
        if await self._write(meta, status):
            await self._announcer.announce_turns(body, previous, status)

    async def _write(self, meta: dict[str, Any], status: dict[str, Any]) -> bool:
        """Whether the feed was still there to be written."""
        manifest: Manifest = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": meta["name"], "namespace": meta["namespace"]},
            "status": status,
        }
        try:
            after = await self._api.apply(FEED, manifest, subresource="status")
        except ApiRefused as error:
            if error.status != 404:
                raise
            return False
        self._cluster.observe(FEED, after)
        return True
