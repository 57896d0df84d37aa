"""The second stop of a record: from a line to an object, once.

A record's name is made of itself, so a record that comes again names the same object, whoever writes it and whenever.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

import google_crc32c
from meetupkit.errors import TransientError
from meetupkit.feeds import Feed
from meetupkit.progress import Progress
from meetupkit.records import Reason, Record, Rejection, read_line
from meetupkit.retry import reconnect_policy
from meetupkit.stores.objects import Created, NewObject, ObjectStore

from meetup_stream.intake import TimedLine
from meetup_stream.lines import Line, OversizedLine
from meetup_stream.metrics import Metrics
from meetup_stream.quarantine import oversized_object, rejected_object

log = logging.getLogger(__name__)

REMEMBERED: Final = 20_000
"""Names stored last, about 5 MB: four times the backlog that a reconnect brings again, so repeats cost no request."""
_TURN_SECONDS: Final = 90.0
"""One try at an object ends within its store's own timeouts, at most 60 s; a writer that needs longer is stuck."""


class Outcome(Enum):
    """What became of one object."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    COLLIDED = "collided"


@dataclass(slots=True)
class Batch:
    """What some lines held, all of it stored. ``mtime`` is the greatest, in milliseconds."""

    mtime: int = 0
    members: set[int] = field(default_factory=set)
    groups: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Item:
    new: NewObject
    read_at: float
    of: Record | Rejection | OversizedLine


class Writer:
    """Stores the lines of one feed under its label."""

    def __init__(
        self,
        feed: Feed,
        label: str,
        store: ObjectStore,
        *,
        metrics: Metrics,
        progress: Progress,
        giving_up: threading.Event,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._feed = feed
        self._label = label
        self._store = store
        self._metrics = metrics
        self._progress = progress
        self._giving_up = giving_up
        self._clock = clock
        self._seen: OrderedDict[str, int] = OrderedDict()
        self._pool = ThreadPoolExecutor(store.concurrency, "create") if store.concurrency > 1 else None
        self.stored = 0
        """How many objects this process created."""
        self.why_not: str | None = None
        """Why nothing can be stored now."""

    def write(self, lines: Sequence[TimedLine]) -> Batch:
        """Return when every line is stored; waits for a store that is away as long as it is.

        Raises the store's ``TransientError`` if ``giving_up`` is set meanwhile, ``StoreRefused`` if a person must act.
        """
        items = self._unseen(lines)
        batch = Batch()
        for item, outcome in zip(items, self._create_all(items), strict=True):
            self._account(item, outcome)
            if isinstance(item.of, Record):
                batch.mtime = max(batch.mtime, item.of.mtime)
                batch.members.update(item.of.members)
                batch.groups.update(item.of.groups)
            self._remember(item.new)
        return batch

    def idle(self) -> None:
        """Nothing to write; the writer is alive all the same."""
        self._progress.moving("writer", _TURN_SECONDS)

    def close(self) -> None:
        """Let go of the threads."""
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    def _unseen(self, lines: Sequence[TimedLine]) -> list[_Item]:
        """The lines worth a request, each as the object it becomes."""
        items: list[_Item] = []
        known: dict[str, int] = {}
        for line, read_at in lines:
            item = self._item(line, read_at)
            name, crc32c = item.new.name, item.new.crc32c
            if self._seen.get(name) == crc32c or known.get(name) == crc32c:
                self._metrics.records_duplicate.inc()
            else:
                known[name] = crc32c
                items.append(item)
        self._metrics.lines_read.inc(len(lines))
        return items

    def _item(self, line: Line, read_at: float) -> _Item:
        if isinstance(line, OversizedLine):
            return _Item(oversized_object(self._label, line), read_at, line)
        match read_line(self._feed, line):
            case Rejection() as rejection:
                return _Item(rejected_object(self._label, rejection), read_at, rejection)
            case record:
                name = f"{self._label}/{record.data_id}_{record.mtime}.json"
                new = NewObject(
                    name,
                    line,
                    google_crc32c.value(line),
                    metadata={"feed": self._feed.name, "mtime": str(record.mtime)},
                )
                return _Item(new, read_at, record)

    def _create_all(self, items: Sequence[_Item]) -> list[Outcome]:
        """Every item, for as long as it takes; what was created in one try is not tried again in the next."""
        outcomes: dict[int, Outcome] = {}
        for attempt in reconnect_policy("create", stopping=self._giving_up, on_retry=self._waiting):
            with attempt:
                self._progress.moving("writer", _TURN_SECONDS)
                self._create_missing(items, outcomes)
                self.why_not = None
        return [outcomes[index] for index in range(len(items))]

    def _create_missing(self, items: Sequence[_Item], outcomes: dict[int, Outcome]) -> None:
        missing = [index for index in range(len(items)) if index not in outcomes]
        if self._pool is None:
            for index in missing:
                outcomes[index] = self._create(items[index].new)
            return
        failed: TransientError | None = None
        for index, future in [(index, self._pool.submit(self._create, items[index].new)) for index in missing]:
            try:
                outcomes[index] = future.result()
            except TransientError as error:
                failed = error
        if failed:
            raise failed

    def _create(self, new: NewObject) -> Outcome:
        there = self._store.create(new)
        if isinstance(there, Created):
            return Outcome.STORED
        if there.crc32c == new.crc32c:
            return Outcome.DUPLICATE
        beside = replace(new, name=f"{new.name.removesuffix('.json')}_{new.crc32c:08x}.json")
        return Outcome.COLLIDED if isinstance(self._store.create(beside), Created) else Outcome.DUPLICATE

    def _waiting(self, error: TransientError, seconds: float) -> None:
        self.why_not = f"the object store is away: {error}"
        self._metrics.retries["create"].inc()
        self._progress.moving("writer", seconds + _TURN_SECONDS)

    def _account(self, item: _Item, outcome: Outcome) -> None:
        if outcome is Outcome.DUPLICATE:
            self._metrics.records_duplicate.inc()
            return
        self.stored += 1
        self._metrics.durable_seconds.observe(time.monotonic() - item.read_at)
        if not isinstance(item.of, Record):
            reason = Reason.TOO_LARGE if isinstance(item.of, OversizedLine) else item.of.reason
            self._metrics.rejected[reason].inc()
            log.warning(
                "not a record: %s", reason, extra={"event": "rejected", "reason": reason, "object": item.new.name}
            )
            return
        now = self._clock()
        self._metrics.records_stored.inc()
        self._metrics.bytes_stored.inc(len(item.new.body))
        self._metrics.last_stored.set(now)
        self._metrics.lag_seconds.observe(max(0.0, now - item.of.mtime / 1000))
        if outcome is Outcome.COLLIDED:
            self._metrics.records_collided.inc()
            log.warning(
                "another body has the name %s; this one is kept beside it",
                item.new.name,
                extra={"event": "collision", "object": item.new.name},
            )

    def _remember(self, new: NewObject) -> None:
        self._seen[new.name] = new.crc32c
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
