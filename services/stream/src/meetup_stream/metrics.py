"""What a stream container measures; the README's table names every one of these."""

from importlib.metadata import version
from typing import Final

from meetupkit.build_info import register_build_info
from meetupkit.records import Reason
from prometheus_client import CollectorRegistry, Counter, Gauge

from meetup_stream.histogram import Histogram
from meetup_stream.labels import LINES, Disconnect, Verdict

_LAG_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
"""From a disk that answers at once to the half hour that a server's backlog was seen to hold."""


class Metrics:
    """One container's metrics, in a registry of its own; every series carries the feed."""

    def __init__(self, feed: str) -> None:
        self.registry = CollectorRegistry()
        register_build_info(self.registry, "stream", version("meetup-stream"), feed=feed)

        def counter(name: str, meaning: str) -> Counter:
            return Counter(f"meetup_stream_{name}", meaning, ["feed"], registry=self.registry).labels(feed)

        def gauge(name: str, meaning: str) -> Gauge:
            return Gauge(f"meetup_stream_{name}", meaning, ["feed"], registry=self.registry).labels(feed)

        def histogram(name: str, meaning: str) -> Histogram:
            return Histogram(f"meetup_stream_{name}", meaning, feed, buckets=_LAG_BUCKETS, registry=self.registry)

        self.lines_read = counter("lines_read", "Lines received whole")
        self.bytes_read = counter("bytes_read", "Bytes of the answers' bodies received")
        self.records_stored = counter("records_stored", "Records that became an object")
        self.bytes_stored = counter("bytes_stored", "Bytes of the records that became an object")
        self.records_duplicate = counter("records_duplicate", "Records whose object was there already")
        self.records_collided = counter("records_collided", "Records stored beside another body of the same name")
        self.objects_damaged = counter("objects_damaged", "Stored objects found damaged, kept under _damaged/")
        self.lines_discarded = counter("lines_discarded", "Rejected lines beyond what is kept in an hour, counted only")
        self._rejected = Counter(
            "meetup_stream_records_rejected",
            "Lines that are no record, kept under _rejected/",
            ["feed", "reason"],
            registry=self.registry,
        )
        self.rejected = {reason: self._rejected.labels(feed, reason) for reason in Reason}
        self._disconnects = Counter(
            "meetup_stream_disconnects", "Connections lost or not come about", ["feed", "cause"], registry=self.registry
        )
        self.disconnects = {cause: self._disconnects.labels(feed, cause) for cause in Disconnect}
        self.truncated_lines = counter("truncated_lines", "Beginnings of a record at the end of a connection")
        self.connects = counter("connects", "Connections that the server answered with 200")
        self.overlaps = counter("overlaps", "Connections whose first record was known: nothing is missing before it")
        self.gaps = counter("gaps", "Connections whose first record was new: the server may have forgotten some before")
        self.ledger_since = gauge("ledger_since_timestamp_seconds", "Start of the UTC day that the ledger counts")
        connections = Gauge(
            "meetup_stream_ledger_connections",
            "The day's connections, by whether something may be missing before them: overlap, gap, unproven",
            ["feed", "verdict"],
            registry=self.registry,
        )
        self.ledger_connections = {verdict: connections.labels(feed, verdict) for verdict in Verdict}
        lines = Gauge(
            "meetup_stream_ledger_lines",
            "The day's lines: received, and what became of them: stored, duplicate, rejected",
            ["feed", "state"],
            registry=self.registry,
        )
        self.ledger_lines = {state: lines.labels(feed, state) for state in LINES}
        self.last_gap_from = gauge("last_gap_from_timestamp_seconds", "Last mtime before the last gap; 0: none")
        self.last_gap_to = gauge("last_gap_to_timestamp_seconds", "Next mtime after the last gap; 0: none")
        self.connected = gauge("connected", "1 while a connection is open and answered")
        self.waiting = gauge("intake_lines", "Lines read and not yet stored")
        self.last_record = gauge("last_record_timestamp_seconds", "When the last line was read")
        self.last_stored = gauge("last_stored_timestamp_seconds", "When a record last became an object")
        self.cursor = gauge("cursor_timestamp_seconds", "The cursor: greatest mtime up to which all is durable")
        self.durable_seconds = histogram("durable_seconds", "From a line's last byte read to its object created")
        self.lag_seconds = histogram("lag_seconds", "From a record's mtime to its object created")
        self.store_up = gauge("store_up", "1 while the object store takes records, 0 while not")
        self._retries = Counter(
            "meetup_stream_retries", "Calls that failed and were tried again", ["feed", "call"], registry=self.registry
        )
        self.retries = {
            call: self._retries.labels(feed, call) for call in ("stream", "create", "cursor", "enrichments")
        }
        self.ids_pending = gauge("ids_pending", "Member and group ids the enricher has not accepted yet")
        self.ids_accepted = counter("ids_accepted", "Member and group ids the enricher accepted")

    def totals(self) -> dict[str, int]:
        """What became of this run's records: fields of its last log line, which comes after the last scrape."""
        totals = dict.fromkeys(("lines_read", "records_stored", "records_duplicate", "records_rejected"), 0)
        for family in self.registry.collect():
            name = family.name.removeprefix("meetup_stream_")
            if name in totals:
                totals[name] = int(sum(each.value for each in family.samples if each.name.endswith("_total")))
        return totals
