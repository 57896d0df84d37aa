"""Counts what became of each line, the same way for every layout."""

import logging
import time
from collections.abc import Callable, Sequence

from meetupkit.records import Reason, Record

from meetup_stream.creation import Outcome
from meetup_stream.metrics import Metrics

log = logging.getLogger(__name__)

TimedRecord = tuple[Record, float]
"""A record and the monotonic time at which its line was read, in seconds."""


class Account:
    """One line, one entry: stored (collided or not), duplicate or rejected."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.time) -> None:
        self._metrics = metrics
        self._clock = clock

    def stored(self, records: Sequence[TimedRecord]) -> None:
        """The records have become durable now."""
        if not records:
            return
        now, moment = self._clock(), time.monotonic()
        self._metrics.records_stored.inc(len(records))
        self._metrics.bytes_stored.inc(sum([len(record.body) for record, _ in records]))
        self._metrics.last_stored.set(now)
        self._metrics.durable_seconds.observe_all([moment - read_at for _, read_at in records])
        self._metrics.lag_seconds.observe_all([max(0.0, now - record.mtime / 1000) for record, _ in records])

    def collided(self, name: str) -> None:
        """A stored record lies beside another body of its name."""
        self._metrics.records_collided.inc()
        log.warning(
            "another body has the name %s; this one is kept beside it",
            name,
            extra={"event": "collision", "object": name},
        )

    def rejected(self, reason: Reason, name: str, outcome: Outcome) -> None:
        """A line that is no record is quarantined; one that comes again is counted as a duplicate."""
        if outcome is Outcome.DUPLICATE:
            self.repeated()
            return
        self._metrics.rejected[reason].inc()
        log.warning(
            "not a record (%s), kept as %s", reason, name, extra={"event": "rejected", "reason": reason, "object": name}
        )

    def repeated(self) -> None:
        """A line whose record was stored before."""
        self._metrics.records_duplicate.inc()
