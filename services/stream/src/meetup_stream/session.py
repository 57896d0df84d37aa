"""A record's data flow in one process: reading -> intake -> writing -> enrichment -> checkpoint.

A session owns the feed's cursor. It ends when the process is stopped, when the server or a store refuses for good, or
when another process has taken the cursor over.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from meetupkit.errors import PermanentError, StoreUnavailable
from meetupkit.failpoints import Failpoint, hit
from meetupkit.feeds import Feed
from meetupkit.progress import Progress
from meetupkit.stores.objects import ObjectStore

from meetup_stream.checkpoint import Cursor
from meetup_stream.completeness.ledger import Ledger
from meetup_stream.enrichment import Announcer, Enricher
from meetup_stream.metrics import Metrics
from meetup_stream.reading.intake import Closed, Intake, Lines, Opened, TimedLine
from meetup_stream.reading.resume import Request, is_trickle, resume_url
from meetup_stream.reading.source import Source
from meetup_stream.writing.account import Account
from meetup_stream.writing.damaged import DamagedObjects
from meetup_stream.writing.layout import Durable, Writer
from meetup_stream.writing.records import RecordsWriter
from meetup_stream.writing.segments import SegmentsWriter
from meetup_stream.writing.uploader import Uploader

log = logging.getLogger(__name__)

BATCH_LINES: Final = 256
"""Lines stored between two looks at the clock: a few dozen milliseconds of a disk, eight rounds of 32 uploads."""
TICK_SECONDS: Final = 1.0
"""How often the writer looks up when nothing comes."""
SNAPSHOT_QUIET_SECONDS: Final = 60.0
"""A trickle pushes its database in batches without a pause; silence this long means that it is complete."""
SNAPSHOT_EVERY_SECONDS: Final = 7 * 24 * 3600.0
"""A snapshot is taken again after a week: it heals what changed while no connection was open."""
_JOIN_SECONDS: Final = 2.0
"""A reader that is in the middle of connecting is not waited for: nothing it reads is taken any more."""


@dataclass(frozen=True, slots=True)
class Job:
    """What one container has to do; ``overlap`` in seconds, ``owner`` names the process in the cursor object."""

    feed: Feed
    label: str
    store: ObjectStore
    enricher: Enricher | None
    overlap: float
    owner: str
    segment_seconds: float | None = None
    """Layout ``batch``: how long records are held; ``None`` for the layout ``records``."""


class Session:
    """One ownership of the feed's cursor."""

    def __init__(self, job: Job, metrics: Metrics, progress: Progress, hard_stop: threading.Event) -> None:
        self._job = job
        self._metrics = metrics
        self._progress = progress
        self._hard_stop = hard_stop
        self._reading_over = threading.Event()
        self._writing_over = threading.Event()
        self._refusal: PermanentError | None = None
        self._snapshot_running = False
        self._lines_of_connection = 0
        self._last_line_at = 0.0
        self._intake = Intake()
        self._uploader = Uploader(job.store, metrics=metrics, progress=progress, hard_stop=hard_stop)
        self._account = Account(metrics)
        self._writer = _writer(job, self._uploader, self._account, metrics)
        self._announcer = Announcer(job.enricher, metrics=metrics, progress=progress) if job.enricher else None
        self._ledger = Ledger(job.feed, job.label, job.store, metrics=metrics, with_retries=self._uploader.with_retries)
        self._cursor = Cursor(
            job.store,
            job.label,
            owner=job.owner,
            pending=self._announcer.pending if self._announcer else None,
            metrics=metrics,
            progress=progress,
            hard_stop=hard_stop,
        )
        self._source = Source(
            job.feed,
            self._intake,
            resume=self._resume,
            new_records=lambda: self._writer.new_records,
            metrics=metrics,
            progress=progress,
            stopping=self._reading_over,
        )
        self.acquired = False
        """Whether the cursor is this process's; before that nothing is read."""

    def run(self) -> str | None:
        """Until ``stop``, or until another process owns the cursor, whose name is then returned."""
        checkpoint = self._cursor.acquire()
        self.acquired = True
        if self._announcer:
            members, groups = checkpoint.pending
            self._announcer.add(Durable(members=set(members), groups=set(groups)), timeout=0)
        threads = [self._thread("reader", self._read), self._thread("cursor", self._keep_cursor)]
        if announcer := self._announcer:
            threads.append(self._thread("announcer", lambda: announcer.run(self._cursor, self._writing_over)))
        try:
            self._write()
        finally:
            self.stop()
            self._writing_over.set()
            for thread in threads:
                thread.join(_JOIN_SECONDS)
            self._uploader.close()
        if not self._cursor.superseded_by:
            self._cursor.save()
            self._ledger.save(now=True)
        if self._refusal:
            raise self._refusal
        return self._cursor.superseded_by

    def stop(self) -> None:
        """Read no more; ``run`` stores what is read and returns."""
        self._reading_over.set()
        self._source.stop()
        self._intake.close()

    def not_ready(self) -> str | None:
        """Why records do not flow."""
        if not self.acquired:
            return "starting: reading the cursor"
        return self._uploader.unavailable_reason or self._source.unavailable_reason

    def _read(self) -> None:
        try:
            self._source.run()
        except PermanentError as error:
            self._refusal = error
        finally:
            self._intake.close()

    def _write(self) -> None:
        """The writer's loop, in the thread of the session."""
        while not self._intake.drained:
            event = self._intake.take(BATCH_LINES, timeout=TICK_SECONDS)
            self._metrics.waiting.set(self._intake.waiting)
            match event:
                case Lines(timed):
                    self._write_lines(timed)
                case Opened():
                    self._account.counts = self._ledger.opened(event, mtime_before=self._cursor.mtime)
                    self._snapshot_running, self._lines_of_connection = event.whole, 0
                case Closed():
                    self._ledger.closed(event)
                case None:
                    self._follow_up(self._writer.idle())
                    self._look_for_end_of_snapshot()
            self._ledger.save()
        self._follow_up(self._writer.finish())
        self._ledger.closed(Closed(time.time(), "stopped"))  # if the reader is not done with it yet
        self._progress.ended("writer")

    def _write_lines(self, lines: list[TimedLine]) -> None:
        self._last_line_at = time.monotonic()
        self._lines_of_connection += len(lines)
        self._metrics.lines_read.inc(len(lines))
        hit(Failpoint.RECORD_READ)
        for portion in self._ledger.judging(lines, self._writer.is_stored):
            self._follow_up(self._writer.write(portion))

    def _follow_up(self, batch: Durable) -> None:
        """The ids before the cursor: it must not claim what nobody has been asked to look up."""
        if not batch.mtime:
            return
        if self._announcer is None:
            self._cursor.advance(batch.mtime)
            return
        while not self._announcer.add(batch, timeout=TICK_SECONDS):
            self._uploader.idle()
            if self._reading_over.is_set():  # what is not announced now is read again
                return

    def _keep_cursor(self) -> None:
        try:
            self._cursor.keep(self._writing_over)
        except PermanentError as error:
            self._refusal = error
        except StoreUnavailable:
            if not self._hard_stop.is_set():
                raise
            # The stop has run out of time, which the last save logs.
        if self._refusal or self._cursor.superseded_by:
            self.stop()

    def _resume(self) -> Request:
        """What the next connection asks for. A snapshot of the whole database is not paid for at each of them."""
        url, mtime = self._job.feed.url, self._cursor.mtime
        whole = is_trickle(url) and time.time() - self._cursor.passed_at > SNAPSHOT_EVERY_SECONDS
        return Request(resume_url(url, cursor=mtime, overlap=self._job.overlap, trickle=whole), whole)

    def _look_for_end_of_snapshot(self) -> None:
        quiet = time.monotonic() - self._last_line_at
        if self._snapshot_running and self._lines_of_connection and quiet > SNAPSHOT_QUIET_SECONDS:
            self._follow_up(self._writer.finish())  # the last of it may still be held
            self._snapshot_running = False
            self._cursor.snapshot_complete()
            log.info(
                "the snapshot of the whole database is complete: %d lines",
                self._lines_of_connection,
                extra={"event": "snapshot_complete", "lines": self._lines_of_connection},
            )

    @staticmethod
    def _thread(name: str, target: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        return thread


def _writer(job: Job, uploader: Uploader, account: Account, metrics: Metrics) -> Writer:
    if job.segment_seconds is None:
        return RecordsWriter(job.feed, job.label, job.store, uploader, account)
    damaged = DamagedObjects(job.label, job.store, uploader, metrics)
    return SegmentsWriter(job.feed, job.label, damaged, uploader, account, max_age=job.segment_seconds)
