"""The durable queue of one kind, in the document store: ids that wait for their look-up.

An entry is due at ``due_at``; taking it moves that into the future, which is the lease. A worker that dies therefore
loses nothing: its entries become due again by themselves, for any worker of any replica. Every write may be done twice.
"""

import random
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from meetupkit.errors import Conflict
from meetupkit.retry import doubled
from meetupkit.stores.documents import AtMost, Create, Delete, Document, DocumentStore, Put, Write

from meetup_enricher.kinds import Collections
from meetup_enricher.queueing.fair_shares import NEW, REFRESH, FairShares, place_of
from meetup_enricher.queueing.kept_count import KeptCount, Waiting

__all__ = ["NEW", "REFRESH", "Claim", "Entry", "Queue", "Waiting"]

_FIRST_DEFERRAL_SECONDS: Final = 5.0
"""An id that failed alone waits this long, then twice as long each time: it may be what makes the API fail."""
_LONGEST_DEFERRAL_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Entry:
    """An id to be queued; ``known_missing`` if a document says that it has no profile."""

    profile_id: int
    priority: int
    known_missing: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """Entries under one lease, by id, as they are stored."""

    lease: str
    entries: Mapping[int, Mapping[str, Any]]

    @property
    def ids(self) -> Sequence[int]:
        """The ids to look up."""
        return list(self.entries)

    def only(self, ids: Iterable[int]) -> "Claim":
        """The part of the batch with these ids."""
        return Claim(self.lease, {each: self.entries[each] for each in ids})


