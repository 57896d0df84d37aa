"""Counts what became of each line, the same way for every layout."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from meetupkit.foreign_text import printable
from meetupkit.limited_log import LimitedLog
from meetupkit.records import Reason, Record

from meetup_stream.metrics import Metrics
from meetup_stream.writing.parsing import Rejected

log = logging.getLogger(__name__)

WRONG_ROW_LINES: Final = 100
"""Lines in a row that lack what the feed's row names, and not one record: then the row is wrong, not the lines."""
_ROW: Final = frozenset({Reason.NO_ID, Reason.BAD_ID, Reason.NO_MTIME, Reason.BAD_MTIME})


class Counts(Protocol):
    """What has become of the lines of one connection."""

    stored: int
    duplicate: int
    rejected: int


@dataclass(slots=True)
class Uncounted:
    """Of lines of no connection."""

    stored: int = 0
    duplicate: int = 0
    rejected: int = 0


@dataclass(slots=True)
class Tally:
    """What is counted of some records once they are durable; the records themselves need not be kept for it."""

    mtimes: list[int] = field(default_factory=list)
    """In milliseconds."""
    read_at: list[float] = field(default_factory=list)
    """The monotonic times at which their lines were read, in seconds."""
    size: int = 0
    """Of all bodies, in bytes."""
    shares: list[tuple[int, Counts]] = field(default_factory=list)
    """How many records there were when those of a connection began, and where these are counted."""

    def begin(self, counts: Counts) -> None:
        """What is added from now on is counted there."""
        if not self.shares or self.shares[-1][1] is not counts:
            self.shares.append((len(self), counts))

    def count(self) -> None:
        """All of it is stored."""
        ends = [start for start, _ in self.shares[1:]] + [len(self)]
        for (start, counts), end in zip(self.shares, ends, strict=True):
            counts.stored += end - start

    def add(self, records: Sequence[Record], read_at: Sequence[float]) -> None:
        """More records."""
        self.mtimes += [record.mtime for record in records]
        self.read_at += read_at
        self.size += sum([len(record.body) for record in records])

    def __len__(self) -> int:
        return len(self.mtimes)


class Account:
    """One line, one entry: stored (collided or not), duplicate or rejected."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.time) -> None:
        self._metrics = metrics
        self._clock = clock
        self._log = LimitedLog(log)
        self.counts: Counts = Uncounted()
        """Of the connection whose lines come now."""
        self._lacking = 0
        self._lack = ""

    def stored(self, tally: Tally) -> None:
        """The records have become durable now."""
        if not tally:
            return
        self._lacking = 0
        now, moment = self._clock(), time.monotonic()
        tally.count()
        self._metrics.records_stored.inc(len(tally))
        self._metrics.bytes_stored.inc(tally.size)
        self._metrics.last_stored.set(now)
        self._metrics.durable_seconds.observe_all([moment - read_at for read_at in tally.read_at])
        self._metrics.lag_seconds.observe_all([max(0.0, now - mtime / 1000) for mtime in tally.mtimes])

    def collided(self, name: str) -> None:
        """A stored record lies beside another body of its name."""
        self._metrics.records_collided.inc()
        self._log.warning(
            "collision",
            "another body has the name %s; this one is kept beside it",
            name,
            extra={"event": "collision", "object": name},
        )

    def rejected(self, line: Rejected, name: str) -> None:
        """A line that is no record has become an object; one that comes again is counted as a duplicate."""
        self._reject(line.reason, self.counts)
        self._log.warning(
            f"rejected {line.reason}",
            "not a record (%s: %s), kept as %s",
            line.reason,
            printable(line.detail),
            name,
            extra={"event": "rejected", "reason": line.reason, "object": name},
        )
        if line.reason in _ROW:
            self._lack = f"{line.reason}: {line.detail}"
            self._lacks(1)

    def rejected_together(self, lines: Sequence[tuple[Reason, Counts]], name: str) -> None:
        """Many of them have become one object."""
        for reason, counts in lines:
            self._reject(reason, counts)
        self._lacks(sum(reason in _ROW for reason, _ in lines))
        self._log.warning(
            "rejected together",
            "%d lines that are no records are kept as %s",
            len(lines),
            name,
            extra={"event": "rejected", "object": name},
        )

    def discarded(self, line: Rejected) -> None:
        """A line that no row could read, beyond what is kept of such lines in an hour."""
        self._reject(line.reason, self.counts)
        self._metrics.lines_discarded.inc()
        self._log.error(
            "discarded",
            "more lines that are no records than are kept in an hour: this one (%s, %d bytes) is counted only",
            line.reason,
            line.length,
            extra={"event": "discarded", "reason": line.reason},
        )

    def _lacks(self, lines: int) -> None:
        self._lacking += lines
        if lines and self._lacking >= WRONG_ROW_LINES:
            self._log.error(
                "row",
                "%d lines and no record among them (%s): does the feed's row fit this stream?",
                self._lacking,
                printable(self._lack),
                extra={"event": "wrong_row"},
            )

    def duplicate(self, *, record: bool = True) -> None:
        """A line that was stored before."""
        if record:
            self._lacking = 0
        self.counts.duplicate += 1
        self._metrics.records_duplicate.inc()

    def _reject(self, reason: Reason, counts: Counts) -> None:
        counts.rejected += 1
        self._metrics.rejected[reason].inc()
