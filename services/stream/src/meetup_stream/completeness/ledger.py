"""The ledger: one object a day that answers "is anything missing from that day?".

Each connection has an entry: when it was open, how it ended, what became of its lines. A connection asks for all that
the server still has, so the first record that it brings is normally one that is known already, and that proves that
nothing lies between it and the connection before. A first record that is new means that the server's backlog did not
reach back: a possible gap, which is counted, logged, and named by the mtimes at its two ends. It is written down before
that record is stored, because whoever reads it again finds it known.

Meetup announces no count of what it sends, so what came is all that is known of it: ``received``, the whole lines. Each
ends as ``stored``, ``duplicate`` or ``rejected``; what is left over is still under way.

The day's figures are metrics too. They go on where the object of the day ended, so they outlive the process.

All of it happens in the writer's thread, which sees connections begin and end in the order of their lines.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from meetupkit.errors import Conflict, ObjectRefused, TransientError
from meetupkit.feeds import Feed
from meetupkit.limited_log import LimitedLog
from meetupkit.records import Record, read_line
from meetupkit.stores.objects import ObjectStore

from meetup_stream.completeness.day import Entry, Figures
from meetup_stream.completeness.day_object import DayObject
from meetup_stream.metrics import Metrics
from meetup_stream.reading.intake import Closed, Opened, TimedLine
from meetup_stream.reading.lines import OversizedLine

log = logging.getLogger(__name__)

SAVE_SECONDS: Final = 60.0
"""What a kill forgets of the counts; no record depends on it."""
PUBLISH_SECONDS: Final = 5.0
"""Between two looks at the day's figures: metrics are fetched every fifteen seconds or so."""
MAX_ENTRIES: Final = 1_000
"""Of one day: a connection that flaps every minute and a half. Later ones share the last entry, which keeps a gap that
one of them has shown."""
_DUE: Final = 0.0
"""When the ledger was last saved, if it is to be saved at the next look: long ago."""


