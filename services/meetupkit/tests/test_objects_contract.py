"""The protocol ``ObjectStore``, statement by statement, for every back end."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import google_crc32c
import pytest
from meetup_testkit.emulators.pytest_plugin import Bucket
from meetup_testkit.hostile_objects import same_checksum
from meetupkit.errors import Conflict, ObjectRefused, StoreRefused, StoreUnavailable
from meetupkit.stores import open_objects
from meetupkit.stores.objects import Created, Exists, NewObject, ObjectStore

RACERS = 20


@dataclass(frozen=True)
class Place:
    """Where a back end keeps objects, and how an outage of it begins and ends."""

    url: str
    take_away: Callable[[], object]
    bring_back: Callable[[], object]


@pytest.fixture
def directory(tmp_path: Path) -> Place:
    objects, away = tmp_path / "objects", tmp_path / "away"
    return Place(f"file://{objects}", lambda: objects.rename(away), lambda: away.rename(objects))


@pytest.fixture
def bucket(cloud_storage: Bucket) -> Place:
    return Place(f"{cloud_storage.url}/some/prefix", cloud_storage.process.stop, cloud_storage.process.start)


@pytest.fixture(params=["directory", "bucket"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def store(place: Place) -> Iterator[ObjectStore]:
    store = open_objects(place.url)
    store.check()
    yield store
    store.close()


@pytest.fixture
def other(place: Place) -> Iterator[ObjectStore]:
    """The same place, opened a second time as a second process would."""
    other = open_objects(place.url)
    yield other
    other.close()


def new(name: str, body: bytes) -> NewObject:
    return NewObject(name, body, google_crc32c.value(body), metadata={"feed": "rsvps"})


def body_of(store: ObjectStore, name: str) -> bytes:
    found = store.read(name)
    assert found is not None, f"{name} is not there"
    return found.body


BODIES = {
    "json": b'{"rsvp_id":1,"mtime":2}',
    "empty": b"",
    "unicode": '{"name":"Zoë 東京 \u2028 🎉"}'.encode(),
    "not utf-8": bytes(range(256)),
    "5 MB": os.urandom(5_000_000),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_body_is_read_as_it_was_created(store: ObjectStore, body: bytes) -> None:
    assert store.create(new("rsvps/1_2.json", body)) == Created()
    assert body_of(store, "rsvps/1_2.json") == body


@pytest.mark.parametrize("name", ["a", "a b/c+d%20&?#.json", "rsvps/é東京.json", "x/y/z/_rejected/1.json", "a./b"])
def test_a_name_is_listed_and_read_as_it_was_created(store: ObjectStore, name: str) -> None:
    assert store.create(new(name, name.encode())) == Created()
    assert list(store.names("")) == [name]
    assert body_of(store, name) == name.encode()


@pytest.mark.parametrize(
    "name",
    ["", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/..", ".incoming/a", "a/.b", "a\0b", "a\nb", "\ud800"],
)
def test_a_name_that_some_back_end_cannot_hold_is_a_value_error_everywhere(store: ObjectStore, name: str) -> None:
    for call in (
        lambda: store.create(new(name, b"x")),
        lambda: store.read(name),
        lambda: store.replace(name, b"x", expected_version=0),
    ):
        with pytest.raises(ValueError, match="not an object's name"):
            call()
    assert list(store.names("")) == []


def test_a_taken_name_keeps_its_body_and_says_whether_it_is_the_same(store: ObjectStore) -> None:
    first, second = b"first", b"second, and longer"
    store.create(new("rsvps/1_2.json", first))
    assert store.create(new("rsvps/1_2.json", second)) == Exists(same=False)
    assert store.create(new("rsvps/1_2.json", first)) == Exists(same=True)
    assert body_of(store, "rsvps/1_2.json") == first


def test_another_body_of_the_same_length_and_checksum_is_another_body(store: ObjectStore) -> None:
    first, second = same_checksum(rsvp_id=1, mtime=2)
    assert (len(first), google_crc32c.value(first)) == (len(second), google_crc32c.value(second))
    store.create(new("rsvps/1_2.json", first))
    assert store.create(new("rsvps/1_2.json", second)) == Exists(same=False)
    assert store.create(new("rsvps/1_2.json", first)) == Exists(same=True)


def test_a_body_that_was_stored_without_metadata_is_compared_itself(store: ObjectStore) -> None:
    """As an earlier version stored it, and as ``replace`` stores."""
    first, second = same_checksum(rsvp_id=1, mtime=2)
    store.replace("rsvps/1_2.json", first, expected_version=0)
    assert store.create(new("rsvps/1_2.json", second)) == Exists(same=False)
    assert store.create(new("rsvps/1_2.json", first)) == Exists(same=True)
    assert store.create(new("rsvps/1_2.json", first[:-1])) == Exists(same=False)


def test_no_more_is_read_of_an_object_than_its_reader_takes(store: ObjectStore) -> None:
    store.create(new("a", b"12345"))
    assert body_of(store, "a") == b"12345"
    found = store.read("a", most=5)
    assert found is not None
    assert found.body == b"12345"
    with pytest.raises(ObjectRefused, match="more than 4 bytes"):
        store.read("a", most=4)
    assert store.read("b", most=0) is None


def test_an_object_is_deleted_by_who_knows_its_version(store: ObjectStore) -> None:
    store.create(new("a/b", b"1"))
    found = store.read("a/b")
    assert found is not None
    version = store.replace("a/b", b"2", expected_version=found.version)
    store.delete("a/b", expected_version=version)
    assert store.read("a/b") is None
    assert list(store.names("")) == []
    store.delete("a/b", expected_version=version)
    assert store.create(new("a/b", b"3")) == Created()


def test_an_object_is_compared_without_being_written(store: ObjectStore) -> None:
    first, second = same_checksum(rsvp_id=1, mtime=2)
    assert store.compare(new("rsvps/1_2.json", first)) is None
    assert list(store.names("")) == []
    store.create(new("rsvps/1_2.json", first))
    assert store.compare(new("rsvps/1_2.json", first)) == Exists(same=True)
    assert store.compare(new("rsvps/1_2.json", second)) == Exists(same=False)


def test_what_is_said_to_be_known_lies_there_with_the_same_body(store: ObjectStore) -> None:
    def named(number: int, body: str = "") -> NewObject:
        text = f"{body}{number}".encode()
        sha256 = hashlib.sha256(text).hexdigest()
        return NewObject(f"rsvps/{number}_7.json", text, google_crc32c.value(text), sha256=sha256)

    for number in range(100, 160):
        store.create(named(number))
    first, second = same_checksum(rsvp_id=1, mtime=2)
    store.create(
        replace(named(160), body=first, crc32c=google_crc32c.value(first), sha256=hashlib.sha256(first).hexdigest())
    )
    asked = [*map(named, range(90, 150)), *(named(number, "x") for number in range(150, 160))]
    asked.append(
        replace(named(160), body=second, crc32c=google_crc32c.value(second), sha256=hashlib.sha256(second).hexdigest())
    )
    known = store.known(asked)
    assert known <= {named(number).name for number in range(100, 150)}
    assert known or store.concurrency == 1
    assert store.known([]) == set()


def test_of_many_racers_for_a_name_exactly_one_creates_it(store: ObjectStore) -> None:
    bodies = [f"racer {racer}".encode() * 100 for racer in range(RACERS)]
    start = threading.Barrier(RACERS)

    def race(body: bytes) -> Created | Exists:
        start.wait()
        return store.create(new("rsvps/1_2.json", body))

    with ThreadPoolExecutor(RACERS) as pool:
        answers = list(pool.map(race, bodies))
    winner = [body for body, answer in zip(bodies, answers, strict=True) if answer == Created()]
    assert winner == [body_of(store, "rsvps/1_2.json")]
    assert answers.count(Exists(same=False)) == RACERS - 1


def test_an_object_that_was_not_created_reads_as_none(store: ObjectStore) -> None:
    store.create(new("rsvps/1_2.json", b"x"))
    assert store.read("rsvps/1_2") is None
    assert store.read("rsvps") is None
    assert store.read("rsvps/1_2.json/deeper") is None
    assert store.read("photos/1_2.json") is None


def test_an_object_is_replaced_by_who_knows_its_version(store: ObjectStore, other: ObjectStore) -> None:
    first = store.replace("rsvps/_cursor.json", b"1", expected_version=0)
    second = other.replace("rsvps/_cursor.json", b"2", expected_version=first)
    found = store.read("rsvps/_cursor.json")
    assert found is not None
    assert (found.body, found.version) == (b"2", second)
    assert len({0, first, second}) == 3


def test_a_created_object_has_a_version_to_replace_it_by(store: ObjectStore) -> None:
    store.create(new("a", b"1"))
    found = store.read("a")
    assert found is not None
    store.replace("a", b"2", expected_version=found.version)
    assert body_of(store, "a") == b"2"
    assert store.create(new("a", b"3")) == Exists(same=False)


def test_every_replacement_has_a_new_version_even_of_the_same_body(store: ObjectStore) -> None:
    versions = [0]
    for _ in range(20):
        versions.append(store.replace("a", b"same", expected_version=versions[-1]))
    assert len(set(versions)) == len(versions)


def test_an_old_version_conflicts_and_changes_nothing(store: ObjectStore, other: ObjectStore) -> None:
    first = store.replace("a", b"1", expected_version=0)
    other.replace("a", b"2", expected_version=first)
    with pytest.raises(Conflict):
        store.replace("a", b"3", expected_version=first)
    with pytest.raises(Conflict):
        store.replace("a", b"3", expected_version=0)
    assert body_of(store, "a") == b"2"


def test_a_version_of_nothing_conflicts(store: ObjectStore) -> None:
    with pytest.raises(Conflict):
        store.replace("a", b"1", expected_version=1)
    assert store.read("a") is None


@pytest.mark.parametrize("present", [False, True], ids=["absent", "present"])
def test_of_racers_with_the_same_version_exactly_one_replaces(store: ObjectStore, place: Place, present: bool) -> None:
    version = store.replace("a", b"before", expected_version=0) if present else 0
    racers = 8
    start = threading.Barrier(racers)

    def race(racer: int) -> str:
        own = open_objects(place.url)
        start.wait()
        try:
            own.replace("a", f"racer {racer}".encode(), expected_version=version)
        except Conflict:
            return "conflict"
        finally:
            own.close()
        return f"racer {racer}"

    with ThreadPoolExecutor(racers) as pool:
        outcomes = list(pool.map(race, range(racers)))
    assert outcomes.count("conflict") == racers - 1
    assert body_of(store, "a").decode() in outcomes


def test_names_are_exactly_those_with_the_prefix_in_order_of_code_points(store: ObjectStore) -> None:
    names = ["a-b", "a/b", "a/b-c/d", "a/b/c", "a0", "ab/c", "b/1", "b/10", "b/2", "b/é", "b/東", "b/🎉"]
    names.remove("a/b")  # an object and a folder of one name: Cloud Storage alone has both
    for name in reversed(names):
        store.create(new(name, b""))
    for prefix in ["", "a", "a/", "a/b", "a/b-", "a/b/", "b", "b/1", "b/1_", "c", "zzz/"]:
        assert list(store.names(prefix)) == [name for name in sorted(names) if name.startswith(prefix)], prefix


def test_nothing_is_listed_of_an_empty_store(store: ObjectStore) -> None:
    assert list(store.names("")) == []
    assert list(store.names("rsvps/")) == []


def test_sync_returns_when_there_is_something_to_sync_and_when_there_is_not(store: ObjectStore) -> None:
    store.sync()
    store.create(new("a", b"1"))
    store.sync()
    assert body_of(store, "a") == b"1"


def test_concurrency_is_a_number_of_threads(store: ObjectStore) -> None:
    assert 1 <= store.concurrency <= 256


def test_a_store_that_is_away_is_unavailable_and_works_again_when_it_is_back(store: ObjectStore, place: Place) -> None:
    store.create(new("rsvps/1.json", b"1"))
    version = store.replace("rsvps/_cursor.json", b"1", expected_version=0)
    place.take_away()
    for call in (
        lambda: store.create(new("rsvps/2.json", b"2")),
        lambda: store.create(new("rsvps/1.json", b"1")),
        lambda: store.create(new("photos/2.json", b"2")),
        lambda: store.read("rsvps/1.json"),
        lambda: store.replace("rsvps/_cursor.json", b"2", expected_version=version),
        lambda: list(store.names("")),
    ):
        with pytest.raises(StoreUnavailable):
            call()
    place.bring_back()
    assert store.create(new("rsvps/1.json", b"1")) == Exists(same=True)
    assert store.create(new("rsvps/2.json", b"2")) == Created()
    assert store.replace("rsvps/_cursor.json", b"2", expected_version=version) != version
    assert list(store.names("")) == ["rsvps/1.json", "rsvps/2.json", "rsvps/_cursor.json"]
    store.sync()


def test_checking_a_store_leaves_no_object(store: ObjectStore) -> None:
    store.check()
    store.check()
    assert list(store.names("")) == []


def test_a_store_works_without_having_been_checked(store: ObjectStore, other: ObjectStore) -> None:
    assert other.create(new("a", b"1")) == Created()
    other.sync()
    assert body_of(other, "a") == b"1"


@pytest.mark.parametrize("url", ["", "rsvps", "/data", "s3://bucket", "file:data", "file://host/data", "file:///"])
def test_an_address_that_no_back_end_knows_is_refused_with_the_form_it_should_have(url: str) -> None:
    with pytest.raises(StoreRefused, match="file:///"):
        open_objects(url)
