"""Counts what became of each line, the same way for every layout."""

import logging
import time
from collections.abc import Callable

from meetupkit.records import Reason, Record

from meetup_stream.creation import Outcome
from meetup_stream.metrics import Metrics

log = logging.getLogger(__name__)


class Account:
    """One line, one entry: stored (collided or not), duplicate or rejected."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.time) -> None:
        self._metrics = metrics
        self._clock = clock

    def record(self, record: Record, name: str, read_at: float, outcome: Outcome) -> None:
        """A record is durable; ``read_at`` is the monotonic time at which its line was read."""
        if outcome is Outcome.DUPLICATE:
            self._metrics.records_duplicate.inc()
            return
        now = self._clock()
        self._metrics.records_stored.inc()
        self._metrics.bytes_stored.inc(len(record.body))
        self._metrics.last_stored.set(now)
        self._metrics.durable_seconds.observe(time.monotonic() - read_at)
        self._metrics.lag_seconds.observe(max(0.0, now - record.mtime / 1000))
        if outcome is Outcome.COLLIDED:
            self._metrics.records_collided.inc()
            log.warning(
                "another body has the name %s; this one is kept beside it",
                name,
                extra={"event": "collision", "object": name},
            )

    def rejected(self, reason: Reason, name: str, outcome: Outcome) -> None:
        """A line that is no record is quarantined; one that comes again is counted as a duplicate."""
        if outcome is Outcome.DUPLICATE:
            self._metrics.records_duplicate.inc()
            return
        self._metrics.rejected[reason].inc()
        log.warning(
            "not a record (%s), kept as %s", reason, name, extra={"event": "rejected", "reason": reason, "object": name}
        )

    def repeated(self) -> None:
        """A line whose record was stored by this process not long ago."""
        self._metrics.records_duplicate.inc()
