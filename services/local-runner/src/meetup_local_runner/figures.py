"""What the table shows: totals over all lives of a process, the rate, the lag. Pure; the clock is an argument.

A counter starts at 0 with each life of a process, so the last count of every former life is added to the page of the
present one.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Self

from meetup_local_runner.scrape import Bucket, Page

WINDOW_SECONDS: Final = 10.0
"""Rate and lag are those of so long: short enough to follow, long enough to be read."""
STALE_SECONDS: Final = 3.5
"""Three rounds without a page: what was read before is no longer what is."""


@dataclass(frozen=True, slots=True)
class StreamCounts:
    """What one stream did with the records it read."""

    stored: int = 0
    duplicate: int = 0
    rejected: int = 0

    def __add__(self, other: Self) -> "StreamCounts":
        return StreamCounts(
            self.stored + other.stored, self.duplicate + other.duplicate, self.rejected + other.rejected
        )

    @classmethod
    def of_page(cls, page: Page) -> Self:
        """Those of a life, up to now."""
        return cls(
            stored=int(page.total("meetup_stream_records_stored_total")),
            duplicate=int(page.total("meetup_stream_records_duplicate_total")),
            rejected=int(page.total("meetup_stream_records_rejected_total")),
        )

    def at_end(self, totals: Mapping[str, int]) -> "StreamCounts":
        """These, with the totals that the process logged at its end."""
        return StreamCounts(
            stored=totals.get("records_stored", self.stored),
            duplicate=totals.get("records_duplicate", self.duplicate),
            rejected=totals.get("records_rejected", self.rejected),
        )


@dataclass(frozen=True, slots=True)
class EnricherCounts:
    """What the enricher did with the ids it took."""

    profiles: int = 0
    missing: int = 0
    fresh: int = 0
    """Ids whose profile was there already."""
    api_calls: int = 0

    def __add__(self, other: Self) -> "EnricherCounts":
        return EnricherCounts(
            self.profiles + other.profiles,
            self.missing + other.missing,
            self.fresh + other.fresh,
            self.api_calls + other.api_calls,
        )

    @classmethod
    def of_page(cls, page: Page) -> Self:
        """Those of a life, up to now."""
        return cls(
            profiles=int(page.total("meetup_enricher_profiles_stored_total")),
            missing=int(page.total("meetup_enricher_profiles_missing_total")),
            fresh=int(page.total("meetup_enricher_ids_total", outcome="fresh")),
            api_calls=int(page.total("meetup_enricher_api_calls_total")),
        )

    def at_end(self, totals: Mapping[str, int]) -> "EnricherCounts":
        """These, with the totals that the process logged at its end."""
        return replace(
            self,
            profiles=totals.get("profiles_stored", self.profiles),
            missing=totals.get("profiles_missing", self.missing),
            api_calls=totals.get("api_calls", self.api_calls),
        )


@dataclass(slots=True)
class StreamHistory:
    """One feed."""

    former: StreamCounts = StreamCounts()
    present: StreamCounts = StreamCounts()
    _window: deque[tuple[float, int, Sequence[Bucket]]] = field(default_factory=deque)

    @property
    def counts(self) -> StreamCounts:
        """Over all lives."""
        return self.former + self.present

    def observe(self, now: float, page: Page) -> None:
        """A scrape at that time."""
        self.present = StreamCounts.of_page(page)
        self._window.append((now, self.present.stored, page.buckets("meetup_stream_lag_seconds")))
        while len(self._window) > 2 and self._window[1][0] <= now - WINDOW_SECONDS:
            self._window.popleft()

    def life_ended(self, totals: Mapping[str, int] | None) -> None:
        """The process is gone; its own last count, if it gave one, is truer than the last scrape."""
        self.former = self.former + self.present.at_end(totals or {})
        self.present = StreamCounts()
        self._window.clear()

    def silent_seconds(self, now: float) -> float:
        """How long ago the figures were read; infinite if they never were in this life of the process."""
        return now - self._window[-1][0] if self._window else float("inf")

    @property
    def per_second(self) -> float:
        """Records stored per second, over the window."""
        if len(self._window) < 2:
            return 0.0
        (since, before, _), (now, after, _) = self._window[0], self._window[-1]
        return (after - before) / (now - since) if now > since else 0.0

    @property
    def lag(self) -> float | None:
        """Median seconds from a record's mtime to its object, over the window; infinite beyond the last bucket."""
        if not self._window:
            return None
        before = dict(self._window[0][2]) if len(self._window) > 1 else {}
        return median([(bound, count - before.get(bound, 0.0)) for bound, count in self._window[-1][2]])


@dataclass(slots=True)
class EnricherHistory:
    """The enricher. ``queue`` is how many ids wait now."""

    former: EnricherCounts = EnricherCounts()
    present: EnricherCounts = EnricherCounts()
    queue: int = 0
    _seen_at: float | None = None

    @property
    def counts(self) -> EnricherCounts:
        """Over all lives."""
        return self.former + self.present

    def silent_seconds(self, now: float) -> float:
        """How long ago the figures were read; infinite if they never were in this life of the process."""
        return now - self._seen_at if self._seen_at is not None else float("inf")

    def observe(self, now: float, page: Page) -> None:
        """A scrape at that time."""
        self._seen_at = now
        self.present = EnricherCounts.of_page(page)
        self.queue = int(page.total("meetup_enricher_queue_depth"))

    def life_ended(self, totals: Mapping[str, int] | None) -> None:
        """The process is gone; its own last count, if it gave one, is truer than the last scrape."""
        self.former = self.former + self.present.at_end(totals or {})
        self.present = EnricherCounts()
        self._seen_at = None


def median(buckets: Sequence[Bucket]) -> float | None:
    """As Prometheus' ``histogram_quantile(0.5)``: linear within the bucket; ``inf`` past the last finite bound."""
    ordered = sorted(buckets)
    if not ordered or not ordered[-1][1]:
        return None
    rank, lower, below = ordered[-1][1] / 2, 0.0, 0.0
    for bound, count in ordered:
        if count >= rank:
            return bound if bound == float("inf") else lower + (bound - lower) * (rank - below) / (count - below)
        lower, below = bound, count
    return None
