"""From an alert to the answer its sender gets: acknowledged when Slack has it or the outbox does, and only then.

The order matters. Claim first, so that no two replicas send the same; send; record last, so that a crash in between
repeats the message and never loses it. A channel whose line is long, or which has just seen more of the same, gets the
alert as part of a digest: claim and outbox item in one commit.

While the document store is down alerts still go out, deduplicated by this process alone: the alert may be about the
store.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from meetupkit.errors import MeetupError, SlackRefused, SlackUnavailable, StoreRefused, StoreUnavailable
from meetupkit.limited_log import LimitedLog
from meetupkit.retry import call_policy

from meetup_alert_webhook.alerts import Alert, Severity, Source, Status
from meetup_alert_webhook.blocks import Message, alert_message
from meetup_alert_webhook.courier import Courier
from meetup_alert_webhook.deduplication import Busy, Claims, Incident, Repeat, Taken
from meetup_alert_webhook.memory import LocalMemory
from meetup_alert_webhook.metrics import Metrics
from meetup_alert_webhook.outbox import Outbox
from meetup_alert_webhook.outcomes import Duplicate, Later, Outcome, Queued, Reason, Said
from meetup_alert_webhook.pacing import Pace
from meetup_alert_webhook.routes import Routes
from meetup_alert_webhook.slack import MessageGone, Posted

log = logging.getLogger(__name__)

_RECORD_SECONDS: Final = 3.0
"""How long what Slack took is tried to be recorded, before it is left to the claim to run out."""
_BUSY_RETRY: Final = 5.0
"""The longest a sender is asked to wait for another delivery of the same content."""
_LOG_SECONDS: Final = 1.0
"""Between two log lines of a kind: each alert of a storm meets the same trouble."""
_STORE_DOWN: Final = (StoreUnavailable, StoreRefused)


class Delivery:
    """Blocking and thread-safe: one call a notification, from the API's threads."""

    def __init__(
        self,
        *,
        routes: Routes,
        claims: Claims,
        outbox: Outbox,
        pace: Pace,
        courier: Courier,
        memory: LocalMemory,
        metrics: Metrics,
        collects: Callable[[str], float],
        queued: Callable[[], None],
        stopping: threading.Event,
    ) -> None:
        self._routes = routes
        self._claims = claims
        self._outbox = outbox
        self._pace = pace
        self._courier = courier
        self._memory = memory
        self._metrics = metrics
        self._collects = collects
        self._queued = queued
        self._stopping = stopping
        self._lock = threading.Lock()
        self._limited = LimitedLog(log, seconds=_LOG_SECONDS)
        self._sent = 0

    @property
    def sent(self) -> int:
        """Messages Slack took so far, digests aside."""
        return self._sent

    def deliver(self, alert: Alert, message: Message | None = None) -> Outcome:
        """Bring the alert, as ``message`` if given, to its channel; counted by what came of it."""
        began = time.perf_counter()
        try:
            outcome = self._deliver(alert, message)
        except Exception as error:  # noqa: BLE001  (a bug must not cost the next alert, nor be forgotten by its sender)
            self._limited.error(
                "bug",
                "an alert could not be handled; its sender will bring it again: %s",
                type(error).__name__,
                extra={"event": "mistake"},
                exc_info=error,
            )
            self._release(alert.key)
            outcome = Later(Reason.MISTAKE, _BUSY_RETRY)
        match outcome:
            case Said():
                with self._lock:
                    self._sent += 1
                self._metrics.sent.labels(alert.source).inc()
                self._metrics.latency.labels(alert.source).observe(time.perf_counter() - began)
            case Duplicate():
                self._metrics.duplicates.labels(alert.source).inc()
            case Queued():
                self._metrics.queued.labels(alert.source).inc()
                self._memory.forget(alert)
                self._queued()
            case Later(reason=reason):
                self._metrics.deferred.labels(alert.source, reason).inc()
        return outcome

    def _deliver(self, alert: Alert, message: Message | None) -> Outcome:
        if self._memory.knows(alert.key):
            return Duplicate()
        channel = self._routes.channel_of(alert)
        if self._stopping.is_set():
            return Later(Reason.STOPPING, 1.0)
        if paused := self._pace.paused(channel):
            return Later(Reason.SLACK_PAUSED, paused)
        try:
            if self._should_join(alert, channel):
                item = self._outbox.item(alert, channel)
                return _answer(self._claims.queue(alert, channel, item), Queued())
            verdict = self._claims.take(alert.key)
        except _STORE_DOWN as error:
            return self._without_store(alert, channel, message, error)
        if not isinstance(verdict, Taken):
            return _answer(verdict, Said())
        return self._send_claimed(alert, channel, message)

    def _should_join(self, alert: Alert, channel: str) -> bool:
        if alert.source is Source.HEARTBEAT:
            return False  # a digest would bury it; it is brought again
        collects = self._collects(channel)
        if alert.kind and self._pace.is_more_of_the_same(channel, alert.kind, collects):
            return True
        if alert.severity is not Severity.CRITICAL and self._pace.was_long(channel, collects):
            return True  # one message a second for an hour is no way to tell of a storm; what is critical may try
        return self._pace.is_long(channel)

    def _send_claimed(self, alert: Alert, channel: str, message: Message | None) -> Outcome:
        wait = self._pace.turn(channel)
        try:
            if wait is None and alert.source is not Source.HEARTBEAT:
                self._claims.queue_taken(alert, channel, self._outbox.item(alert, channel))
                return Queued()
        except _STORE_DOWN:
            return Later(Reason.STORE_UNAVAILABLE, _BUSY_RETRY)  # the claim runs out by itself
        if wait is None or self._stopping.wait(wait):
            self._release(alert.key)
            return Later(Reason.STOPPING if self._stopping.is_set() else Reason.SLACK_PAUSED, 1.0)
        try:
            posted = self._post(alert, channel, message or alert_message(alert), self._incident(alert, channel))
        except (SlackUnavailable, SlackRefused) as error:
            self._release(alert.key)
            return _later(error)
        self._record(alert, channel, posted)
        return Said()

    def _post(self, alert: Alert, channel: str, message: Message, incident: Incident) -> Posted:
        """A message of its own; or, for a resolve, the incident's message changed and answered."""
        root = incident.root
        if alert.status is Status.RESOLVED and root.ts and self._courier.update(channel, root, message):
            try:
                self._courier.post(channel, message, thread=root.ts)
            except MessageGone:
                return self._courier.post(channel, message)
            return root
        posted = self._courier.post(channel, message)
        self._pace.said(channel, alert.kind)
        return posted

    def _incident(self, alert: Alert, channel: str) -> Incident:
        if not self._courier.threads:
            return Incident()
        try:
            return self._claims.incident(alert, channel)
        except _STORE_DOWN:
            return Incident()  # a resolve as a message of its own

    def _record(self, alert: Alert, channel: str, posted: Posted) -> None:
        policy = call_policy("record what Slack took", stopping=self._stopping, seconds=_RECORD_SECONDS)
        try:
            policy(self._claims.said, alert, channel, posted)
        except MeetupError as error:
            self._memory.said(alert)
            self._limited.error(
                "not recorded",
                "what Slack took could not be recorded, another replica may send it again: %s",
                error,
                extra={"event": "not_recorded"},
            )
        else:
            self._memory.forget(alert)

    def _without_store(self, alert: Alert, channel: str, message: Message | None, error: MeetupError) -> Outcome:
        """Straight to Slack, if the channel's line is short enough to wait in."""
        self._metrics.without_store.inc()
        self._limited.error(
            "without store",
            "alerts are deduplicated by this replica alone: %s",
            error,
            extra={"event": "without_store"},
        )
        wait = self._pace.turn(channel)
        if wait is None:
            return Later(Reason.STORE_UNAVAILABLE, _BUSY_RETRY)
        if self._stopping.wait(wait):
            return Later(Reason.STOPPING, 1.0)
        try:
            posted = self._courier.post(channel, message or alert_message(alert))
        except (SlackUnavailable, SlackRefused) as refusal:
            return _later(refusal)
        self._memory.said(alert)
        self._record_at_once(alert, channel, posted)
        return Said()

    def _record_at_once(self, alert: Alert, channel: str, posted: Posted) -> None:
        """One try: if it was only one answer of the store that was lost, the other replicas know what was said."""
        try:
            self._claims.said(alert, channel, posted)
        except MeetupError:
            return  # the store is down, as has been logged
        self._memory.forget(alert)

    def _release(self, key: str) -> None:
        try:
            self._claims.release(key)
        except _STORE_DOWN:
            self._limited.warning(
                "not released",
                "a claim is not given back; it runs out by itself",
                extra={"event": "not_released"},
            )


def _answer(verdict: Taken | Repeat | Busy, taken: Outcome) -> Outcome:
    match verdict:
        case Repeat():
            return Duplicate()
        case Busy(seconds=seconds):
            return Later(Reason.BUSY, min(seconds, _BUSY_RETRY))
        case _:
            return taken


def _later(error: SlackUnavailable | SlackRefused) -> Later:
    if isinstance(error, SlackUnavailable):
        return Later(Reason.SLACK_UNAVAILABLE, error.retry_after or 1.0)
    return Later(Reason.SLACK_REFUSED, 15.0)