class Ledger:
    """Today's entries, in the object ``{label}/_ledger/{date}``.

    ``with_retries`` makes a call to the store for as long as it takes.
    """

    def __init__(
        self,
        feed: Feed,
        label: str,
        store: ObjectStore,
        *,
        metrics: Metrics,
        with_retries: Callable[[Callable[[], None]], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._feed = feed
        self._object = DayObject(feed.name, label, store)
        self._metrics = metrics
        self._with_retries = with_retries
        self._clock = clock
        self._log = LimitedLog(log)
        self._day = ""
        self._earlier: list[Entry] = []
        """The day's connections of other processes."""
        self._own: list[Entry] = []
        self._unjudged: Entry | None = None
        """The connection that is open, while its first record is still to come and will prove something."""
        self._saved_at = _DUE
        self._published_at = _DUE

    def opened(self, event: Opened, *, mtime_before: int) -> Entry:
        """A connection is open; the entry counts what becomes of its lines. ``mtime_before`` is the checkpoint's."""
        if not self._own or len(self._earlier) + len(self._own) < MAX_ENTRIES:
            self._own.append(Entry(_iso(event.at), mtime_before=mtime_before, whole=event.whole))
        else:
            shared = self._own[-1]
            shared.shared_by, shared.closed_at, shared.cause = shared.shared_by + 1, None, None
            if shared.overlap is not False:
                shared.mtime_before = mtime_before
        entry = self._own[-1]
        self._unjudged = entry if mtime_before and not event.whole else None
        return entry

    def closed(self, event: Closed) -> None:
        """The connection has ended."""
        if self._own and self._own[-1].closed_at is None:
            self._own[-1].closed_at, self._own[-1].cause = _iso(event.at), event.cause

    def judging(self, lines: Sequence[TimedLine], is_stored: Callable[[Record], bool]) -> Iterator[Sequence[TimedLine]]:
        """The same lines in portions, for a writer that writes each before it asks for the next.

        The first record of a connection begins one: ``is_stored`` tells, before it is written, whether it was before.
        """
        if self._own:
            self._own[-1].received += len(lines)
        first, record = self._first_record(lines)
        if record is None:
            yield lines
            return
        if first:
            yield lines[:first]
        self._judge(record, known=is_stored(record))
        yield lines[first:]

    def save(self, *, now: bool = False) -> None:
        """Write the day's object if it is time, or ``now``; what cannot be written is written with the next."""
        moment = self._clock()
        if now or moment - self._saved_at >= SAVE_SECONDS:
            try:
                self._try_to_save()
            except TransientError as error:  # tried again a minute later, with all that came until then
                self._log.warning(
                    "unsaved", "the ledger waits for its store: %s", error, extra={"event": "ledger_unsaved"}
                )
        if now or moment - self._published_at >= PUBLISH_SECONDS:
            self._publish()

    def _first_record(self, lines: Sequence[TimedLine]) -> tuple[int, Record | None]:
        """The record among the lines that will prove something, and its place."""
        if self._unjudged:
            for index, (line, _) in enumerate(lines):
                if isinstance(line, OversizedLine):
                    continue
                record = read_line(self._feed, line)
                if isinstance(record, Record):
                    return index, record
        return 0, None

    def _judge(self, record: Record, *, known: bool) -> None:
        entry, self._unjudged = self._unjudged, None
        if entry is None:
            return
        if entry.overlap is not False:
            entry.first_mtime, entry.overlap = record.mtime, known
        if known:
            self._metrics.overlaps.inc()
            return
        self._metrics.gaps.inc()
        self._log.warning(
            "gap",
            "possible gap: the server's backlog did not reach back to what is stored (mtimes %d to %d)",
            entry.mtime_before,
            record.mtime,
            extra={"event": "gap", "mtime_before": entry.mtime_before, "first_mtime": record.mtime},
        )
        self._with_retries(self._save_gap)

    def _save_gap(self) -> None:
        if not (self._try_to_save() or self._try_to_save()):
            raise TransientError("another process writes the ledger too")
        self._publish()

    def _try_to_save(self) -> bool:
        """Whether nothing more is to be done; a place where no ledger can lie stops no feed."""
        try:
            return self._save_or_join()
        except ObjectRefused as error:
            self._log.error("unusable", "the ledger cannot be kept: %s", error, extra={"event": "ledger_unusable"})
            return True

    def _save_or_join(self) -> bool:
        """Whether somebody else had not written meanwhile: then theirs and ours go together with the next."""
        self._saved_at = self._clock()
        try:
            if self._day != self._today():
                self._turn_day()
            self._write()
        except Conflict:
            self._join(self._day)
            self._saved_at = _DUE
            return False
        return True

    def _turn_day(self) -> None:
        """Finish the day that ends; go on with what the new day's object holds, as after a restart."""
        if self._day:
            self._write()
            self._own = [entry for entry in self._own if self._goes_on(entry)]
            for entry in self._own:
                entry.go_on(judged=entry is not self._unjudged)
            self._earlier, self._day = [], ""  # what is kept now is not that day's any more
        self._join(self._today())

    def _goes_on(self, entry: Entry) -> bool:
        return entry.closed_at is None or entry is self._unjudged or entry.under_way > 0

    def _join(self, day: str) -> None:
        """Put the entries that are stored of the day, and are not this process's, before its own."""
        try:
            stored = self._object.read(day)
        except ObjectRefused:
            self._day = day  # it is counted from here on
            raise
        own = {entry.opened_at for entry in self._own}
        self._earlier = [entry for entry in stored if entry.opened_at not in own]
        for entry in self._earlier:
            entry.cause = entry.cause or "process ended"
        self._day = day

    def _write(self) -> None:
        self._object.write(self._day, [*self._earlier, *self._own], saved_at=_iso(self._clock()))

    def _publish(self) -> None:
        """The day's figures as metrics; not before what the day's object holds is among them."""
        if not self._day:
            return
        self._published_at = self._clock()
        figures = Figures.of([*self._earlier, *self._own])
        self._metrics.ledger_since.set(datetime.fromisoformat(f"{self._day}T00:00:00+00:00").timestamp())
        for verdict, connections in figures.connections.items():
            self._metrics.ledger_connections[verdict].set(connections)
        for state, lines in figures.lines.items():
            self._metrics.ledger_lines[state].set(lines)
        if figures.last_gap:
            self._metrics.last_gap_from.set(figures.last_gap[0] / 1000)
            self._metrics.last_gap_to.set(figures.last_gap[1] / 1000)

    def _today(self) -> str:
        return _iso(self._clock())[:10]


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")
