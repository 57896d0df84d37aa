"""What ``serve`` measures; the README's table names every one of these."""

from importlib.metadata import version

from meetupkit.build_info import register_build_info
from prometheus_client import CollectorRegistry, Counter, Gauge

from meetup_insight.publishing.bundle import Manifest


class Metrics:
    """In a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        register_build_info(self.registry, "insight", version("meetup-insight"))

        def gauge(name: str, meaning: str) -> Gauge:
            return Gauge(f"meetup_insight_{name}", meaning, registry=self.registry)

        self.builds = Counter("meetup_insight_builds", "Builds that ended", ["outcome"], registry=self.registry)
        for outcome in ("published", "failed"):
            self.builds.labels(outcome)
        self.last_success = gauge("last_build_timestamp_seconds", "When what is shown was published; 0: nothing is")
        self.last_failed = gauge("last_build_failed", "1 if the last build failed")
        self.rebuild = gauge("rebuild_seconds", "How long after the end of one build the next begins")
        self.seconds = gauge("build_seconds", "How long the last published build took")
        self.newest = gauge("newest_record_timestamp_seconds", "The mtime of the newest RSVP that is shown")
        self.rows = Gauge("meetup_insight_rows", "Rows of each table", ["table"], registry=self.registry)
        self.pages = Counter("meetup_insight_pages", "Answers", ["status"], registry=self.registry)
        for status in ("200", "500", "503"):  # so that an increase sees the first of them
            self.pages.labels(status)

    def published(self, manifest: Manifest) -> None:
        """What a build published."""
        self.last_success.set(manifest.finished_at)
        self.seconds.set(manifest.finished_at - manifest.started_at)
        self.newest.set(manifest.newest or 0)
        for table, count in manifest.rows.items():
            self.rows.labels(table).set(count)
