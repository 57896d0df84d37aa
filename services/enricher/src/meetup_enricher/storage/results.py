"""Stores what became of a batch: profile or missing document, and the end of the queue entry, in one commit.

A crash before the commit repeats the look-up; one after it has nothing left to do.
"""

import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from meetupkit.errors import DocumentRefused
from meetupkit.failpoints import Failpoint, hit
from meetupkit.stores.documents import MAX_WRITES, Delete, Put, Write

from meetup_enricher.kinds import Collections, MissingReason
from meetup_enricher.meetup.lookup import LookupResult
from meetup_enricher.metrics import Metrics
from meetup_enricher.queueing.queue import Claim, Queue
from meetup_enricher.storage.profiles import missing_fields, profile_fields, storable

_TIMES_REFUSED: Final = 4
"""An id that is refused while no other is asked for is put off so often first, for 75 s together: a server that refuses
everything for a moment says nothing of the id."""
_COMMIT_BYTES: Final = 6 * 1024 * 1024
"""Firestore takes 10 MiB in one request, in an encoding that can be larger than JSON."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one id: its profile, or why it has none. ``size`` is the profile's, in bytes of JSON."""

    profile_id: int
    profile: dict[str, Any] | None
    why: MissingReason
    known_missing: bool
    size: int = 0


class ResultWriter:
    """Saves the results of one kind's batches. ``commit`` retries until the store has taken the commit."""

    def __init__(
        self,
        *,
        collections: Collections,
        queue: Queue,
        secret: str,
        missing_seconds: float,
        metrics: Metrics,
        commit: Callable[[Sequence[Write]], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._collections = collections
        self._queue = queue
        self._secret = secret
        self._missing_ms = int(missing_seconds * 1000)
        self._metrics = metrics
        self._commit = commit
        self._clock = clock

    def save(self, batch: Claim, answer: LookupResult) -> list[int]:
        """Store it all: one commit for a batch of usual size, more if it is beyond what one commit may hold.

        Returns the ids of which nothing is certain yet; they are still queued.
        """
        uncertain = [each for each in batch.ids if not _is_certain(each, batch.entries[each], answer)]
        for part in _commits(self._results_of(batch, answer, set(uncertain))):
            self._save(part)
        if len(uncertain) < len(batch.ids):
            self._metrics.last_success.labels(self._collections.kind.name).set(self._clock())
        return uncertain

    def _results_of(self, batch: Claim, answer: LookupResult, uncertain: Collection[int]) -> Iterator[Result]:
        for profile_id, entry in batch.entries.items():
            if profile_id in uncertain:
                continue
            known_missing = bool(entry["known_missing"])
            if profile_id in answer.found:
                profile = storable(answer.found[profile_id], self._secret)
                size = len(json.dumps(profile, ensure_ascii=False))
                yield Result(profile_id, profile, MissingReason.UNSTORABLE, known_missing, size)
            else:
                yield Result(profile_id, None, answer.missing[profile_id], known_missing)

    def _save(self, outcomes: Sequence[Result]) -> None:
        """Halves what the store refuses until the document at fault stands alone; its id is remembered as missing."""
        try:
            self._commit([write for outcome in outcomes for write in self._writes(outcome)])
        except DocumentRefused:
            if len(outcomes) > 1:
                half = len(outcomes) // 2
                self._save(outcomes[:half])
                self._save(outcomes[half:])
                return
            (outcome,) = outcomes
            if outcome.profile is None:
                raise
            self._save([Result(outcome.profile_id, None, MissingReason.UNSTORABLE, outcome.known_missing)])
            return
        hit(Failpoint.BATCH_COMMITTED)
        for outcome in outcomes:
            self._count(outcome)

    def _writes(self, outcome: Result) -> list[Write]:
        """At most three: what is known now, the end of what was known before, and the end of the queue entry."""
        now = int(self._clock() * 1000)
        collections, profile_id = self._collections, outcome.profile_id
        name, removal = collections.name(profile_id), self._queue.removal(profile_id)
        if outcome.profile is None:
            missing = missing_fields(
                collections.kind, profile_id, outcome.why, missing_at=now, expires_at=now + self._missing_ms
            )
            return [Put(collections.missing, name, missing), removal]
        profile = profile_fields(collections.kind, profile_id, outcome.profile, fetched_at=now)
        # A missing document is deleted only where one was seen: with two writes an id, 200 ids fit into one commit.
        found_again: list[Write] = [Delete(collections.missing, name)] if outcome.known_missing else []
        return [Put(collections.profiles, name, profile), *found_again, removal]

    def _count(self, outcome: Result) -> None:
        kind = self._collections.kind.name
        if outcome.profile is None:
            self._metrics.missing.labels(kind, outcome.why.value).inc()
        else:
            self._metrics.stored.labels(kind).inc()


def _is_certain(profile_id: int, entry: Mapping[str, Any], answer: LookupResult) -> bool:
    """That one id is refused says something of the id if others were answered at the same time, or if it lasts."""
    if profile_id in answer.found or answer.missing.get(profile_id) is MissingReason.ABSENT:
        return True
    is_refused = profile_id in answer.missing
    return is_refused and (answer.answers_for_any or entry["failed_alone"] >= _TIMES_REFUSED)


def _commits(outcomes: Iterable[Result]) -> Iterator[list[Result]]:
    """Parts that fit into one commit each, by the number of writes and by size; an id is never split."""
    part: list[Result] = []
    writes = size = 0
    for outcome in outcomes:
        more = 3 if outcome.known_missing else 2
        if part and (writes + more > MAX_WRITES or size + outcome.size > _COMMIT_BYTES):
            yield part
            part, writes, size = [], 0, 0
        part.append(outcome)
        writes += more
        size += outcome.size
    if part:
        yield part
