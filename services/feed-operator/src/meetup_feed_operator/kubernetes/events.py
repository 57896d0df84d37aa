"""Kubernetes events: what ``kubectl describe meetupfeed`` shows of the operator's doings.

Posted to the core API, which every ``kubectl`` reads, and never in the way: an event that cannot be posted is counted.
kopf's own poster is not used, because it posts only from within kopf's handlers.

An event's name follows from its content, so that of two operators which see the same, one posts it.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from meetupkit.foreign_text import printable
from meetupkit.limited_log import LimitedLog

from meetup_feed_operator.kubernetes.client import ApiRefused, ApiUnavailable, KubeApi
from meetup_feed_operator.kubernetes.kinds import EVENT
from meetup_feed_operator.kubernetes.times import rfc3339
from meetup_feed_operator.metrics import Metrics
from meetup_feed_operator.resources.meetupfeed import API_VERSION, KIND, Manifest
from meetup_feed_operator.resources.names import OPERATOR

log = logging.getLogger(__name__)
_limited = LimitedLog(log)

_REPEAT_SECONDS: Final = 600.0
"""The same event of one feed is posted again after this: events live an hour, and a flapping feed must not flood."""
_MOST_REMEMBERED: Final = 4096
_CONFLICT: Final = 409
_NAME_CHARS: Final = 230
"""Of the feed's name in an event's: with the rest it stays below the 253 of any name."""
_MESSAGE_CHARS: Final = 1024
"""The API server takes no longer message."""


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to a feed. ``about`` tells this time from the next, and is the same for every operator."""

    reason: str
    message: str
    about: str
    warning: bool = False


class EventRecorder:
    """Posts events about MeetupFeeds."""

    def __init__(
        self, api: KubeApi, metrics: Metrics, *, instance: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._api = api
        self._metrics = metrics
        self._instance = instance
        self._clock = clock
        self._posted: dict[tuple[str, str, str], float] = {}

    async def record(self, feed: Mapping[str, Any], event: Event) -> None:
        """Post the event unless the same was posted lately."""
        if self._is_repeated((feed["metadata"]["uid"], event.reason, event.message)):
            return
        try:
            await self._api.create(EVENT, self._body(feed, event))
        except ApiRefused as error:
            if not error.terminating:  # of a namespace that is deleted nobody reads events
                self._lost(event, error)
        except ApiUnavailable as error:
            if error.status != _CONFLICT:  # then another operator has posted it
                self._lost(event, error)

    def _lost(self, event: Event, error: Exception) -> None:
        self._metrics.events_lost.inc()
        extra = {"event": "event_lost", "reason": event.reason}
        _limited.warning("event_lost", "event %s was not posted: %s", event.reason, error, extra=extra)

    def _is_repeated(self, same: tuple[str, str, str]) -> bool:
        now = self._clock()
        if len(self._posted) > _MOST_REMEMBERED:
            self._posted = {what: at for what, at in self._posted.items() if now - at < _REPEAT_SECONDS}
        if now - self._posted.get(same, float("-inf")) < _REPEAT_SECONDS:
            return True
        self._posted[same] = now
        return False

    def _body(self, feed: Mapping[str, Any], event: Event) -> Manifest:
        meta = feed["metadata"]
        at = rfc3339(self._clock())
        same = "\0".join((meta["uid"], event.reason, event.message, event.about))
        name = meta["name"][:_NAME_CHARS].rstrip("-.")
        return {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.name,
            "metadata": {
                "name": f"{name}.{hashlib.sha256(same.encode()).hexdigest()[:16]}",
                "namespace": meta["namespace"],
            },
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "namespace": meta["namespace"],
                "name": meta["name"],
                "uid": meta["uid"],
                "resourceVersion": meta.get("resourceVersion", ""),
            },
            "type": "Warning" if event.warning else "Normal",
            "reason": event.reason,
            "message": printable(event.message, _MESSAGE_CHARS),
            "source": {"component": OPERATOR, "host": self._instance},
            "reportingComponent": OPERATOR,
            "reportingInstance": self._instance,
            "firstTimestamp": at,
            "lastTimestamp": at,
            "count": 1,
        }
