"""The last stop of a record: the cursor, which says up to which mtime everything is durable.

It is an object beside the feed's records, written with a precondition, so that of two processes of one feed only one
moves it. With it stand the ids that the enricher has not accepted yet, so that they outlive a kill however long the
enricher is unavailable, and when a snapshot of a trickle was last complete.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from meetupkit.errors import Conflict, ObjectRefused, TransientError
from meetupkit.failpoints import Failpoint, hit
from meetupkit.foreign_text import printable
from meetupkit.limited_log import LimitedLog
from meetupkit.progress import Progress
from meetupkit.retry import reconnect_policy
from meetupkit.stores.objects import ObjectStore
from tenacity import Retrying

from meetup_stream.cursor_body import MAX_BYTES, NO_IDS, Checkpoint, Ids
from meetup_stream.metrics import Metrics
from meetup_stream.writing.damaged import keep_copy

log = logging.getLogger(__name__)

SAVE_SECONDS: Final = 5.0
"""Cloud Storage takes one write per second of one name; what a kill forgets of the cursor is only asked for again."""
RENEWAL_SECONDS: Final = 60.0
"""The owner renews its lease at least this often, so that a process on standby can tell that the owner is gone."""
EXPIRED_SECONDS: Final = 3 * RENEWAL_SECONDS
"""Three renewals missed: one may be lost to an outage of the store."""
_AHEAD_MS: Final = 24 * 3600 * 1000
"""An mtime later than tomorrow is a mistake of its sender; the record is stored, but moves no cursor."""
_CALL_SECONDS_AT_MOST: Final = 90.0
"""One save ends within its store's own timeouts, at most 60 s."""


