"""Which ids are queued, and what is known of one."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from meetup_enricher.kinds import MEMBERS, Collections, MissingReason
from meetup_enricher.metrics import Metrics
from meetup_enricher.queueing.accept import Accepted, Acceptor
from meetup_enricher.queueing.queue import Queue
from meetup_enricher.queueing.wakeup import Wakeup
from meetup_enricher.storage.profiles import missing_fields, profile_fields
from meetupkit.stores.documents import Put
from meetupkit.stores.documents.sqlite.documents import SqliteDocuments

FRESH = 1000
COLLECTIONS = Collections(MEMBERS, "members", "m")


class Clock:
    """Stands still until it is moved."""

    now = 1_500_000_000.0

    def __call__(self) -> float:
        return self.now

    @property
    def ms(self) -> int:
        return int(self.now * 1000)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteDocuments]:
    documents = SqliteDocuments(tmp_path / "documents.db", busy_seconds=60)  # one of many writers may stand still
    yield documents
    documents.close()


def build(store: SqliteDocuments, clock: Clock) -> Acceptor:
    return Acceptor(
        store=store,
        collections=COLLECTIONS,
        queue=Queue(store, COLLECTIONS, lease_seconds=60, clock=clock),
        fresh_seconds=FRESH,
        wakeup=Wakeup(),
        metrics=Metrics(),
        clock=clock,
    )


@pytest.fixture
def acceptor(store: SqliteDocuments, clock: Clock) -> Acceptor:
    return build(store, clock)


def store_profile(store: SqliteDocuments, clock: Clock, profile_id: int) -> None:
    fields = profile_fields(MEMBERS, profile_id, {"id": profile_id}, fetched_at=clock.ms)
    store.commit([Put("members", COLLECTIONS.name(profile_id), fields)])


def store_missing(store: SqliteDocuments, clock: Clock, profile_id: int) -> None:
    fields = missing_fields(
        MEMBERS, profile_id, MissingReason.ABSENT, missing_at=clock.ms, expires_at=clock.ms + 10_000
    )
    store.commit([Put("members_missing", COLLECTIONS.name(profile_id), fields)])


def priorities(store: SqliteDocuments) -> dict[int, int]:
    entries = store.query("members_queue", order_by=("priority",), limit=500)
    return {entry.fields["id"]: entry.fields["priority"] for entry in entries}


def test_each_distinct_id_is_counted_once_by_its_state(
    acceptor: Acceptor, store: SqliteDocuments, clock: Clock
) -> None:
    acceptor.accept([1])
    store_profile(store, clock, 2)
    store_missing(store, clock, 3)
    assert acceptor.accept([1, 2, 3, 4, 4, 5, 1]) == Accepted(queued=2, already_queued=1, fresh=1, missing=1)
    assert priorities(store) == {1: 0, 4: 0, 5: 0}


def test_a_profile_that_is_out_of_date_is_refreshed_after_new_ids(
    acceptor: Acceptor, store: SqliteDocuments, clock: Clock
) -> None:
    store_profile(store, clock, 1)
    clock.now += FRESH
    assert acceptor.accept([1, 2]) == Accepted(queued=2)
    assert priorities(store) == {1: 1, 2: 0}
    known = acceptor.known(1)
    assert known.profile is not None
    assert known.entry is not None


def test_an_id_is_looked_up_again_when_its_being_missing_is_out_of_date(
    acceptor: Acceptor, store: SqliteDocuments, clock: Clock
) -> None:
    store_missing(store, clock, 1)
    clock.now += 10
    assert acceptor.accept([1]) == Accepted(queued=1)
    assert store.get("members_queue", ["m1"])["m1"].fields["known_missing"] is True


def test_a_request_larger_than_a_commit_is_queued_whole(acceptor: Acceptor, store: SqliteDocuments) -> None:
    assert acceptor.accept(range(1, 1235)) == Accepted(queued=1234)
    assert store.count("members_queue") == 1234


def test_replicas_that_are_asked_for_the_same_ids_queue_each_once(store: SqliteDocuments, clock: Clock) -> None:
    acceptors = [build(store, clock) for _ in range(4)]
    accepted: list[Accepted] = []

    def ask(acceptor: Acceptor, offset: int) -> None:
        accepted.extend(acceptor.accept(range(start, start + 40)) for start in range(1 + offset, 400, 20))

    threads = [threading.Thread(target=ask, args=(acceptor, 5 * index)) for index, acceptor in enumerate(acceptors)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(accepted) == 80
    assert sum(each.queued for each in accepted) == store.count("members_queue")
    assert all(each.queued + each.already_queued == 40 for each in accepted)


def test_an_id_nobody_asked_for_is_unknown(acceptor: Acceptor) -> None:
    known = acceptor.known(7)
    assert (known.profile, known.entry, known.missing) == (None, None, None)