class Queue:
    """Thread-safe as its store is. Methods raise what the store raises and try once. ``clock``: epoch seconds."""

    def __init__(
        self,
        store: DocumentStore,
        collections: Collections,
        *,
        lease_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._collections = collections
        self._lease_ms = int(lease_seconds * 1000)
        self._clock = clock
        self._shares = FairShares()
        self._count = KeptCount(self._counted)

    def queued(self, ids: Iterable[int]) -> set[int]:
        """Which of the ids are in the queue."""
        names = {self._collections.name(each): each for each in ids}
        return {names[name] for name in self._store.get(self._collections.queue, names, only=["priority"])}

    def waiting_entries(self, ids: Iterable[int]) -> Mapping[int, Document]:
        """The entries of those ids that are in the queue."""
        names = {self._collections.name(each): each for each in ids}
        return {names[name]: entry for name, entry in self._store.get(self._collections.queue, names).items()}

    def enqueue(self, entries: Sequence[Entry], *, client: str = "", wanted_too: Sequence[Document] = ()) -> None:
        """Queue the client's ids in one commit, durable when this returns. ``Conflict`` if one is queued already.

        ``wanted_too`` are entries of other clients for ids that this one wants as well: each moves up to where it
        would be if it were this client's, so that nobody waits behind the backlog of another.
        """
        if not self._shares.knows_head:
            self.due(1)
        now, places = self._now(), self._places(client, entries)
        moved = self._moved(wanted_too, client, taken=entries)
        self._store.commit([*(self._create(entry, places[entry.profile_id], client, now) for entry in entries), *moved])
        for priority in (NEW, REFRESH):
            count = sum(entry.priority == priority for entry in entries)
            count += sum(place_of(put.fields["priority"])[0] == priority for put in moved)
            self._shares.take(priority, client, count)
        self._count.queued(len(entries))

    def due(self, limit: int) -> Sequence[Document]:
        """The entries to take next: new ids before refreshes; of each, one round of every client after the other."""
        found = self._store.query(
            self._collections.queue, where=AtMost("due_at", self._now()), order_by=("priority", "due_at"), limit=limit
        )
        self._shares.served(found[0].fields["priority"] if found else None)
        return found

    def deal_former(self, entries: Sequence[Document]) -> None:
        """Deal entries into rounds that were queued when there were none, as those of a client without a name.

        They would otherwise all go before everybody's. An entry that another worker has taken meanwhile ends it; the
        next call deals the rest.
        """
        for priority in (NEW, REFRESH):
            former = [each for each in entries if is_former(each) and each.fields["priority"] == priority]
            places = self._shares.places(priority, "", len(former))
            try:
                self._store.commit([self._placed(*each, client="") for each in zip(former, places, strict=True)])
            except Conflict:
                return
            self._shares.take(priority, "", len(former))

    def age_seconds(self, entries: Iterable[Document]) -> float:
        """How long the oldest of the entries has been queued."""
        return (self._now() - min((entry.fields["enqueued_at"] for entry in entries), default=self._now())) / 1000

    def new_lease(self) -> str:
        """A name that no other lease has."""
        return uuid.uuid4().hex

    def claim(self, entries: Sequence[Document], lease: str) -> Claim:
        """Take the entries, or none of them if another worker has been faster with one.

        Called again with the same lease after ``StoreUnavailable`` it returns what the first call took, if it did.
        """
        until = self._now() + self._lease_ms
        taken = [
            (entry, {**entry.fields, "due_at": until, "lease": lease, "attempts": entry.fields["attempts"] + 1})
            for entry in entries
        ]
        try:
            self._store.commit([Put(self._collections.queue, entry.name, new, entry.version) for entry, new in taken])
        except Conflict:
            return self._held(lease, [entry.name for entry in entries])
        return Claim(lease, {new["id"]: new for _, new in taken})

    def removal(self, profile_id: int) -> Write:
        """The write that ends an entry; belongs into the commit that stores what became of the id.

        Unconditional: should the lease have lapsed, then another worker stores the same, and either may be last.
        """
        return Delete(self._collections.queue, self._collections.name(profile_id))

    def give_back(self, batch: Claim, *, failed_alone: bool = False) -> None:
        """Make those entries due that are still held under the batch's lease; later if one failed all by itself."""
        now = self._now()
        writes: list[Write] = []
        for entry in self._entries(batch.lease, [self._collections.name(each) for each in batch.ids]):
            fields = {**entry.fields, "lease": "", "due_at": now}
            if failed_alone:
                fields["failed_alone"] += 1
                fields["due_at"] = now + _deferral_ms(fields["failed_alone"])
            writes.append(Put(self._collections.queue, entry.name, fields, entry.version))
        try:
            self._store.commit(writes)
        except Conflict:
            return  # a lease lapsed in between; the entries become due by themselves

    def waiting(self) -> Waiting:
        """How many wait, and how long the oldest does; as it was up to a minute ago if counting takes long."""
        return self._count.get()

    def _counted(self) -> Waiting:
        oldest = self._store.query(self._collections.queue, order_by=("enqueued_at",), limit=1)
        return Waiting(self._store.count(self._collections.queue), max(0.0, self.age_seconds(oldest)))

    def _create(self, entry: Entry, place: float, client: str, now: int) -> Create:
        # The fraction of due_at is a lot: ids of one request are looked up in random order, because documents written
        # in the order of their names all go to one server of Firestore.
        fields = {
            "id": entry.profile_id,
            "priority": place,
            "client": client,
            "enqueued_at": now,
            "due_at": now - random.random(),
            "known_missing": entry.known_missing,
            "attempts": 0,
            "failed_alone": 0,
            "lease": "",
        }
        return Create(self._collections.queue, self._collections.name(entry.profile_id), fields)

    def _places(self, client: str, entries: Sequence[Entry]) -> Mapping[int, float]:
        places: dict[int, float] = {}
        for priority in (NEW, REFRESH):
            ids = [entry.profile_id for entry in entries if entry.priority == priority]
            places |= zip(ids, self._shares.places(priority, client, len(ids)), strict=True)
        return places

    def _moved(self, entries: Sequence[Document], client: str, *, taken: Sequence[Entry]) -> list[Put]:
        """The writes that move entries up; their places come after those ``taken`` by the client's new ids."""
        moved: list[Put] = []
        for priority in (NEW, REFRESH):
            used = sum(entry.priority == priority for entry in taken)
            later = [entry for entry in entries if _can_move(entry.fields, priority, client)]
            for entry in later:
                (place,) = self._shares.places(priority, client, 1, after=used)
                if place_of(place)[1] < place_of(entry.fields["priority"])[1]:
                    moved.append(self._placed(entry, place, client=client))
                    used += 1
        return moved

    def _placed(self, entry: Document, place: float, *, client: str) -> Put:
        fields = {**entry.fields, "priority": place, "client": client}
        return Put(self._collections.queue, entry.name, fields, entry.version)

    def _held(self, lease: str, names: Sequence[str]) -> Claim:
        return Claim(lease, {entry.fields["id"]: entry.fields for entry in self._entries(lease, names)})

    def _entries(self, lease: str, names: Sequence[str]) -> list[Document]:
        found = self._store.get(self._collections.queue, names)
        return [entry for entry in found.values() if entry.fields["lease"] == lease]

    def _now(self) -> int:
        return int(self._clock() * 1000)


def _can_move(fields: Mapping[str, Any], priority: int, client: str) -> bool:
    """Of that class, of another client, and neither under way nor put off nor queued before there were rounds."""
    waits = not fields["lease"] and not fields["failed_alone"]
    return waits and fields.get("client", client) != client and place_of(fields["priority"])[0] == priority


def is_former(entry: Document) -> bool:
    """Whether the entry was queued when there were no rounds."""
    return "client" not in entry.fields


def _deferral_ms(times: int) -> int:
    return int(1000 * doubled(times, first=_FIRST_DEFERRAL_SECONDS, longest=_LONGEST_DEFERRAL_SECONDS))