class Cursor:
    """One feed's cursor, kept by one process (``owner``) at a time.

    ``pending`` tells the ids that the enricher has not accepted at the time of a save; ``None`` where there is none.
    """

    def __init__(
        self,
        store: ObjectStore,
        label: str,
        *,
        owner: str,
        pending: Callable[[], Ids] | None,
        metrics: Metrics,
        progress: Progress,
        hard_stop: threading.Event,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._label = label
        self._name = f"{label}/_cursor"
        self._owner = owner
        self._pending = pending or (lambda: NO_IDS)
        self._metrics = metrics
        self._progress = progress
        self._hard_stop = hard_stop
        self._clock = clock
        self._log = LimitedLog(log)
        self._version = 0
        self._saved = Checkpoint()
        self._saved_at = 0.0
        self.mtime = 0
        """The cursor, in milliseconds since the epoch; 0 before the first record."""
        self.passed_at = 0.0
        """When a snapshot of the whole database was last complete, in seconds since the epoch; 0 if none was."""
        self.superseded_by: str | None = None
        """The process that took the cursor over, if one did."""

    def acquire(self) -> Checkpoint:
        """Read the cursor and make it this process's own; waits for a store that is unavailable."""
        for attempt in self._policy():
            with attempt:
                found = self._read()
                self._write(replace(found, owner=self._owner))
        self.mtime, self.passed_at = found.mtime, found.passed_at
        self._metrics.cursor.set(found.mtime / 1000)
        return found

    def advance(self, mtime: int) -> None:
        """Everything up to ``mtime`` is durable, and its ids are accepted."""
        if self.mtime < mtime <= self._clock() * 1000 + _AHEAD_MS:
            self.mtime = mtime
            self._metrics.cursor.set(mtime / 1000)

    def snapshot_complete(self) -> None:
        """A snapshot of the whole database is complete."""
        self.passed_at = self._clock()

    def keep(self, ended: threading.Event) -> None:
        """Save every ``SAVE_SECONDS``, until ``ended`` or the cursor is another's."""
        while not self.superseded_by and not ended.wait(SAVE_SECONDS):
            self._progress.moving("cursor", _CALL_SECONDS_AT_MOST + SAVE_SECONDS)
            self.save()
        self._progress.ended("cursor")

    def save(self) -> None:
        """Write the cursor if it has moved or its renewal is due; waits for a store that is unavailable.

        Everything created before is made durable first, so that the cursor is never ahead of it.
        """
        checkpoint = Checkpoint(self.mtime, self._pending(), self.passed_at, self._owner)
        if checkpoint == self._saved and self._clock() - self._saved_at < RENEWAL_SECONDS:
            return
        for attempt in self._policy():
            with attempt:
                self._store.sync()
                self._write(checkpoint)

    def _read(self) -> Checkpoint:
        """What is there; of a damaged one what is left of it, without an owner, and a copy of it is kept."""
        try:
            stored = self._store.read(self._name, most=MAX_BYTES)
        except ObjectRefused as error:
            self._unusable(error)
            return Checkpoint()
        self._version = stored.version if stored else 0
        if stored is None:
            return Checkpoint()
        try:
            return self._plausible(Checkpoint.from_json(stored.body))
        except ValueError as error:
            found = Checkpoint.salvaged(stored.body)
            self._tell_unreadable(error, found, keep_copy(self._store, self._label, self._name, stored.body))
            return found

    def _plausible(self, found: Checkpoint) -> Checkpoint:
        """A cursor of the future would never move again, and a snapshot of the future never be taken."""
        tomorrow = self._clock() * 1000 + _AHEAD_MS
        mtime = found.mtime if found.mtime <= tomorrow else 0
        return replace(found, mtime=mtime, passed_at=found.passed_at if found.passed_at * 1000 <= tomorrow else 0.0)

    def _tell_unreadable(self, error: ValueError, found: Checkpoint, copy: str) -> None:
        ids = sum(map(len, found.pending))
        log.error(
            "the cursor %s is unreadable (%s) and kept as %s: asking for all the server still has, with %d of its ids",
            self._name,
            error,
            copy,
            ids,
            extra={"event": "cursor_unreadable", "object": self._name, "copy": copy, "ids": ids},
        )

    def _unusable(self, error: ObjectRefused) -> None:
        """The feed goes on without: a restart asks for all that the server still has, whatever the cursor says."""
        self._version = 0
        self._log.error(
            "unusable",
            "the cursor cannot be kept (%s): a restart forgets which ids the enricher has not accepted",
            error,
            extra={"event": "cursor_unusable", "object": self._name},
        )

    def _write(self, checkpoint: Checkpoint) -> None:
        try:
            self._version = self._store.replace(self._name, checkpoint.to_json(), expected_version=self._version)
        except ObjectRefused as error:
            self._unusable(error)
        except Conflict:
            self._conflict(self._read())
            return
        self._saved, self._saved_at = checkpoint, self._clock()
        hit(Failpoint.CURSOR_WRITTEN)

    def _conflict(self, found: Checkpoint) -> None:
        """An earlier write of ours arrived although its answer did not, somebody removed or damaged the object, or
        another process writes too."""
        if found.owner == self._owner:
            self._saved = found
            return
        if not found.owner:
            self._log.warning("gone", "the cursor %s is gone; it is written anew", self._name)
            self._saved = Checkpoint()
            return
        self.superseded_by = printable(found.owner)
        log.error(
            "another process (%s) keeps the cursor %s: this one (%s) is on standby",
            printable(found.owner),
            self._name,
            self._owner,
            extra={"event": "cursor_superseded", "object": self._name, "owner": printable(found.owner)},
        )

    def _policy(self) -> Retrying:
        return reconnect_policy("cursor", stopping=self._hard_stop, on_retry=self._waiting)

    def _waiting(self, _error: TransientError, seconds: float) -> None:
        self._metrics.retries["cursor"].inc()
        self._progress.moving("cursor", seconds + _CALL_SECONDS_AT_MOST)


def wait_until_expired(store: ObjectStore, label: str, *, stopping: threading.Event, progress: Progress) -> None:
    """Return when nobody has written the feed's cursor for ``EXPIRED_SECONDS``, or when ``stopping`` is set."""
    version, unchanged_since, stored = -1, time.monotonic(), None
    while not stopping.is_set() and time.monotonic() - unchanged_since < EXPIRED_SECONDS:
        for attempt in reconnect_policy("cursor", stopping=stopping):
            with attempt, suppress(ObjectRefused):  # too large to be anybody's cursor
                stored = store.read(f"{label}/_cursor", most=MAX_BYTES)
        if (now_version := stored.version if stored else 0) != version:
            version, unchanged_since = now_version, time.monotonic()
        progress.moving("standby", _CALL_SECONDS_AT_MOST + RENEWAL_SECONDS / 2)
        stopping.wait(RENEWAL_SECONDS / 2)
    progress.ended("standby")
