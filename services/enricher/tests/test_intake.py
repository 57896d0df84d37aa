"""Which ids are queued, and what is known of one."""

import threading
from collections.abc import Iterator

import pytest
from meetup_enricher.arrivals import Arrivals
from meetup_enricher.intake import Accepted, Intake
from meetup_enricher.kinds import MEMBERS
from meetup_enricher.metrics import Metrics
from meetup_enricher.profiles import Shelf, Why, missing_fields, profile_fields
from meetup_enricher.queue import Queue
from meetupkit.stores.documents import Put
from meetupkit.stores.documents.sqlite.documents import SqliteDocuments

FRESH = 1000
SHELF = Shelf(MEMBERS, "members", "m")


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
def store(tmp_path: object) -> Iterator[SqliteDocuments]:
    documents = SqliteDocuments.from_url(f"sqlite:///{tmp_path}/documents.db")
    yield documents
    documents.close()


def build(store: SqliteDocuments, clock: Clock) -> Intake:
    return Intake(
        store=store,
        shelf=SHELF,
        queue=Queue(store, SHELF, lease_seconds=60, clock=clock),
        fresh_seconds=FRESH,
        arrivals=Arrivals(),
        metrics=Metrics(),
        clock=clock,
    )


@pytest.fixture
def intake(store: SqliteDocuments, clock: Clock) -> Intake:
    return build(store, clock)


def store_profile(store: SqliteDocuments, clock: Clock, profile_id: int) -> None:
    fields = profile_fields(MEMBERS, profile_id, {"id": profile_id}, fetched_at=clock.ms)
    store.commit([Put("members", SHELF.name(profile_id), fields)])


def store_missing(store: SqliteDocuments, clock: Clock, profile_id: int) -> None:
    fields = missing_fields(MEMBERS, profile_id, Why.ABSENT, missing_at=clock.ms, expires_at=clock.ms + 10_000)
    store.commit([Put("members_missing", SHELF.name(profile_id), fields)])


def priorities(store: SqliteDocuments) -> dict[int, int]:
    entries = store.query("members_queue", order_by=("priority",), limit=500)
    return {entry.fields["id"]: entry.fields["priority"] for entry in entries}


def test_each_distinct_id_is_counted_once_by_its_state(intake: Intake, store: SqliteDocuments, clock: Clock) -> None:
    intake.accept([1])
    store_profile(store, clock, 2)
    store_missing(store, clock, 3)
    assert intake.accept([1, 2, 3, 4, 4, 5, 1]) == Accepted(queued=2, already_queued=1, fresh=1, missing=1)
    assert priorities(store) == {1: 0, 4: 0, 5: 0}


def test_a_profile_that_is_out_of_date_is_refreshed_after_new_ids(
    intake: Intake, store: SqliteDocuments, clock: Clock
) -> None:
    store_profile(store, clock, 1)
    clock.now += FRESH
    assert intake.accept([1, 2]) == Accepted(queued=2)
    assert priorities(store) == {1: 1, 2: 0}
    known = intake.known(1)
    assert known.profile is not None
    assert known.entry is not None


def test_an_id_is_looked_up_again_when_its_being_missing_is_out_of_date(
    intake: Intake, store: SqliteDocuments, clock: Clock
) -> None:
    store_missing(store, clock, 1)
    clock.now += 10
    assert intake.accept([1]) == Accepted(queued=1)
    assert store.get("members_queue", ["m1"])["m1"].fields["known_missing"] is True


def test_a_request_larger_than_a_commit_is_queued_whole(intake: Intake, store: SqliteDocuments) -> None:
    assert intake.accept(range(1, 1235)) == Accepted(queued=1234)
    assert store.count("members_queue") == 1234


def test_replicas_that_are_asked_for_the_same_ids_queue_each_once(store: SqliteDocuments, clock: Clock) -> None:
    intakes = [build(store, clock) for _ in range(4)]
    accepted: list[Accepted] = []

    def ask(intake: Intake, offset: int) -> None:
        accepted.extend(intake.accept(range(start, start + 40)) for start in range(1 + offset, 400, 20))

    threads = [threading.Thread(target=ask, args=(intake, 5 * index)) for index, intake in enumerate(intakes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(accepted) == 80
    assert sum(each.queued for each in accepted) == store.count("members_queue")
    assert all(each.queued + each.already_queued == 40 for each in accepted)


def test_an_id_nobody_asked_for_is_unknown(intake: Intake) -> None:
    known = intake.known(7)
    assert (known.profile, known.entry, known.missing) == (None, None, None)
