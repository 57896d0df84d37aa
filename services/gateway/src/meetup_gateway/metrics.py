"""The gateway's metrics; the README has them in a table."""

from typing import Final

from meetupkit.build_info import register_build_info
from meetupkit.feeds import FEEDS
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from meetup_gateway import __version__
from meetup_gateway.scheduling.intervals import Urgency

_LAG_SECONDS: Final = (1, 10, 30, 60, 120, 300, 600, 1200, 2400, 3600, 7200, 14_400, 43_200, 86_400)
"""A poll at most once per minute; by the dearest price some groups wait for hours."""
TARGET_STATES: Final = ("swept", "failing", "frozen", "gone", "sleeping", "unfollowed")
TOMBSTONES: Final = ("deleted", "canceled", "found", "unanswered", "suppressed")
QUARANTINE: Final = ("event", "rsvp", "group", "venue", "photo", "member")
REST_STATUSES: Final = ("200", "400", "401", "429", "503")


class Metrics:
    """Every metric of the service, in a registry of its own."""

    def __init__(self) -> None:
        self.registry: Final = CollectorRegistry()
        register_build_info(self.registry, "gateway", __version__)
        self._polling()
        self._points()
        self._serving()
        for feed in FEEDS:  # so that a rate over them begins at 0 and not at the first record
            self.records.labels(feed)
            self.lines.labels(feed)
            self.streams.labels(feed).set(0)
            self.from_store.labels(feed)
        for kind in TOMBSTONES:
            self.tombstones.labels(kind)
        for kind in QUARANTINE:
            self.quarantined.labels(kind)
        for kind in ("members", "groups"):
            for status in REST_STATUSES:
                self.rest.labels(kind, status)

    def reported(self, points: float) -> None:
        """Meetup said how many points the window held."""
        self.points_reported.set(points)

    def _polling(self) -> None:
        reg = self.registry
        self.polling = Gauge(
            "meetup_gateway_polling", "1 while this process polls, 0 while another does.", registry=reg
        )
        self.api_up = Gauge("meetup_gateway_api_up", "1 while Meetup's API answers, 0 while not.", registry=reg)
        self.api_refused = Gauge(
            "meetup_gateway_api_refused", "1 while Meetup refuses the key or the endpoint.", registry=reg
        )
        self.staleness = Gauge(
            "meetup_gateway_staleness_seconds",
            "Age of the oldest complete sweep, by how soon the group's next event starts.",
            ["urgency"],
            registry=reg,
        )
        self.interval = Gauge(
            "meetup_gateway_interval_seconds", "Planned time between two sweeps.", ["urgency"], registry=reg
        )
        self.lag = Histogram(
            "meetup_gateway_detection_lag_seconds",
            "From an RSVP's change at Meetup to its record.",
            registry=reg,
            buckets=_LAG_SECONDS,
        )
        self.targets = Gauge("meetup_gateway_targets", "Groups, by what is known of them.", ["state"], registry=reg)
        self.records = Counter("meetup_gateway_records_total", "Records appended to the log.", ["feed"], registry=reg)
        self.last_record = Gauge(
            "meetup_gateway_last_record_timestamp_seconds", "When a record was last appended.", registry=reg
        )
        self.gaps = Counter(
            "meetup_gateway_gaps_total", "Reads of answers that met nothing known and went on to the end.", registry=reg
        )
        self.vanished = Counter("meetup_gateway_rsvps_vanished_total", "RSVPs not shown any more.", registry=reg)
        self.unmoved = Counter(
            "meetup_gateway_updated_unmoved_total", "RSVPs that changed while their time did not.", registry=reg
        )
        self.stale = Counter("meetup_gateway_stale_answers_total", "Versions older than what is known.", registry=reg)
        self.rekeyed = Counter("meetup_gateway_rekeyed_total", "Events that took another id and token.", registry=reg)
        self.tombstones = Counter(
            "meetup_gateway_tombstones_total",
            "Vanished events asked for by id, by what came of it.",
            ["kind"],
            registry=reg,
        )
        self.quarantined = Counter(
            "meetup_gateway_quarantined_total", "Nodes that could not be understood.", ["kind"], registry=reg
        )
        self.lost_values = Counter(
            "meetup_gateway_lost_values_total",
            "Values of events and RSVPs that could not be translated, as often as they were read.",
            registry=reg,
        )
        self.silent_zero = Gauge(
            "meetup_gateway_silent_zero", "1 while many groups show no events all at once.", registry=reg
        )
        self.deprecated = Gauge(
            "meetup_gateway_deprecated_fields",
            "Fields that records are made of and that Meetup means to remove.",
            registry=reg,
        )
        self.schema_changes = Counter(
            "meetup_gateway_schema_changes_total",
            "Differences of Meetup's schema from one daily look to the next, by what changed.",
            ["change"],
            registry=reg,
        )
        self.contract = Gauge(
            "meetup_gateway_removed_fields", "Fields that Meetup's API lost; records go without.", registry=reg
        )

    def _points(self) -> None:
        reg = self.registry
        self.partial = Counter("meetup_gateway_partial_answers_total", "Answers in part.", registry=reg)
        self.limited = Counter("meetup_gateway_rate_limited_total", "Refusals for want of points.", registry=reg)
        self.unavailable = Counter("meetup_gateway_api_failures_total", "Calls without an answer.", registry=reg)
        self.points_estimated = Gauge(
            "meetup_gateway_points_estimated", "Points spent since the start, as estimated.", registry=reg
        )
        self.points_reported = Gauge(
            "meetup_gateway_points_reported",
            "Points of the window as Meetup last told them, in a refusal.",
            registry=reg,
        )
        self.points_left = Gauge(
            "meetup_gateway_points_left", "Points of the budget left in this minute.", registry=reg
        )
        self.root_price = Gauge(
            "meetup_gateway_points_per_root_field", "Estimated price of a root field.", registry=reg
        )
        self.request_price = Gauge("meetup_gateway_points_per_request", "Estimated price of a request.", registry=reg)

    def _serving(self) -> None:
        reg = self.registry
        self.streams = Gauge("meetup_gateway_streams", "Streams that are open.", ["feed"], registry=reg)
        self.lines = Counter("meetup_gateway_lines_sent_total", "Records sent to streams.", ["feed"], registry=reg)
        self.from_store = Counter(
            "meetup_gateway_old_cursors_total",
            "Streams that asked for more than the log holds.",
            ["feed"],
            registry=reg,
        )
        self.rest = Counter(
            "meetup_gateway_rest_calls_total", "Calls of /2/members and /2/groups.", ["kind", "status"], registry=reg
        )
        self.log_age = Gauge("meetup_gateway_log_age_seconds", "Age of the oldest record in the log.", registry=reg)
        self.store_up = Gauge(
            "meetup_gateway_store_up", "1 while the database takes records, 0 while not.", registry=reg
        )
        for urgency in Urgency:
            self.staleness.labels(urgency.value).set(0)
        for state in TARGET_STATES:
            self.targets.labels(state).set(0)
