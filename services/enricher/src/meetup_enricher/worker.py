"""The loop of one kind: wait for ids -> take -> look up -> save. One thread each, any number of replicas.

A batch that cannot be looked up is given back at once, so nothing is held while the world is down.
"""

import logging
import threading
from typing import Final

from meetupkit.errors import (
    StoreRefused,
    StoreUnavailable,
    Throttled,
    TransientError,
    UpstreamRefused,
    UpstreamUnavailable,
)
from meetupkit.failpoints import Failpoint, hit
from meetupkit.stores.documents import MAX_WRITES, Document

from meetup_enricher.kinds import Kind
from meetup_enricher.meetup.client import PAGE_SIZE
from meetup_enricher.meetup.guard import ApiGuard, GuardClosed
from meetup_enricher.meetup.lookup import Lookup, LookupResult
from meetup_enricher.metrics import Metrics
from meetup_enricher.queueing.queue import Claim, Queue, is_former
from meetup_enricher.queueing.wakeup import Wakeup
from meetup_enricher.retrier import Retrier
from meetup_enricher.storage.results import ResultWriter

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 2.0
"""How often an idle worker looks for ids that other replicas queued and for leases that lapsed: one read each time."""


class Worker:
    """Looks up what the queue of one kind holds."""

    def __init__(
        self,
        *,
        kind: Kind,
        queue: Queue,
        lookup: Lookup,
        results: ResultWriter,
        guard: ApiGuard,
        wakeup: Wakeup,
        retrier: Retrier,
        linger_seconds: float,
        metrics: Metrics,
        stopping: threading.Event,
    ) -> None:
        self._kind = kind
        self._queue = queue
        self._lookup = lookup
        self._results = results
        self._guard = guard
        self._wakeup = wakeup
        self._retrier = retrier
        self._linger_seconds = linger_seconds
        self._metrics = metrics
        self._stopping = stopping
        self._size = PAGE_SIZE
        self._in_hand: Claim | None = None

    def run(self) -> None:
        """Work until the service stops; what is in hand then has been saved or given back."""
        try:
            while not self._stopping.is_set():
                self._retrier.call(f"look up {self._kind.name}", self._step)
        except (GuardClosed, TransientError):
            log.debug("%s: stopped", self._kind.name)
        except Exception:
            log.exception(
                "the look-up of %s ended by a bug; a restart takes up its ids",
                self._kind.name,
                extra={"event": "worker_failed"},
            )
            raise  # the loop has stopped, so /livez asks for the restart
        finally:
            self.release()

    def release(self) -> None:
        """Give back what is in hand, tried once: a lease that cannot be given back lapses."""
        batch, self._in_hand = self._in_hand, None
        if batch is None:
            return
        try:
            self._queue.give_back(batch)
        except (StoreUnavailable, StoreRefused) as error:
            log.warning("leases lapse by themselves: %s", error, extra={"event": "release_failed"})

    def _step(self) -> None:
        """One batch, or one wait for ids."""
        self._guard.wait(self._retrier.waiting)
        due = self._await_due()
        if not due or self._stopping.is_set():
            return
        lease = self._queue.new_lease()
        batch = self._retrier.call("take", lambda: self._queue.claim(due, lease))
        if not batch.entries:
            return
        self._in_hand = batch
        hit(Failpoint.IDS_TAKEN)
        self._metrics.batch_ids.labels(self._kind.name).observe(len(batch.ids))
        found = self._look_up(batch)
        if found is None:
            return
        hit(Failpoint.ANSWER_RECEIVED)
        uncertain = self._results.save(batch, found)
        if uncertain:
            self._give_back(batch.only(uncertain), failed_alone=True)
        self._in_hand = None
        self._size = min(PAGE_SIZE, self._size * 2)

    def _await_due(self) -> list[Document]:
        """Entries to take: a full batch at once, a smaller one when its oldest id has waited for the linger."""
        seen = self._wakeup.count
        due = self._due()
        if len(due) >= self._size:
            return self._deal_former() if any(map(is_former, due)) else due
        self._retrier.waiting(max(POLL_SECONDS, self._linger_seconds))
        if not due:
            self._wakeup.wait(seen + 1, POLL_SECONDS)
            return []
        linger = self._linger_seconds - self._queue.age_seconds(due)
        if linger <= 0:
            return due
        self._wakeup.wait(seen + self._size - len(due), linger)
        return []  # look again: ids that were queued and not yet told of when the count was read may be among them

    def _deal_former(self) -> list[Document]:
        """Many ids of a version without fair shares are dealt out before any is looked up; no entries to take."""
        self._retrier.call("deal", lambda: self._queue.deal_former(self._queue.due(MAX_WRITES)))
        return []

    def _due(self) -> list[Document]:
        return list(self._retrier.call("queue", lambda: self._queue.due(self._size)))

    def _look_up(self, batch: Claim) -> LookupResult | None:
        """What Meetup knows of the batch; without an answer it is given back. ``None`` if Meetup refuses everything."""
        try:
            return self._lookup.look_up(batch.ids)
        except Throttled:
            self._give_back(batch, failed_alone=False)
            raise
        except UpstreamUnavailable:
            # Half the size each time: in an outage the calls that try are small, and an id that makes the API fail
            # soon stands alone and is put off, so that it cannot hold up the rest.
            alone = len(batch.ids) == 1
            self._size = max(1, len(batch.ids) // 2)
            self._give_back(batch, failed_alone=alone)
            raise
        except UpstreamRefused:
            self._give_back(batch, failed_alone=False)
            return None

    def _give_back(self, batch: Claim, *, failed_alone: bool) -> None:
        self._retrier.call("give back", lambda: self._queue.give_back(batch, failed_alone=failed_alone))
        self._in_hand = None
