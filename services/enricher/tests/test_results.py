"""What became of a batch, stored together with the end of its queue entries."""

from collections.abc import Sequence

import pytest
from meetup_enricher.kinds import MEMBERS, Collections, MissingReason
from meetup_enricher.meetup.lookup import LookupResult
from meetup_enricher.metrics import Metrics
from meetup_enricher.queueing.queue import Claim, Entry, Queue
from meetup_enricher.storage.results import ResultWriter
from meetupkit.stores.documents import Write
from meetupkit.stores.documents.sqlite.documents import SqliteDocuments

COLLECTIONS = Collections(MEMBERS, "members", "m")


class Bench:
    """A queue with ids in it, and a results that counts its commits."""

    def __init__(self, store: SqliteDocuments) -> None:
        self.store = store
        self.queue = Queue(store, COLLECTIONS, lease_seconds=60)
        self.metrics = Metrics()
        self.commits: list[int] = []
        self.results = ResultWriter(
            collections=COLLECTIONS,
            queue=self.queue,
            secret="0123abcd4567ef89deadbeefcafe",
            missing_seconds=10,
            metrics=self.metrics,
            commit=self.commit,
        )

    def commit(self, writes: Sequence[Write]) -> None:
        self.store.commit(writes)
        self.commits.append(len(writes))

    def taken(self, *entries: Entry) -> Claim:
        self.queue.enqueue(entries)
        return self.queue.claim(self.queue.due(200), self.queue.new_lease())

    def counts(self) -> tuple[int, int, int]:
        count = self.store.count
        return count("members"), count("members_missing"), count("members_queue")


@pytest.fixture
def bench(documents: SqliteDocuments) -> Bench:
    return Bench(documents)


def profile(each: int, size: int = 1) -> dict[str, object]:
    return {"id": each, "bio": "x" * size}


def test_a_full_batch_is_one_commit(bench: Bench) -> None:
    batch = bench.taken(*(Entry(each, 0) for each in range(1, 201)))
    answer = LookupResult(
        {each: profile(each) for each in range(1, 151)}, dict.fromkeys(range(151, 201), MissingReason.ABSENT)
    )
    bench.results.save(batch, answer)
    assert bench.commits == [400]
    assert bench.counts() == (150, 50, 0)


def test_settling_twice_changes_nothing(bench: Bench) -> None:
    batch = bench.taken(Entry(1, 0), Entry(2, 0))
    for _ in range(2):
        bench.results.save(batch, LookupResult({1: profile(1)}, {2: MissingReason.ABSENT}))
    assert bench.counts() == (1, 1, 0)


def test_a_profile_that_is_found_again_is_missing_no_longer(bench: Bench) -> None:
    bench.results.save(bench.taken(Entry(1, 0)), LookupResult({}, {1: MissingReason.ABSENT}))
    assert bench.counts() == (0, 1, 0)
    bench.results.save(bench.taken(Entry(1, 1, known_missing=True)), LookupResult({1: profile(1)}, {}))
    assert bench.counts() == (1, 0, 0)


def test_two_hundred_that_are_found_again_are_split_into_commits_of_whole_ids(bench: Bench) -> None:
    batch = bench.taken(*(Entry(each, 1, known_missing=True) for each in range(1, 201)))
    bench.results.save(batch, LookupResult({each: profile(each) for each in range(1, 201)}, {}))
    assert bench.commits == [498, 102]
    assert bench.counts() == (200, 0, 0)


def test_a_refresh_that_finds_nothing_keeps_the_old_profile(bench: Bench) -> None:
    bench.results.save(bench.taken(Entry(1, 0)), LookupResult({1: profile(1)}, {}))
    bench.results.save(bench.taken(Entry(1, 1)), LookupResult({}, {1: MissingReason.ABSENT}))
    assert bench.counts() == (1, 1, 0)


def test_a_profile_too_large_for_any_store_is_quarantined_and_the_rest_stored(bench: Bench) -> None:
    batch = bench.taken(*(Entry(each, 0) for each in range(1, 31)))
    found = {each: profile(each, 2_000_000 if each in {7, 20} else 1) for each in range(1, 31)}
    bench.results.save(batch, LookupResult(found, {}))
    assert bench.counts() == (28, 2, 0)
    missing = bench.store.get("members_missing", ["m7", "m20"])
    assert {each.fields["reason"] for each in missing.values()} == {"unstorable"}


def test_large_profiles_are_split_into_commits_a_request_can_hold(bench: Bench) -> None:
    batch = bench.taken(*(Entry(each, 0) for each in range(1, 31)))
    bench.results.save(batch, LookupResult({each: profile(each, 900_000) for each in range(1, 31)}, {}))
    assert len(bench.commits) == 5
    assert bench.counts() == (30, 0, 0)
