"""What every part of polling works with."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from meetupkit.limited_log import LimitedLog

from meetup_gateway.durations import DAY_MS, HOUR_MS, SECOND_MS
from meetup_gateway.metrics import Metrics
from meetup_gateway.source.api import Api
from meetup_gateway.source.watch import ApiWatch
from meetup_gateway.storage.meta import Meta
from meetup_gateway.storage.state import Commit, State
from meetup_gateway.translating.rows import Lost
from meetup_gateway.translating.tables import FIELDS_OF

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """What the settings say about polling; times in milliseconds."""

    count_every: int = 600 * SECOND_MS
    photos: bool = False
    waitlist: bool = False
    vanished_as_no: bool = False
    backfill: int = 0
    profile_age: int = 7 * DAY_MS
    floor_seconds: float = 60.0
    discovery_every: int = 12 * HOUR_MS
    schema_every: int = 0
    """Between two looks at the API's schema; 0 never looks."""
    idle_seconds: float = 5.0
    """The longest rest: the lease is renewed in between, so it is less than the lease's time."""


@dataclass(frozen=True, slots=True)
class Context:
    """The parts. ``clock`` gives seconds since the epoch; ``announce`` says that the log grew."""

    api: Api
    watch: ApiWatch
    state: State
    meta: Meta
    metrics: Metrics
    options: Options
    clock: Callable[[], float]
    announce: Callable[[], None]
    limited: LimitedLog = field(default_factory=lambda: LimitedLog(log))

    def now(self) -> int:
        """Milliseconds since the epoch."""
        return int(self.clock() * SECOND_MS)

    def unread(self) -> tuple[str, ...]:
        """Keys of event records that the API cannot fill any more."""
        return tuple({old.partition(".")[0] for field in self.watch.removed for old in FIELDS_OF.get(field, ())})

    def quarantine(self, kind: str, why: str) -> None:
        """A node could not be understood: it is left out, counted, and told of."""
        self.metrics.quarantined.labels(kind).inc()
        self.limited.warning(kind, "a node of kind %s is not understood: %s", kind, why, extra={"event": "quarantined"})

    def lost(self, values: Iterable[Lost]) -> None:
        """Values could not be translated: records go without them, and it is counted and told of."""
        for value in values:
            self.metrics.lost_values.inc()
            self.limited.warning(
                value.old,
                "records go without %s at times: %s",
                value.old,
                value.why,
                extra={"event": "value_lost"},
            )

    def committed(self, commit: Commit, *, fresh: bool) -> None:
        """Count what was appended; ``fresh``: it was being followed, so how late it came says something."""
        for version in commit.appended:
            self.metrics.records.labels(version.feed).inc()
            if fresh and version.updated is not None:
                self.metrics.lag.observe(max(0, commit.appended_ms - version.updated) / SECOND_MS)
        if commit.appended:
            self.metrics.last_record.set(self.clock())
            self.announce()
