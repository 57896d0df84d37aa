"""The ledger: one object a day that answers "is anything missing from that day?".

Each connection has an entry: when it was open, how it ended, what became of its lines. A connection asks for all that
the server still has, so the first record that it brings is normally one that is known already, and that proves that
nothing lies between it and the connection before. A first record that is new means that the server's backlog did not
reach back: a possible gap, which is counted, logged, and named by the mtimes at its two ends. It is written down before
that record is stored, because whoever reads it again finds it known.

Meetup announces no count of what it sends, so what came is all that is known of it: ``received``, the whole lines. Each
ends as ``stored``, ``duplicate`` or ``rejected``; what is left over is still under way.

The day's figures are metrics too. They go on where the object of the day ended, so they outlive the process.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from meetupkit.errors import Conflict, ObjectRefused, TransientError
from meetupkit.feeds import Feed
from meetupkit.limited_log import LimitedLog
from meetupkit.records import Record, read_line
from meetupkit.stores.objects import ObjectStore

from meetup_stream.intake import TimedLine
from meetup_stream.ledger_day import MAX_BYTES, Day, Entry, Figures, ledger_prefix
from meetup_stream.lines import OversizedLine
from meetup_stream.metrics import Metrics
from meetup_stream.set_aside import keep_copy

log = logging.getLogger(__name__)

SAVE_SECONDS: Final = 60.0
"""What a kill forgets of the counts; no record depends on it."""
MAX_ENTRIES: Final = 1_000
"""Of one day: a connection that flaps every minute and a half. Later ones share the last entry, which keeps a gap that
one of them has shown."""
_DUE: Final = 0.0
"""When the ledger was last saved, if it is to be saved at the next look: long ago."""


class Ledger:
    """Today's entries, in the object ``{label}/_ledger/{date}``.

    The reader opens and closes connections, the writer has its lines judged, the keeper of the cursor saves.
    ``patiently`` makes a call to the store for as long as it takes.
    """

    def __init__(
        self,
        feed: Feed,
        label: str,
        store: ObjectStore,
        *,
        metrics: Metrics,
        patiently: Callable[[Callable[[], None]], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._feed = feed
        self._label = label
        self._store = store
        self._metrics = metrics
        self._patiently = patiently
        self._clock = clock
        self._log = LimitedLog(log)
        self._lock = threading.Lock()
        self._saving = threading.Lock()
        self._day = ""
        self._version = 0
        self._entries: list[Entry] = []
        self._counted = metrics.totals()
        self._unjudged: list[tuple[float, Entry | None]] = []
        """Connections whose first record is still to be judged: when each was opened, in monotonic seconds, and its
        entry, or ``None`` where nothing can be proven. Several, while lines wait for a store that is away."""
        self._saved_at = _DUE

    def opened(self, *, mtime_before: int, provable: bool) -> None:
        """A connection is open. ``mtime_before`` is the cursor; a pass of a whole database can prove no overlap."""
        with self._lock:
            self._count()
            if len(self._entries) < MAX_ENTRIES:
                self._entries.append(Entry(self._now(), mtime_before=mtime_before, whole=not provable))
            else:
                shared = self._entries[-1]
                shared.shared_by, shared.closed_at, shared.cause = shared.shared_by + 1, None, None
                if shared.overlap is not False:
                    shared.mtime_before = mtime_before
            provable_entry = self._entries[-1] if provable and mtime_before else None
            # Beyond the bound a connection shares the verdict of the one before it, as it shares the entry.
            if (provable_entry or self._unjudged) and len(self._unjudged) < MAX_ENTRIES:
                self._unjudged.append((time.monotonic(), provable_entry))

    def closed(self, cause: str) -> None:
        """The connection has ended."""
        with self._lock:
            self._count()
            if self._entries and self._entries[-1].closed_at is None:
                self._entries[-1].closed_at, self._entries[-1].cause = self._now(), cause

    def judging(self, lines: Sequence[TimedLine], knows: Callable[[Record], bool]) -> Iterator[Sequence[TimedLine]]:
        """The same lines in portions, for a writer that writes each before it asks for the next.

        The first record of a connection begins one: ``knows`` says, before it is written, whether it is stored already.
        """
        start = 0
        if self._unjudged:
            for index, line in enumerate(lines):
                record = self._record(line) if self._is_first(line) else None
                if record is None:
                    continue
                if start < index:
                    yield lines[start:index]
                    start = index
                self._judge(record, line[1], known=knows(record))
        if start < len(lines):
            yield lines[start:]

    def save(self, *, now: bool = False) -> None:
        """Write the day's object if it is time, or ``now``; what cannot be written is written with the next."""
        with self._saving:
            if now or self._clock() - self._saved_at >= SAVE_SECONDS:
                try:
                    self._try_to_save()
                except TransientError as error:  # tried again a minute later, with all that came until then
                    log.warning("the ledger waits for its store: %s", error, extra={"event": "ledger_unsaved"})
            self._publish()

    def _judge(self, record: Record, read_at: float, *, known: bool) -> None:
        with self._lock:
            due = [entry for opened_at, entry in self._unjudged if opened_at <= read_at]
            self._unjudged = self._unjudged[len(due) :]
            entry = due[-1]  # those before it brought no record
            if entry is None:
                return
            if entry.overlap is not False:
                entry.first_mtime, entry.overlap = record.mtime, known
        if known:
            self._metrics.overlaps.inc()
            return
        self._metrics.gaps.inc()
        log.warning(
            "possible gap: the server's backlog did not reach back to what is stored (mtimes %d to %d)",
            entry.mtime_before,
            record.mtime,
            extra={"event": "gap", "mtime_before": entry.mtime_before, "first_mtime": record.mtime},
        )
        self._patiently(self._save_gap)

    def _save_gap(self) -> None:
        with self._saving:
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

    def _record(self, line: TimedLine) -> Record | None:
        if isinstance(line[0], OversizedLine):
            return None
        record = read_line(self._feed, line[0])
        return record if isinstance(record, Record) else None

    def _is_first(self, line: TimedLine) -> bool:
        return bool(self._unjudged) and line[1] >= self._unjudged[0][0]

    def _count(self) -> None:
        """Add to the last entry what has come of lines since the last look."""
        totals = self._metrics.totals()
        if self._entries:  # else the next connection's entry takes what came of lines that were read before it
            entry, before = self._entries[-1], self._counted
            entry.received += totals["lines_read"] - before["lines_read"]
            entry.stored += totals["records_stored"] - before["records_stored"]
            entry.duplicate += totals["records_duplicate"] - before["records_duplicate"]
            entry.rejected += totals["records_rejected"] - before["records_rejected"]
            self._counted = totals

    def _turn_day(self) -> None:
        """Finish the day that ends; go on with what the new day's object holds, as after a restart."""
        if self._day:
            self._write()
            with self._lock:
                self._entries = [
                    Entry(
                        last.opened_at,
                        last.closed_at,
                        last.cause,
                        mtime_before=last.mtime_before,
                        overlap=None if self._unjudged else True,
                        continued=True,
                        whole=last.whole,
                    )
                    for last in self._entries[-1:]
                    if last.closed_at is None or self._unjudged
                ]
                self._unjudged = [(opened_at, entry and self._entries[-1]) for opened_at, entry in self._unjudged]
            self._day = ""  # what is kept now is not that day's any more
        self._join(self._today())

    def _join(self, day: str) -> None:
        """Put the entries that are stored of the day, and are not this process's, before its own."""
        found = self._read(day)
        with self._lock:
            own = {entry.opened_at for entry in self._entries}
            before = [entry for entry in found if entry.opened_at not in own]
            for entry in before:
                entry.cause = entry.cause or "process ended"
            self._entries = before + self._entries
        self._day = day

    def _read(self, day: str) -> list[Entry]:
        """The stored entries; of a damaged object none, and a copy of it is kept."""
        name = self._name(day)
        try:
            stored = self._store.read(name, most=MAX_BYTES)
        except ObjectRefused:
            self._version, self._day = 0, day  # the day is counted from here on
            raise
        if stored is None:
            self._version = 0
            return []
        try:
            found = Day.from_json(stored.body).connections
        except ValueError as error:
            found = []
            log.error(
                "%s is unreadable (%s); begun anew, and kept as %s",
                name,
                error,
                keep_copy(self._store, self._label, name, stored.body),
                extra={"event": "ledger_unreadable"},
            )
        self._version = stored.version
        return found

    def _write(self) -> None:
        with self._lock:
            self._count()
            body = Day(self._now(), self._entries).to_json(self._feed.name)
        self._version = self._store.replace(self._name(self._day), body, expected_version=self._version)

    def _publish(self) -> None:
        """The day's figures as metrics; not before what the day's object holds is among them."""
        if not self._day:
            return
        with self._lock:
            self._count()
            figures = Figures.of(self._entries)
        self._metrics.ledger_since.set(datetime.fromisoformat(f"{self._day}T00:00:00+00:00").timestamp())
        for verdict, connections in figures.connections.items():
            self._metrics.ledger_connections[verdict].set(connections)
        for state, lines in figures.lines.items():
            self._metrics.ledger_lines[state].set(lines)
        if figures.last_gap:
            self._metrics.last_gap_from.set(figures.last_gap[0] / 1000)
            self._metrics.last_gap_to.set(figures.last_gap[1] / 1000)

    def _name(self, day: str) -> str:
        return f"{ledger_prefix(self._label)}{day}"

    def _today(self) -> str:
        return self._now()[:10]

    def _now(self) -> str:
        return datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="microseconds")
