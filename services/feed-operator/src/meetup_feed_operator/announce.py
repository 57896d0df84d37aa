"""Kubernetes events: what ``kubectl describe meetupfeed`` shows of the operator's doings.

Posted to the core API, which every ``kubectl`` reads, and never in the way: an event that cannot be posted is counted.
kopf's own poster is not used, because it posts only from within kopf's handlers.
"""

import logging
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from meetup_feed_operator.api import ApiRefused, ApiUnavailable, KubeApi
from meetup_feed_operator.kinds import EVENT
from meetup_feed_operator.metrics import Metrics
from meetup_feed_operator.names import OPERATOR
from meetup_feed_operator.reading import rfc3339
from meetup_feed_operator.resource import API_VERSION, KIND, Manifest
from meetup_feed_operator.status import condition_of

log = logging.getLogger(__name__)

_REPEAT_SECONDS: Final = 600.0
"""The same event of one feed is posted again after this: events live an hour, and a flapping feed must not flood."""
_NAME_CHARS: Final = 230
"""Of the feed's name in an event's: with the random rest it stays below the 253 of any name."""
_MESSAGE_CHARS: Final = 1024
"""The API server takes no longer message."""


class Announcer:
    """Posts events about MeetupFeeds."""

    def __init__(
        self, api: KubeApi, metrics: Metrics, *, instance: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._api = api
        self._metrics = metrics
        self._instance = instance
        self._clock = clock
        self._posted: dict[tuple[str, str, str], float] = {}

    async def announce(self, feed: Mapping[str, Any], reason: str, message: str, *, warning: bool = False) -> None:
        """Post the event unless the same was posted lately."""
        now = self._clock()
        same = (feed["metadata"]["uid"], reason, message)
        self._posted = {what: at for what, at in self._posted.items() if now - at < _REPEAT_SECONDS}
        if same in self._posted:
            return
        self._posted[same] = now
        try:
            await self._api.create(EVENT, self._event(feed, reason, message, warning=warning))
        except (ApiUnavailable, ApiRefused) as error:
            self._metrics.events_lost.inc()
            log.warning("event %s was not posted: %s", reason, error, extra={"event": "event_lost", "reason": reason})

    async def announce_turns(
        self, feed: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        """Say which conditions turned for the better or the worse."""
        ready, was_ready = condition_of(after, "Ready"), condition_of(before, "Ready")
        degraded, was_degraded = condition_of(after, "Degraded"), condition_of(before, "Degraded")
        if degraded["status"] == "True" and degraded["reason"] != was_degraded.get("reason"):
            await self.announce(feed, degraded["reason"], degraded["message"], warning=True)
        elif ready["reason"] == "Paused" and was_ready.get("reason") != "Paused":
            await self.announce(feed, "Paused", ready["message"])
        elif ready["status"] == "True" and was_ready.get("status") != "True":
            await self.announce(feed, "Ready", ready["message"])
        elif ready["status"] == "False" and was_ready.get("status") == "True":
            await self.announce(feed, "NotReady", f"{ready['reason']}: {ready['message']}", warning=True)

    def _event(self, feed: Mapping[str, Any], reason: str, message: str, *, warning: bool) -> Manifest:
        meta = feed["metadata"]
        at = rfc3339(self._clock())
        name = meta["name"][:_NAME_CHARS].rstrip("-.")
        return {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.name,
            "metadata": {"name": f"{name}.{secrets.token_hex(8)}", "namespace": meta["namespace"]},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "namespace": meta["namespace"],
                "name": meta["name"],
                "uid": meta["uid"],
                "resourceVersion": meta.get("resourceVersion", ""),
            },
            "type": "Warning" if warning else "Normal",
            "reason": reason,
            "message": message[:_MESSAGE_CHARS],
            "source": {"component": OPERATOR, "host": self._instance},
            "reportingComponent": OPERATOR,
            "reportingInstance": self._instance,
            "firstTimestamp": at,
            "lastTimestamp": at,
            "count": 1,
        }
