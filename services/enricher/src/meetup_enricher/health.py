"""Whether the service can take ids in, as ``/readyz`` says it. It needs the store; the API may be away for a while."""

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from meetupkit.errors import StoreRefused, StoreUnavailable
from meetupkit.stores.documents import AtMost, Document, DocumentStore, Write

from meetup_enricher.metrics import Metrics

log = logging.getLogger(__name__)


class Health:
    """What hinders the service now. Thread-safe."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._lock = threading.Lock()
        self._store_failure: str | None = "the document store has not answered yet"
        self._failed_at = 0.0
        self._stopping = False

    def stop(self) -> None:
        """The service is stopping; that is final."""
        self._stopping = True

    def not_ready(self) -> str | None:
        """MissingReason no ids can be taken in, or ``None``.

        A refused API key is not a reason: ids are queued durably without it, and a service that turned them away
        would hold up the streams.
        """
        return "stopping" if self._stopping else self._store_failure

    def store_answered(self, began: float) -> None:
        """A call of the store that began then (monotonic) ended as it should.

        One that began before another failed does not say that the store is back.
        """
        with self._lock:
            if began < self._failed_at:
                return
            failure, self._store_failure = self._store_failure, None
        if failure:
            self._metrics.store_up.set(1)
            log.info("the document store answers", extra={"event": "store_available"})

    def store_failed(self, error: StoreUnavailable | StoreRefused) -> None:
        """A call of the store failed. A refusal needs the operator; each is logged once until the store answers."""
        failure = f"the document store does not take ids: {error}"
        with self._lock:
            known, self._store_failure = self._store_failure, failure
            self._failed_at = time.monotonic()
        self._metrics.store_up.set(0)
        if known == failure:
            return
        if isinstance(error, StoreRefused):
            log.error("%s", failure, extra={"event": "store_refused"})
        else:
            log.warning("%s", failure, extra={"event": "store_unavailable"})


class WatchedDocuments:
    """A ``DocumentStore`` that reports to ``Health`` how each call of the wrapped store went."""

    def __init__(self, store: DocumentStore, health: Health) -> None:
        self._store = store
        self._health = health

    def check(self) -> None:
        with self._watched():
            self._store.check()

    def get(
        self, collection: str, names: Iterable[str], *, only: Sequence[str] | None = None
    ) -> Mapping[str, Document]:
        with self._watched():
            return self._store.get(collection, names, only=only)

    def commit(self, writes: Sequence[Write]) -> None:
        with self._watched():
            self._store.commit(writes)

    def query(
        self, collection: str, *, where: AtMost | None = None, order_by: Sequence[str] = (), limit: int
    ) -> Sequence[Document]:
        with self._watched():
            return self._store.query(collection, where=where, order_by=order_by, limit=limit)

    def page(self, collection: str, *, after: str = "", limit: int) -> Sequence[Document]:
        with self._watched():
            return self._store.page(collection, after=after, limit=limit)

    def count(self, collection: str) -> int:
        with self._watched():
            return self._store.count(collection)

    def close(self) -> None:
        self._store.close()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        except (StoreUnavailable, StoreRefused) as error:
            self._health.store_failed(error)
            raise
        self._health.store_answered(began)
