"""Many objects read at once: in order, bounded, for a store in which each read waits."""

import threading
from collections.abc import Iterator

import google_crc32c
import pytest
from meetupkit.errors import ObjectRefused, StoreUnavailable
from meetupkit.stores.objects import NewObject, StoredObject
from meetupkit.stores.objects.directory import DirectoryObjects
from meetupkit.stores.objects.read_ahead import AHEAD_BYTES, read_all


class Waiting(DirectoryObjects):
    """A directory whose reads wait for others, as those over a network do; counts how many are under way."""

    concurrency = 8
    away = False

    def count(self) -> None:
        self.under_way, self.most, self.lock = 0, 0, threading.Lock()

    def read(self, name: str, *, most: int | None = None) -> StoredObject | None:
        with self.lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        try:
            if self.away:
                raise StoreUnavailable("away")
            return super().read(name, most=most)
        finally:
            with self.lock:
                self.under_way -= 1


@pytest.fixture
def store(tmp_path: object) -> Waiting:
    store = Waiting.from_url(f"file://{tmp_path}")
    store.check()
    store.count()
    return store


def fill(store: Waiting, sizes: list[int]) -> list[str]:
    names = [f"a/{number:04}" for number in range(len(sizes))]
    for name, size in zip(names, sizes, strict=True):
        body = name.encode() + bytes(size)
        store.create(NewObject(name, body, google_crc32c.value(body)))
    return names


def test_objects_come_in_the_order_of_their_names(store: Waiting) -> None:
    names = fill(store, [1] * 300)
    read = list(read_all(store, names, most=1000))
    assert [name for name, _ in read] == names
    assert all(isinstance(found, StoredObject) and found.body.startswith(name.encode()) for name, found in read)


def test_what_is_gone_or_too_large_is_told_in_its_place(store: Waiting) -> None:
    fill(store, [1, 2000, 1])
    read = dict(read_all(store, ["a/0000", "a/0001", "a/0009", "a/0002"], most=1000))
    assert [type(found) for found in read.values()] == [StoredObject, ObjectRefused, type(None), StoredObject]


def test_names_are_taken_no_further_than_their_objects_are(store: Waiting) -> None:
    """So that a listing of millions is never held."""
    (name,) = fill(store, [1])
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield name

    reading = read_all(store, endless(), most=1000)
    for number in range(1, 200):
        next(reading)
        assert taken <= number + store.concurrency
    reading.close()  # type: ignore[attr-defined]  # an Iterator has none, the generator has


def test_large_objects_are_read_one_at_a_time(store: Waiting) -> None:
    names = fill(store, [AHEAD_BYTES // 2 + 1] * 6)
    reading = read_all(store, names, most=AHEAD_BYTES)
    next(reading)
    for _ in reading:
        pass
    store.most = 0
    assert len(list(read_all(store, names[:1] + names[:1], most=AHEAD_BYTES))) == 2
    assert store.most <= 4


def test_an_outage_comes_where_it_happens_and_leaves_no_thread(store: Waiting) -> None:
    names = fill(store, [1] * 50)
    reading = read_all(store, names, most=1000)
    assert next(reading)[0] == names[0]
    store.away = True
    with pytest.raises(StoreUnavailable):
        list(reading)
    for thread in threading.enumerate():
        if thread.name.startswith("read"):
            thread.join(60)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read")]
