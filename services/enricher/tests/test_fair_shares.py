"""One queue, many clients: nobody waits behind the backlog of another. On SQLite, and on Firestore's emulator."""

import random
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meetup_enricher.kinds import MEMBERS, Collections
from meetup_enricher.metrics import Metrics
from meetup_enricher.queueing.accept import Acceptor
from meetup_enricher.queueing.fair_shares import MAX_CLIENTS, NEW, REFRESH, ROUND_IDS, FairShares, order_of, place_of
from meetup_enricher.queueing.queue import Queue, is_former
from meetup_enricher.queueing.wakeup import Wakeup
from meetup_enricher.storage.profiles import profile_fields
from meetup_testkit.emulators.pytest_plugin import FirestoreProject
from meetup_testkit.patient import open_patiently
from meetupkit.stores.documents import Create, DocumentStore, Put

COLLECTIONS = Collections(MEMBERS, "members", "m")
BATCH = 200


@pytest.fixture(params=["sqlite", "firestore"])
def store(request: pytest.FixtureRequest, tmp_path: object) -> Iterator[DocumentStore]:
    url = f"sqlite:///{tmp_path}/documents.db"
    if request.param == "firestore":
        project: FirestoreProject = request.getfixturevalue("firestore")
        url = project.url
    documents = open_patiently(url)
    yield documents
    documents.close()


@pytest.fixture
def queue(store: DocumentStore) -> Queue:
    return replica(store)


@pytest.fixture
def acceptor(store: DocumentStore, queue: Queue) -> Acceptor:
    return acceptor_of(store, queue)


def replica(store: DocumentStore) -> Queue:
    return Queue(store, COLLECTIONS, lease_seconds=60)


def acceptor_of(store: DocumentStore, queue: Queue) -> Acceptor:
    return Acceptor(
        store=store, collections=COLLECTIONS, queue=queue, fresh_seconds=1000, wakeup=Wakeup(), metrics=Metrics()
    )  # fmt: skip


def served(store: DocumentStore, queue: Queue, batches: int, size: int = BATCH) -> list[list[int]]:
    """The ids of the next batches, each looked up and gone."""
    taken = []
    for _ in range(batches):
        batch = queue.claim(queue.due(size), queue.new_lease())
        store.commit([queue.removal(each) for each in batch.ids])
        taken.append(list(batch.ids))
    return taken


def queue_as_before(store: DocumentStore, ids: range, *, priority: int = NEW) -> None:
    """Entries as the version without fair shares wrote them."""
    for start in range(0, len(ids), 500):
        store.commit(
            [
                Create(
                    "members_queue",
                    f"m{each}",
                    {
                        "id": each,
                        "priority": priority,
                        "enqueued_at": 1_500_000_000_000 + start,
                        "due_at": 1_500_000_000_000 + start - random.random(),
                        "known_missing": False,
                        "attempts": 0,
                        "failed_alone": 0,
                        "lease": "",
                    },
                )
                for each in ids[start : start + 500]
            ]
        )


def test_a_few_ids_go_into_the_next_batch_whatever_another_client_has_queued(
    store: DocumentStore, queue: Queue, acceptor: Acceptor
) -> None:
    acceptor.accept(range(1, 2001), client="backfill")
    served(store, queue, 3)
    acceptor.accept(range(10_001, 10_021), client="rsvps")
    (batch,) = served(store, queue, 1)
    assert set(range(10_001, 10_021)) <= set(batch)


