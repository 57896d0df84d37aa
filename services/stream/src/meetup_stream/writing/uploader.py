"""Creates objects for as long as it takes, several at once where the store waits on a network."""

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from enum import Enum
from typing import Final, TypeVar

from meetupkit.errors import TransientError
from meetupkit.failpoints import Failpoint, hit
from meetupkit.progress import Progress
from meetupkit.retry import reconnect_policy
from meetupkit.stores.objects import Created, NewObject, ObjectStore

from meetup_stream.metrics import Metrics

_CALL_SECONDS_AT_MOST: Final = 90.0
"""A try at some objects while the store is down ends after two rounds of its timeouts, 15 s each in Cloud Storage, and
eight rounds of a slow store fit; a writer that needs longer is stuck."""


T = TypeVar("T")


class Outcome(Enum):
    """What became of one object."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    """It was there already, the same to the byte."""
    COLLIDED = "collided"
    """Another body has its name; it is stored beside it, its checksum in its name."""


class _Run:
    """One try at many objects: over when as many in a row failed as are tried at once, because the store is down then.

    Without it each of some hundred objects would wait for its own timeout.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._failed_in_a_row = 0  # threads may miscount by a few, which matters to nobody
        self._error = TransientError("not tried")

    def create(self, create: Callable[[NewObject], Outcome], new: NewObject) -> Outcome:
        """Create it, or raise why the ones before it could not be created."""
        if self._failed_in_a_row >= self._most:
            raise self._error
        try:
            outcome = create(new)
        except TransientError as error:
            self._failed_in_a_row += 1
            self._error = error
            raise
        self._failed_in_a_row = 0
        return outcome


class Uploader:
    """The one place where a stream creates objects."""

    def __init__(self, store: ObjectStore, *, metrics: Metrics, progress: Progress, hard_stop: threading.Event) -> None:
        self._store = store
        self._metrics = metrics
        self._progress = progress
        self._hard_stop = hard_stop
        self._pool = ThreadPoolExecutor(store.concurrency, "create") if store.concurrency > 1 else None
        self.unavailable_reason: str | None = None
        """Why nothing can be stored now."""
        metrics.store_up.set(1)

    def create_all(
        self, objects: Sequence[NewObject], *, list_first: bool = False, look_first: bool = False
    ) -> list[Outcome]:
        """Return when every object is there; what was created in one try is not tried again in the next.

        For objects that may be there already, in a store on a network. ``list_first``: a listing is asked which are.
        ``look_first``: each other one is looked for before it is created, which costs one request if it is there and
        not two, but two and not one if it is not.

        Raises the store's ``TransientError`` if ``hard_stop`` is set meanwhile, and ``StoreRefused``.
        """
        outcomes: dict[int, Outcome] = {}
        for attempt in reconnect_policy("create", stopping=self._hard_stop, on_retry=self._waiting):
            with attempt:
                self.idle()
                if list_first and self._pool is not None:
                    self._list(objects, outcomes)
                self._create_missing(objects, outcomes, look_first=look_first)
                self._answered()
        return [outcomes[index] for index in range(len(objects))]

    def with_retries(self, call: Callable[[], T]) -> T:
        """Another call to the store, for as long as it takes."""
        result = reconnect_policy("read", stopping=self._hard_stop, on_retry=self._waiting)(call)
        self._answered()
        return result

    def idle(self) -> None:
        """Say that the writer is alive."""
        self._progress.moving("writer", _CALL_SECONDS_AT_MOST)

    def close(self) -> None:
        """Let go of the threads."""
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    def _list(self, objects: Sequence[NewObject], outcomes: dict[int, Outcome]) -> None:
        known = self._store.known([new for index, new in enumerate(objects) if index not in outcomes])
        outcomes.update({index: Outcome.DUPLICATE for index, new in enumerate(objects) if new.name in known})

    def _create_missing(self, objects: Sequence[NewObject], outcomes: dict[int, Outcome], *, look_first: bool) -> None:
        missing = [index for index in range(len(objects)) if index not in outcomes]
        if self._pool is None:
            for index in missing:
                outcomes[index] = self._create(objects[index])
            return
        failed: TransientError | None = None
        run = _Run(self._store.concurrency)
        create = self._look_and_create if look_first else self._create
        futures = [self._pool.submit(run.create, create, objects[index]) for index in missing]
        for index, future in zip(missing, futures, strict=True):
            try:
                outcomes[index] = future.result()
            except TransientError as error:
                failed = error
        if failed:
            raise failed

    def _look_and_create(self, new: NewObject) -> Outcome:
        there = self._store.compare(new)
        return Outcome.DUPLICATE if there and there.same else self._create(new)

    def _create(self, new: NewObject) -> Outcome:
        there = self._store.create(new)
        if isinstance(there, Created):
            hit(Failpoint.OBJECT_WRITTEN)
            return Outcome.STORED
        if there.same:
            return Outcome.DUPLICATE
        for name in _names_beside(new):
            there = self._store.create(replace(new, name=name))
            if isinstance(there, Created):
                hit(Failpoint.OBJECT_WRITTEN)
                return Outcome.COLLIDED
            if there.same:
                break
        return Outcome.DUPLICATE

    def _answered(self) -> None:
        self.unavailable_reason = None
        self._metrics.store_up.set(1)

    def _waiting(self, error: TransientError, seconds: float) -> None:
        self._metrics.store_up.set(0)
        self.unavailable_reason = f"the object store is unavailable: {error}"
        self._metrics.retries["create"].inc()
        self._progress.moving("writer", seconds + _CALL_SECONDS_AT_MOST)


def _names_beside(new: NewObject) -> Iterator[str]:
    """Names for a body whose own name another body has: with its checksum; then, if a body of that checksum or a folder
    has that one too, with its SHA-256; then, if somebody damaged what lay there, numbered."""
    folder, slash, last = new.name.rpartition("/")
    stem, dot, ending = last.partition(".")

    def named(mark: str) -> str:
        return f"{folder}{slash}{stem}_{mark}{dot}{ending}"

    yield named(f"{new.crc32c:08x}")
    sha256 = new.digest()[:32]
    yield named(sha256)
    yield from (named(f"{sha256}_{number}") for number in itertools.count(2))
