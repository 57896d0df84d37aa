"""Counts what became of each line, the same way for every layout."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from meetupkit.records import Reason, Record

from meetup_stream.creation import Outcome
from meetup_stream.metrics import Metrics

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Tally:
    """What is counted of some records once they are durable; the records themselves need not be kept for it."""

    mtimes: list[int] = field(default_factory=list)
    """In milliseconds."""
    read_at: list[float] = field(default_factory=list)
    """The monotonic times at which their lines were read, in seconds."""
    size: int = 0
    """Of all bodies, in bytes."""

    def add(self, record: Record, read_at: float) -> None:
        """One more record."""
        self.mtimes.append(record.mtime)
        self.read_at.append(read_at)
        self.size += len(record.body)

    def __len__(self) -> int:
        return len(self.mtimes)


class Account:
    """One line, one entry: stored (collided or not), duplicate or rejected."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.time) -> None:
        self._metrics = metrics
        self._clock = clock

    def stored(self, tally: Tally) -> None:
        """The records have become durable now."""
        if not tally:
            return
        now, moment = self._clock(), time.monotonic()
        self._metrics.records_stored.inc(len(tally))
        self._metrics.bytes_stored.inc(tally.size)
        self._metrics.last_stored.set(now)
        self._metrics.durable_seconds.observe_all([moment - read_at for read_at in tally.read_at])
        self._metrics.lag_seconds.observe_all([max(0.0, now - mtime / 1000) for mtime in tally.mtimes])

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
