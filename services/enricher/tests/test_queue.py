"""The durable queue over a real store, with the clock as an argument."""

from collections.abc import Iterator, Mapping, Sequence

import pytest
from meetup_enricher.kinds import MEMBERS, Collections
from meetup_enricher.queueing.queue import NEW, REFRESH, Claim, Entry, Queue
from meetupkit.errors import Conflict, StoreUnavailable
from meetupkit.stores.documents import Document, Write
from meetupkit.stores.documents.sqlite.documents import SqliteDocuments

LEASE = 60


class Clock:
    """Stands still until it is moved."""

    now = 1_500_000_000.0

    def __call__(self) -> float:
        return self.now


class AnswersLost(SqliteDocuments):
    """A real store whose answers to commits are lost on the way while ``lost`` is above 0."""

    lost = 0

    def commit(self, writes: Sequence[Write]) -> None:
        super().commit(writes)
        if self.lost:
            self.lost -= 1
            raise StoreUnavailable("the answer was lost")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: object) -> Iterator[AnswersLost]:
    documents = AnswersLost.from_url(f"sqlite:///{tmp_path}/documents.db")
    yield documents
    documents.close()


@pytest.fixture
def queue(store: AnswersLost, clock: Clock) -> Queue:
    return Queue(store, Collections(MEMBERS, "members", "m"), lease_seconds=LEASE, clock=clock)


def enqueue(queue: Queue, *ids: int, priority: int = NEW) -> None:
    queue.enqueue([Entry(each, priority) for each in ids])


def take(queue: Queue, limit: int = 200) -> Claim:
    return queue.claim(queue.due(limit), queue.new_lease())


def ids_of(entries: Sequence[Document]) -> list[int]:
    return [entry.fields["id"] for entry in entries]


def entry_of(store: SqliteDocuments, name: str) -> Mapping[str, object]:
    return store.get("members_queue", [name])[name].fields


def test_queued_ids_are_due_at_once(queue: Queue) -> None:
    enqueue(queue, 1, 2, 3)
    assert sorted(ids_of(queue.due(200))) == [1, 2, 3]
    assert queue.queued([2, 3, 4]) == {2, 3}


def test_an_id_is_queued_once(queue: Queue) -> None:
    enqueue(queue, 1)
    with pytest.raises(Conflict):
        enqueue(queue, 2, 1)
    assert queue.queued([1, 2]) == {1}


def test_new_ids_go_before_refreshes_and_older_before_younger(queue: Queue, clock: Clock) -> None:
    for each, priority in ((1, REFRESH), (2, NEW), (3, REFRESH), (4, NEW)):
        enqueue(queue, each, priority=priority)
        clock.now += 5
    assert ids_of(queue.due(200)) == [2, 4, 1, 3]


def test_ids_of_one_request_are_taken_in_random_order(queue: Queue) -> None:
    enqueue(queue, *range(1, 201))
    names = [entry.name for entry in queue.due(200)]
    assert names != sorted(names)
    assert ids_of(queue.due(200)) != list(range(1, 201))


def test_what_is_taken_is_not_due_for_another_worker(queue: Queue) -> None:
    enqueue(queue, *range(1, 301))
    first, second = take(queue), take(queue)
    assert (len(first.ids), len(second.ids)) == (200, 100)
    assert not set(first.ids) & set(second.ids)
    assert not take(queue).ids


def test_of_two_workers_that_saw_the_same_entries_one_takes_them(queue: Queue) -> None:
    enqueue(queue, 1, 2)
    seen_by_both = queue.due(200)
    assert sorted(queue.claim(seen_by_both, "first").ids) == [1, 2]
    assert not queue.claim(seen_by_both, "second").ids


def test_a_claim_whose_answer_was_lost_is_found_by_its_lease(queue: Queue, store: AnswersLost) -> None:
    enqueue(queue, 1, 2)
    due = queue.due(200)
    store.lost = 1
    with pytest.raises(StoreUnavailable):
        queue.claim(due, "mine")
    assert sorted(queue.claim(due, "mine").ids) == [1, 2]
    assert entry_of(store, "m1")["attempts"] == 1


def test_a_lease_that_lapses_makes_its_entries_due_again(queue: Queue, clock: Clock) -> None:
    enqueue(queue, 1)
    take(queue)
    clock.now += LEASE - 1
    assert not queue.due(200)
    clock.now += 1
    assert take(queue).ids == [1]


def test_what_is_given_back_is_due_at_once(queue: Queue, store: AnswersLost) -> None:
    enqueue(queue, 1, 2)
    queue.give_back(take(queue))
    assert sorted(take(queue).ids) == [1, 2]
    assert entry_of(store, "m1")["attempts"] == 2


def test_giving_back_twice_changes_nothing(queue: Queue) -> None:
    enqueue(queue, 1)
    batch = take(queue)
    queue.give_back(batch)
    queue.give_back(batch)
    assert take(queue).ids == [1]


def test_a_lapsed_lease_cannot_give_back_what_another_worker_holds(queue: Queue, clock: Clock) -> None:
    enqueue(queue, 1)
    late = take(queue)
    clock.now += LEASE
    assert take(queue).ids == [1]
    queue.give_back(late)
    assert not queue.due(200)


def test_an_id_that_fails_alone_is_put_off_for_longer_each_time(queue: Queue, clock: Clock) -> None:
    enqueue(queue, 1)
    waits = []
    for _ in range(12):
        queue.give_back(take(queue), failed_alone=True)
        began = clock.now
        while not queue.due(200):
            clock.now += 5
        waits.append(clock.now - began)
    assert waits[:4] == [5, 10, 20, 40]
    assert waits[-1] == 3600


def test_removal_ends_an_entry_and_may_be_done_twice(queue: Queue, store: AnswersLost) -> None:
    enqueue(queue, 1, 2)
    store.commit([queue.removal(1)])
    store.commit([queue.removal(1)])
    assert queue.queued([1, 2]) == {2}


def test_the_backlog_tells_depth_and_age(queue: Queue, clock: Clock) -> None:
    assert (queue.waiting().depth, queue.waiting().oldest_seconds) == (0, 0)
    enqueue(queue, 1)
    clock.now += 7
    enqueue(queue, 2)
    take(queue)
    assert (queue.waiting().depth, queue.waiting().oldest_seconds) == (2, 7)