@pytest.mark.parametrize("clients", [2, 3, 4, 7])
def test_clients_with_a_backlog_are_served_alike(
    store: DocumentStore, queue: Queue, acceptor: Acceptor, clients: int
) -> None:
    for client in range(clients):
        acceptor.accept(range(client * 10_000 + 1, client * 10_000 + 501), client=f"feed{client}")
    batches = served(store, queue, 2 * clients)
    counts = Counter(each // 10_000 for batch in batches for each in batch)
    assert len(counts) == clients
    assert max(counts.values()) - min(counts.values()) <= ROUND_IDS


def test_a_client_that_keeps_sending_a_little_starves_nobody(
    store: DocumentStore, queue: Queue, acceptor: Acceptor
) -> None:
    acceptor.accept(range(1, 2001), client="backfill")
    of_backfill = 0
    for turn in range(8):
        acceptor.accept(range(10_001 + turn * 200, 10_201 + turn * 200), client="greedy")
        (batch,) = served(store, queue, 1)
        of_backfill += sum(each <= 2000 for each in batch)
    assert of_backfill >= 8 * BATCH * 0.4


def test_ids_that_an_earlier_version_queued_are_dealt_out_and_let_others_through(
    store: DocumentStore, queue: Queue, acceptor: Acceptor
) -> None:
    queue_as_before(store, range(1, 1201))
    acceptor.accept([10_001, 10_002], client="rsvps")
    while any(map(is_former, queue.due(BATCH))):
        queue.deal_former(queue.due(500))
    (batch,) = served(store, queue, 1)
    assert {10_001, 10_002} <= set(batch)
    rest = [each for batch in served(store, queue, 6) for each in batch]
    assert sorted([*batch, *rest]) == [*range(1, 1201), 10_001, 10_002]


def test_an_id_that_two_clients_ask_for_is_one_entry_and_waits_for_no_backlog(
    store: DocumentStore, queue: Queue, acceptor: Acceptor
) -> None:
    acceptor.accept(range(1, 2001), client="backfill")
    accepted = acceptor.accept([1990, 1999, 5000], client="rsvps")
    assert (accepted.queued, accepted.already_queued) == (1, 2)
    assert store.count("members_queue") == 2001
    batches = served(store, queue, 11)
    assert {1990, 1999, 5000} <= set(batches[0])
    assert Counter(each for batch in batches for each in batch) == Counter([*range(1, 2001), 5000])


def test_what_is_under_way_or_put_off_is_moved_by_nobody(
    store: DocumentStore, queue: Queue, acceptor: Acceptor
) -> None:
    acceptor.accept(range(1, 301), client="backfill")
    first, second = (queue.claim(queue.due(100), queue.new_lease()) for _ in range(2))
    queue.give_back(second, failed_alone=True)
    before = store.get("members_queue", [f"m{each}" for each in range(1, 301)])
    acceptor.accept([*first.ids, *second.ids], client="rsvps")
    after = store.get("members_queue", before)
    assert [after[f"m{each}"] for each in (*first.ids, *second.ids)] == [
        before[f"m{each}"] for each in (*first.ids, *second.ids)
    ]


def test_new_ids_go_before_refreshes_whoever_asks_for_them(
    store: DocumentStore, queue: Queue, acceptor: Acceptor
) -> None:
    old = [profile_fields(MEMBERS, each, {"id": each}, fetched_at=1) for each in range(1, 101)]
    store.commit([Put("members", f"m{each['id']}", each) for each in old])
    acceptor.accept(range(1, 101), client="rsvps")
    acceptor.accept(range(1001, 1501), client="backfill")
    batches = served(store, queue, 3)
    assert [each for batch in batches for each in batch if each <= 100] == batches[2][100:]


def test_a_restart_forgets_no_id_and_gives_a_small_client_its_turn(store: DocumentStore, acceptor: Acceptor) -> None:
    acceptor.accept(range(1, 2001), client="backfill")
    served(store, replica(store), 2)
    restarted = replica(store)
    acceptor_of(store, restarted).accept(range(10_001, 10_011), client="rsvps")
    batches = served(store, restarted, 9)
    assert set(range(10_001, 10_011)) <= set(batches[0])
    assert sum(map(len, batches)) == 1610


def test_two_replicas_deal_the_ids_of_an_earlier_version_without_losing_one(store: DocumentStore) -> None:
    queue_as_before(store, range(1, 701))
    first, second = replica(store), replica(store)
    seen = second.due(500)
    first.deal_former(first.due(500))
    second.deal_former(seen)  # another was faster
    second.deal_former(second.due(500))
    first.deal_former(first.due(500))
    assert sorted(each for batch in served(store, first, 4) for each in batch) == list(range(1, 701))


@given(st.integers(0, (1 << 40) - 1), st.sampled_from([NEW, REFRESH]))
def test_class_and_round_are_exact_in_one_number(round_number: int, priority: int) -> None:
    assert place_of(order_of(priority, round_number)) == (priority, round_number)
    assert order_of(priority, round_number) < order_of(priority, round_number + 1) or round_number == (1 << 40) - 1


@pytest.mark.parametrize("names", [[f"x{each}" for each in range(5000)], ["" for _ in range(5000)]])
def test_invented_names_cost_no_memory_and_get_one_share_together(names: list[str]) -> None:
    shares = FairShares()
    for name in names:
        shares.take(NEW, name, ROUND_IDS)
    assert len(shares._shares[NEW]) <= MAX_CLIENTS + 1
    (known,) = shares.places(NEW, "x0" if names[0] else "", 1)
    assert known > 0


def test_clients_whose_ids_are_served_make_room_for_others() -> None:
    shares = FairShares()
    for each in range(MAX_CLIENTS):
        shares.take(NEW, f"x{each}", 1)
    shares.served(order_of(NEW, 5))
    assert shares.places(NEW, "rsvps", 1) == [order_of(NEW, 5)]
    shares.take(NEW, "rsvps", 1)
    assert len(shares._shares[NEW]) == 1


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 120)), min_size=1, max_size=30), st.integers(1, 300))
def test_whoever_asks_how_often_no_client_is_more_than_a_round_ahead(
    requests: list[tuple[str, int]], size: int
) -> None:
    """The queue as a list: what is served is always of the lowest round, and none is dealt behind it."""
    shares, waiting = FairShares(), list[tuple[float, str]]()
    for client, count in requests:
        waiting += [(place, client) for place in shares.places(NEW, client, count)]
        shares.take(NEW, client, count)
        waiting.sort(key=lambda entry: entry[0])
        shares.served(waiting[0][0])
        head = waiting[0][0]
        del waiting[:size]
        if waiting:
            shares.served(waiting[0][0])
            assert waiting[0][0] >= head
        else:
            shares.served(None)
    for client in "abcd":
        rounds = Counter(place_of(place)[1] for place, of in waiting if of == client)
        assert all(count <= ROUND_IDS for count in rounds.values())
