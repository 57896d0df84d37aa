"""From an alert to the answer its sender gets: acknowledged when Slack has it or the outbox does, and only then.

``_deliver`` is the whole order, and the order matters: claim, wait for a slot, send, record. Claim first, so that no
two replicas send the same; record last, so that a crash in between repeats the message and never loses it. A channel
whose queue is long, or which has just seen more of the same, gets the alert as part of a digest.

Where claims are kept is the strategy's: the document store shared by the replicas, or this process alone while the
store is down. Alerts still go out then: one of them may be about the store.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from meetupkit.errors import SlackRefused, SlackUnavailable
from meetupkit.limited_log import LimitedLog

from meetup_alert_webhook.delivery.channels import Routes
from meetup_alert_webhook.delivery.claims import Busy, Repeat, Taken
from meetup_alert_webhook.delivery.outcomes import Duplicate, Outcome, Queued, Reason, RetryLater, Sent
from meetup_alert_webhook.delivery.rate import RateLimiter
from meetup_alert_webhook.delivery.strategies import STORE_DOWN, Local, Shared, Strategy
from meetup_alert_webhook.metrics import Metrics
from meetup_alert_webhook.model import Alert, Severity, Source, Status
from meetup_alert_webhook.slack.blocks import Message, alert_message
from meetup_alert_webhook.slack.client import MessageGone, Posted
from meetup_alert_webhook.slack.sender import Sender

log = logging.getLogger(__name__)

_BUSY_RETRY: Final = 5.0
"""The longest a sender is asked to wait for another delivery of the same content."""
_LOG_SECONDS: Final = 1.0
"""Between two log lines of a kind: each alert of a storm meets the same trouble."""


class Delivery:
    """Blocking and thread-safe: one call per notification, from the API's threads."""

    def __init__(
        self,
        *,
        routes: Routes,
        shared: Shared,
        local: Local,
        rate: RateLimiter,
        sender: Sender,
        metrics: Metrics,
        collects: Callable[[str], float],
        queued: Callable[[], None],
        stopping: threading.Event,
    ) -> None:
        self._routes = routes
        self._shared = shared
        self._local = local
        self._rate = rate
        self._sender = sender
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
                extra={"event": "bug"},
                exc_info=error,
            )
            self._shared.release(alert)
            outcome = RetryLater(Reason.BUG, _BUSY_RETRY)
        self._count(alert, outcome, time.perf_counter() - began)
        return outcome

    def _deliver(self, alert: Alert, message: Message | None) -> Outcome:
        channel = self._routes.channel_of(alert)
        if reason := self._not_now(alert, channel):
            return reason
        strategy: Strategy = self._shared
        try:
            if self._joins_digest(alert, channel):
                return _answer(self._shared.queue(alert, channel), Queued())
            verdict = self._shared.claim(alert)
        except STORE_DOWN as error:
            strategy, verdict = self._local, self._local.claim(error)
        if not isinstance(verdict, Taken):
            return _answer(verdict, Sent())
        wait = self._rate.slot(channel)
        if wait is None:
            return strategy.postpone(alert, channel)
        if self._stopping.wait(wait):
            strategy.release(alert)
            return RetryLater(Reason.STOPPING, 1.0)
        try:
            root = strategy.incident_message(alert, channel)
            posted = self._send(alert, channel, message or alert_message(alert), root)
        except (SlackUnavailable, SlackRefused) as error:
            strategy.release(alert)
            return _retry_later(error)
        strategy.record(alert, channel, posted)
        return Sent()

    def _not_now(self, alert: Alert, channel: str) -> Outcome | None:
        """The answer, if it does not take a claim to know it."""
        if self._local.is_stored(alert):
            return Duplicate()
        if self._stopping.is_set():
            return RetryLater(Reason.STOPPING, 1.0)
        if paused := self._rate.paused(channel):
            return RetryLater(Reason.SLACK_PAUSED, paused)
        return None

    def _joins_digest(self, alert: Alert, channel: str) -> bool:
        if alert.source is Source.HEARTBEAT:
            return False  # a digest would bury it; it is brought again
        collects = self._collects(channel)
        if alert.kind and self._rate.is_more_of_the_same(channel, alert.kind, collects):
            return True
        if alert.severity is not Severity.CRITICAL and self._rate.was_long(channel, collects):
            return True  # one message a second for an hour is no way to tell of a storm; what is critical may try
        return self._rate.is_long(channel)

    def _send(self, alert: Alert, channel: str, message: Message, root: Posted) -> Posted:
        """A message of its own; or, for a resolve, the incident's message changed and answered."""
        if alert.status is Status.RESOLVED and root.ts and self._sender.update(channel, root, message):
            try:
                self._sender.post(channel, message, thread=root.ts)
            except MessageGone:
                return self._sender.post(channel, message)
            return root
        posted = self._sender.post(channel, message)
        self._rate.sent(channel, alert.kind)
        return posted

    def _count(self, alert: Alert, outcome: Outcome, seconds: float) -> None:
        match outcome:
            case Sent():
                with self._lock:
                    self._sent += 1
                self._metrics.sent.labels(alert.source).inc()
                self._metrics.latency.labels(alert.source).observe(seconds)
            case Duplicate():
                self._metrics.duplicates.labels(alert.source).inc()
            case Queued():
                self._metrics.queued.labels(alert.source).inc()
                self._local.forget(alert)
                self._queued()
            case RetryLater(reason=reason):
                self._metrics.deferred.labels(alert.source, reason).inc()


def _answer(verdict: Taken | Repeat | Busy, taken: Outcome) -> Outcome:
    match verdict:
        case Repeat():
            return Duplicate()
        case Busy(seconds=seconds):
            return RetryLater(Reason.BUSY, min(seconds, _BUSY_RETRY))
        case _:
            return taken


def _retry_later(error: SlackUnavailable | SlackRefused) -> RetryLater:
    if isinstance(error, SlackUnavailable):
        return RetryLater(Reason.SLACK_UNAVAILABLE, error.retry_after or 1.0)
    return RetryLater(Reason.SLACK_REFUSED, 15.0)
