"""The service's metrics. Every one is in the README's table; a test compares the two."""

from meetupkit.build_info import register_build_info
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from meetup_alert_webhook.delivery.outcomes import Reason
from meetup_alert_webhook.model import Source

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5, 10)
"""Around the aim of 0.3 s; an answer above 10 s comes too late for Alertmanager."""
_NAME = "meetup_alert_webhook"


class Metrics:
    """Labels are bounded: sources, results and reasons are listed in the README."""

    def __init__(self, registry: CollectorRegistry, *, version: str) -> None:
        def counter(name: str, meaning: str, *labels: str) -> Counter:
            return Counter(f"{_NAME}_{name}", meaning, labels, registry=registry)

        def gauge(name: str, meaning: str) -> Gauge:
            return Gauge(f"{_NAME}_{name}", meaning, registry=registry)

        def seconds(name: str, meaning: str, *labels: str) -> Histogram:
            return Histogram(f"{_NAME}_{name}_seconds", meaning, labels, registry=registry, buckets=_SECONDS)

        self.received = counter("received_total", "Notifications read and understood", "source")
        self.sent = counter("sent_total", "Notifications Slack took as messages of their own", "source")
        self.duplicates = counter("duplicates_total", "Notifications that were sent or queued before", "source")
        self.queued = counter("queued_total", "Notifications durably joined to a digest", "source")
        self.deferred = counter("deferred_total", "Notifications answered 503", "source", "reason")
        self.refused = counter("refused_total", "Requests answered 401, 403, 408, 413 or 415", "source", "reason")
        self.malformed = counter("malformed_total", "Bodies acknowledged although they could not be read", "source")
        self.digests = counter("digests_sent_total", "Digests Slack took")
        self.digested = counter("digested_total", "Notifications in the digests Slack took")
        self.slack_requests = counter("slack_requests_total", "Calls of Slack by what came of them", "result")
        self.slack_seconds = seconds("slack_request", "Time one call of Slack took")
        self.latency = seconds("accept_to_slack", "Time from a body read to the message taken by Slack", "source")
        self.retries = counter("retries_total", "Calls tried again", "call")
        self.without_store = counter("without_store_total", "Notifications handled while the document store was down")
        self.outbox = gauge("outbox_alerts", "Notifications waiting to be folded into a digest")
        self.digests_unreadable = gauge(
            "digests_unreadable", "Digests kept as dead letters, because no running version can read them"
        )
        self.slack_refused = gauge("slack_refused", "1 while Slack refuses the webhook or the token")
        self.heartbeat_age = gauge("heartbeat_age_seconds", "Time since the heartbeat alert was last seen")
        self.silent = gauge("monitoring_silent", "1 while the heartbeat has been missing for too long")
        self.pings = counter("pings_total", "Calls of the outside watchdog", "result")
        register_build_info(registry, "alert-webhook", version)
        for source in Source:  # so that a rate over each is 0 and not absent before the first
            for each in (self.received, self.sent, self.duplicates, self.queued, self.malformed):
                each.labels(source)
            for reason in Reason:  # an alert rule adds these up, and would not see the first of a new series
                self.deferred.labels(source, reason)
