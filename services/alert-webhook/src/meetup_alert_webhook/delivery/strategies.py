"""Where a delivery's claim is kept: in the document store for all replicas, or in this process while there is none."""

import logging
import threading
from typing import Final, Protocol

from meetupkit.errors import MeetupError, StoreRefused, StoreUnavailable
from meetupkit.limited_log import LimitedLog
from meetupkit.retry import call_policy

from meetup_alert_webhook.delivery.claims import Busy, Claims, Repeat, Taken
from meetup_alert_webhook.delivery.local import LocalMemory
from meetup_alert_webhook.delivery.outcomes import Outcome, Queued, Reason, RetryLater
from meetup_alert_webhook.digest.outbox import Outbox
from meetup_alert_webhook.metrics import Metrics
from meetup_alert_webhook.model import Alert, Source
from meetup_alert_webhook.slack.client import NOWHERE, Posted

log = logging.getLogger(__name__)

STORE_DOWN: Final = (StoreUnavailable, StoreRefused)
_RECORD_SECONDS: Final = 3.0
"""How long what Slack took is tried to be recorded, before it is left to the claim to run out."""
_STORE_RETRY: Final = 5.0
"""What a sender is asked to wait while the store is down and the channel's queue is long."""
_LOG_SECONDS: Final = 1.0
"""Between two log lines of a kind: each alert of a storm meets the same trouble."""


class Strategy(Protocol):
    """What a delivery does with its claim. None of it raises what a store raises."""

    def postpone(self, alert: Alert, channel: str) -> Outcome:
        """The channel's queue is too long to wait in."""

    def incident_message(self, alert: Alert, channel: str) -> Posted:
        """The message that a resolve belongs to; ``NOWHERE`` if none can be answered."""

    def record(self, alert: Alert, channel: str, posted: Posted) -> None:
        """Slack has it."""

    def release(self, alert: Alert) -> None:
        """Slack does not have it; whoever brings it next may send it."""


class Shared:
    """Claims in the document store; ``claim`` and ``queue`` raise what it raises, before anything is sent."""

    def __init__(
        self, claims: Claims, outbox: Outbox, memory: LocalMemory, *, threads: bool, stopping: threading.Event
    ) -> None:
        self._claims = claims
        self._outbox = outbox
        self._memory = memory
        self._threads = threads
        self._stopping = stopping
        self._limited = LimitedLog(log, seconds=_LOG_SECONDS)

    def claim(self, alert: Alert) -> Taken | Repeat | Busy:
        """Claim the content, to send it."""
        return self._claims.take(alert.key)

    def queue(self, alert: Alert, channel: str) -> Taken | Repeat | Busy:
        """Claim the content and put it into the outbox, in one commit."""
        return self._claims.queue(alert, channel, self._outbox.item(alert, channel))

    def postpone(self, alert: Alert, channel: str) -> Outcome:
        """Into the outbox; the heartbeat, which a digest would bury, is brought again."""
        if alert.source is Source.HEARTBEAT:
            self.release(alert)
            return RetryLater(Reason.SLACK_PAUSED, 1.0)
        try:
            self._claims.queue_taken(alert, channel, self._outbox.item(alert, channel))
        except STORE_DOWN:
            return RetryLater(Reason.STORE_UNAVAILABLE, _STORE_RETRY)  # the claim runs out by itself
        return Queued()

    def incident_message(self, alert: Alert, channel: str) -> Posted:
        """As the store knows it; without it, a resolve is a message of its own."""
        if not self._threads:
            return NOWHERE
        try:
            return self._claims.incident(alert, channel).root
        except STORE_DOWN:
            return NOWHERE

    def record(self, alert: Alert, channel: str, posted: Posted) -> None:
        """Tried for a moment; what cannot be recorded this process remembers by itself."""
        policy = call_policy("record what Slack took", stopping=self._stopping, seconds=_RECORD_SECONDS)
        try:
            policy(self._claims.record_sent, alert, channel, posted)
        except MeetupError as error:
            self._memory.remember(alert)
            self._limited.error(
                "not recorded",
                "what Slack took could not be recorded, another replica may send it again: %s",
                error,
                extra={"event": "not_recorded"},
            )
        else:
            self._memory.forget(alert)

    def release(self, alert: Alert) -> None:
        """One try: a claim that is not given back runs out."""
        try:
            self._claims.release(alert.key)
        except STORE_DOWN:
            self._limited.warning(
                "not released", "a claim is not given back; it runs out by itself", extra={"event": "not_released"}
            )


class Local:
    """This process alone, for the time without a document store."""

    def __init__(self, claims: Claims, memory: LocalMemory, metrics: Metrics) -> None:
        self._claims = claims
        self._memory = memory
        self._metrics = metrics
        self._limited = LimitedLog(log, seconds=_LOG_SECONDS)

    def is_stored(self, alert: Alert) -> bool:
        """Whether this process has sent it while the store was down."""
        return self._memory.is_stored(alert.key)

    def forget(self, alert: Alert) -> None:
        """The store has it."""
        self._memory.forget(alert)

    def claim(self, error: MeetupError) -> Taken:
        """Always ours; ``error`` is why the store was not asked."""
        self._metrics.without_store.inc()
        self._limited.error(
            "without store",
            "alerts are deduplicated by this replica alone: %s",
            error,
            extra={"event": "without_store"},
        )
        return Taken()

    def postpone(self, alert: Alert, channel: str) -> Outcome:  # noqa: ARG002  (there is no outbox without a store)
        return RetryLater(Reason.STORE_UNAVAILABLE, _STORE_RETRY)

    def incident_message(self, alert: Alert, channel: str) -> Posted:  # noqa: ARG002  (the store knows it)
        return NOWHERE

    def record(self, alert: Alert, channel: str, posted: Posted) -> None:
        """Here; and once in the store: if only one of its answers was lost, the other replicas know what was sent."""
        self._memory.remember(alert)
        try:
            self._claims.record_sent(alert, channel, posted)
        except MeetupError:
            return  # the store is down, as has been logged
        self._memory.forget(alert)

    def release(self, alert: Alert) -> None:
        """Nothing was claimed."""
