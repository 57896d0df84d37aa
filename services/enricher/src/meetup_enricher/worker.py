"""The loop of one kind: wait for ids -> take -> look up -> settle. One thread each, any number of replicas.

A batch that cannot be looked up is given back at once, so nothing is held while the world is down.
"""

import logging
import threading
from collections.abc import Callable
from typing import Final, TypeVar

from meetupkit.errors import (
    StoreRefused,
    StoreUnavailable,
    Throttled,
    TransientError,
    UpstreamRefused,
    UpstreamUnavailable,
)
from meetupkit.progress import Progress
from meetupkit.retry import reconnect_policy
from meetupkit.seams import Seam, passed
from meetupkit.stores.documents import MAX_WRITES, Document

from meetup_enricher.arrivals import Arrivals
from meetup_enricher.gate import Gate, GateClosed
from meetup_enricher.kinds import Kind
from meetup_enricher.lookup import Answer, Lookup
from meetup_enricher.metrics import Metrics
from meetup_enricher.queue import Batch, Queue, is_former
from meetup_enricher.rest import PAGE_SIZE
from meetup_enricher.settle import Settlement

log = logging.getLogger(__name__)
T = TypeVar("T")

POLL_SECONDS: Final = 2.0
"""How often an idle worker looks for ids that other replicas queued and for leases that lapsed: one read each time."""
MOVING_SECONDS: Final = 120.0
"""A loop that has not moved for so long beyond what it said hangs: no call of a store takes as long."""
RETRY_CEILING_SECONDS: Final = 8.0
"""The breaker and the pacer pause for longer where that is due, so the policy's own waits stay short: recovery from
an outage should take no longer than the outage did."""


class Insistence:
    """Tries calls of the store again until they succeed; for one loop, which it reports as moving meanwhile."""

    def __init__(self, loop: str, *, progress: Progress, metrics: Metrics, stopping: threading.Event) -> None:
        self._loop = loop
        self._progress = progress
        self._metrics = metrics
        self._stopping = stopping

    def waiting(self, seconds: float) -> None:
        """The loop moves, and will not again for so many seconds."""
        self._progress.moving(self._loop, seconds + MOVING_SECONDS)

    def on(self, call: str, function: Callable[[], T]) -> T:
        """The function's value. Raises ``TransientError`` only when the service stops."""
        self.waiting(0)

        def on_retry(error: TransientError, seconds: float) -> None:
            self.waiting(seconds)
            self._metrics.retries.labels(call, type(error).__name__).inc()

        policy = reconnect_policy(call, stopping=self._stopping, ceiling=RETRY_CEILING_SECONDS, on_retry=on_retry)
        return policy(lambda: self._once(function))

    def _once(self, function: Callable[[], T]) -> T:
        """A store that refuses is tried again too: its ids are durable, and a person was told (``Health``)."""
        try:
            return function()
        except StoreRefused as error:
            raise StoreUnavailable(str(error)) from error


class Worker:
    """Looks up what the queue of one kind holds."""

    def __init__(
        self,
        *,
        kind: Kind,
        queue: Queue,
        lookup: Lookup,
        settlement: Settlement,
        gate: Gate,
        arrivals: Arrivals,
        insist: Insistence,
        linger_seconds: float,
        metrics: Metrics,
        stopping: threading.Event,
    ) -> None:
        self._kind = kind
        self._queue = queue
        self._lookup = lookup
        self._settlement = settlement
        self._gate = gate
        self._arrivals = arrivals
        self._insist = insist
        self._linger_seconds = linger_seconds
        self._metrics = metrics
        self._stopping = stopping
        self._size = PAGE_SIZE
        self._in_hand: Batch | None = None

    def run(self) -> None:
        """Work until the service stops; what is in hand then has been settled or given back."""
        try:
            while not self._stopping.is_set():
                self._insist.on(f"look up {self._kind.name}", self._turn)
        except (GateClosed, TransientError):
            log.debug("%s: stopped", self._kind.name)
        except Exception:
            log.exception(
                "the look-up of %s ended by a mistake of the program; a restart takes up its ids",
                self._kind.name,
                extra={"event": "worker_failed"},
            )
            raise  # the loop moves no more, so /livez asks for the restart
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

    def _turn(self) -> None:
        """One batch, or one wait for ids."""
        self._gate.wait(self._insist.waiting)
        due = self._await_due()
        if not due or self._stopping.is_set():
            return
        lease = self._queue.new_lease()
        batch = self._insist.on("take", lambda: self._queue.claim(due, lease))
        if not batch.entries:
            return
        self._in_hand = batch
        passed(Seam.IDS_TAKEN)
        self._metrics.batch_ids.labels(self._kind.name).observe(len(batch.ids))
        answer = self._answer(batch)
        if answer is None:
            return
        passed(Seam.ANSWER_RECEIVED)
        uncertain = self._settlement.settle(batch, answer)
        if uncertain:
            self._give_back(batch.only(uncertain), failed_alone=True)
        self._in_hand = None
        self._size = min(PAGE_SIZE, self._size * 2)

    def _await_due(self) -> list[Document]:
        """Entries to take: a full batch at once, a smaller one when its oldest id has waited for the linger."""
        seen = self._arrivals.count
        due = self._due()
        if len(due) >= self._size:
            return self._deal_former() if any(map(is_former, due)) else due
        self._insist.waiting(max(POLL_SECONDS, self._linger_seconds))
        if not due:
            self._arrivals.wait(seen + 1, POLL_SECONDS)
            return []
        linger = self._linger_seconds - self._queue.age_seconds(due)
        if linger <= 0:
            return due
        self._arrivals.wait(seen + self._size - len(due), linger)
        return []  # look again: ids that were queued and not yet told of when the count was read may be among them

    def _deal_former(self) -> list[Document]:
        """Many ids of a version without fair shares are dealt out before any is looked up; no entries to take."""
        self._insist.on("deal", lambda: self._queue.deal_former(self._queue.due(MAX_WRITES)))
        return []

    def _due(self) -> list[Document]:
        return list(self._insist.on("queue", lambda: self._queue.due(self._size)))

    def _answer(self, batch: Batch) -> Answer | None:
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

    def _give_back(self, batch: Batch, *, failed_alone: bool) -> None:
        self._insist.on("give back", lambda: self._queue.give_back(batch, failed_alone=failed_alone))
        self._in_hand = None
