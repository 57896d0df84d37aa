"""Takes ids in: which of them need a look-up, and those durable in the queue before anyone is told so."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from meetupkit.errors import Conflict, StoreUnavailable
from meetupkit.failpoints import Failpoint, hit
from meetupkit.stores.documents import MAX_WRITES, Document, DocumentStore

from meetup_enricher.kinds import Collections, Kind
from meetup_enricher.metrics import Metrics
from meetup_enricher.queueing.queue import NEW, REFRESH, Entry, Queue
from meetup_enricher.queueing.wakeup import Wakeup

_TRIES: Final = 20
"""Another replica may queue one of the same ids in between; each time, fewer are left to queue."""
_PAUSE_SECONDS: Final = 0.05
"""Up to this is waited before the next try, at random, so that replicas do not meet again."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """How many of the ids asked for are in which state; they add up to the distinct ids."""

    queued: int = 0
    already_queued: int = 0
    fresh: int = 0
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """What the store holds of one id; ``None`` where it holds nothing."""

    profile: Document | None
    entry: Document | None
    missing: Document | None


class Acceptor:
    """The acceptor of one kind. Thread-safe: one request at a time decides, so that no two queue the same id."""

    def __init__(
        self,
        *,
        store: DocumentStore,
        collections: Collections,
        queue: Queue,
        fresh_seconds: float,
        wakeup: Wakeup,
        metrics: Metrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._collections = collections
        self._queue = queue
        self._fresh_ms = fresh_seconds * 1000
        self._wakeup = wakeup
        self._metrics = metrics
        self._clock = clock
        self._deciding = threading.Lock()

    @property
    def kind(self) -> Kind:
        """What it takes in."""
        return self._collections.kind

    @property
    def queue(self) -> Queue:
        """Where the ids go."""
        return self._queue

    def accept(self, ids: Iterable[int], *, client: str = "") -> Accepted:
        """Queue what is neither fresh, nor queued, nor known to be missing. Durable when this returns.

        ``client`` is who asks: each client has its fair share of the look-ups.
        """
        total: Counter[str] = Counter()
        distinct = list(dict.fromkeys(ids))
        for start in range(0, len(distinct), MAX_WRITES):
            part = distinct[start : start + MAX_WRITES]
            with self._deciding:
                counts = self._accept(part, client)
            total.update(counts)
            self._wakeup.notify(counts["queued"])
            for outcome, count in counts.items():
                self._metrics.ids.labels(self.kind.name, outcome).inc(count)
        return Accepted(**total)

    def known(self, profile_id: int) -> Known:
        """What is stored of the id. The queue is read first: an id that leaves it meanwhile is seen where it went."""
        name = self._collections.name(profile_id)
        entry = self._store.get(self._collections.queue, [name]).get(name)
        profile = self._store.get(self._collections.profiles, [name]).get(name)
        missing = None if profile else self._store.get(self._collections.missing, [name]).get(name)
        return Known(profile, entry, missing)

    def is_fresh(self, profile: Document) -> bool:
        """Whether the profile is young enough not to be asked for again."""
        return bool(profile.fields["fetched_at"] > self._clock() * 1000 - self._fresh_ms)

    def _accept(self, ids: Sequence[int], client: str) -> Counter[str]:
        for _ in range(_TRIES):
            counts: Counter[str] = Counter()
            queued = self._queue.waiting_entries(ids)
            entries = self._entries(ids, queued.keys(), counts)
            others = [entry for entry in queued.values() if entry.fields.get("client", client) != client]
            if not (entries or others):
                return counts
            try:
                self._queue.enqueue(entries, client=client, wanted_too=others)
            except Conflict:
                time.sleep(random.uniform(0, _PAUSE_SECONDS))
                continue
            hit(Failpoint.IDS_QUEUED)
            counts["queued"] = len(entries)
            return counts
        raise StoreUnavailable(f"other replicas queue the same {self.kind.name} all the time")

    def _entries(self, ids: Sequence[int], queued: Collection[int], counts: Counter[str]) -> list[Entry]:
        """Those ids that are to be queued; counts the others. The queue was read first, as by ``known``."""
        counts["already_queued"] = len(queued)
        rest = {self._collections.name(each): each for each in ids if each not in queued}
        profiles = self._store.get(self._collections.profiles, rest, only=["fetched_at"]) if rest else {}
        fresh = {name for name, profile in profiles.items() if self.is_fresh(profile)}
        counts["fresh"] = len(fresh)
        open_names = [name for name in rest if name not in fresh]
        missing = self._store.get(self._collections.missing, open_names, only=["expires_at"]) if open_names else {}
        remembered = {name for name, each in missing.items() if each.fields["expires_at"] > self._clock() * 1000}
        counts["missing"] = len(remembered)
        return [
            Entry(rest[name], REFRESH if name in profiles or name in missing else NEW, name in missing)
            for name in open_names
            if name not in remembered
        ]


def accept_all(
    acceptors: Mapping[str, Acceptor], ids: Mapping[str, Sequence[int]], *, client: str = ""
) -> dict[str, Accepted]:
    """Every kind of one request, by name."""
    return {name: acceptors[name].accept(some, client=client) for name, some in ids.items()}
