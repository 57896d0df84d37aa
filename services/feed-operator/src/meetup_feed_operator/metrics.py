"""What the operator says of itself to Prometheus."""

from importlib.metadata import version

from meetupkit.build_info import register_build_info
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """The operator's metrics in a registry of their own; the README's table explains each."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        register_build_info(self.registry, "feed-operator", version("meetup-feed-operator"))
        self.feeds = Gauge(
            "meetup_operator_feeds",
            "MeetupFeeds by state: ready, paused, degraded, other.",
            ["state"],
            registry=self.registry,
        )
        self.feed_wanted = Gauge(
            "meetup_operator_feed_wanted",
            "1 if the feed is to be read, 0 while it is paused; at the last resync.",
            ["feed", "feed_namespace"],
            registry=self.registry,
        )
        self.reconciles = Counter(
            "meetup_operator_reconciles_total",
            "Reconciliations of a feed: succeeded, failed (tried again), crashed (a bug).",
            ["outcome"],
            registry=self.registry,
        )
        self.reconcile_seconds = Histogram(
            "meetup_operator_reconcile_duration_seconds",
            "How long a reconciliation took.",
            registry=self.registry,
            buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60),
        )
        self.changes = Counter(
            "meetup_operator_changes_total",
            "Objects of feeds that were created, updated or repaired.",
            ["kind", "change"],
            registry=self.registry,
        )
        self.api_requests = Counter(
            "meetup_operator_api_requests_total",
            "Requests to the API server, kopf's own not among them; code none: no answer.",
            ["verb", "kind", "code"],
            registry=self.registry,
        )
        self.watch_events = Counter(
            "meetup_operator_watch_events_total", "Changes the watches reported.", ["kind"], registry=self.registry
        )
        self.watch_failures = Counter(
            "meetup_operator_watch_failures_total",
            "How often a watch ended and was set up again.",
            registry=self.registry,
        )
        self.resync_timestamp = Gauge(
            "meetup_operator_last_resync_timestamp_seconds",
            "When everything was last listed with success.",
            registry=self.registry,
        )
        self.pod_scrapes = Counter(
            "meetup_operator_pod_scrapes_total",
            "Scrapes of stream pods: read, failed.",
            ["outcome"],
            registry=self.registry,
        )
        self.events_lost = Counter(
            "meetup_operator_events_lost_total", "Kubernetes events that could not be posted.", registry=self.registry
        )
        self.standby = Gauge(
            "meetup_operator_standby_namespaces",
            "Namespaces whose feeds another operator serves.",
            registry=self.registry,
        )
        for outcome in ("succeeded", "failed", "crashed"):  # so that a rate over them begins at 0 and not at the first
            self.reconciles.labels(outcome)
        for outcome in ("read", "failed"):
            self.pod_scrapes.labels(outcome)
        self.queue_depth = Gauge(
            "meetup_operator_queue_depth",
            "Feeds that are due for a reconciliation, at the last resync.",
            registry=self.registry,
        )
