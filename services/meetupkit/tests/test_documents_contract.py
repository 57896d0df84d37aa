"""What ``DocumentStore`` promises, held by every back end."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from meetup_testkit.patient import open_patiently
from meetupkit.errors import Conflict, DocumentRefused, DocumentTooLarge, StoreRefused, StoreUnavailable
from meetupkit.stores import open_documents
from meetupkit.stores.documents import (
    MAX_WRITES,
    AtMost,
    Create,
    Delete,
    Document,
    DocumentStore,
    Put,
    Write,
)


@pytest.fixture(params=["sqlite", "firestore"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store."""
    if request.param == "firestore":
        address: str = request.getfixturevalue("firestore").url
        return address
    return f"sqlite:///{tmp_path / 'documents.db'}"


@pytest.fixture
def store(url: str) -> Iterator[DocumentStore]:
    with closing(open_patiently(url)) as store:
        yield store


def names(documents: Any) -> list[str]:
    return [document.name for document in documents]


def only_document(store: DocumentStore, name: str = "m1", collection: str = "members") -> Document:
    return store.get(collection, [name])[name]


EVERY_KIND = {
    "text": "Zoë — 東京 🎉 \u0000 \"quoted\" 'single' \\ \n end",
    "empty": "",
    "smallest": -(2**63),
    "largest": 2**63 - 1,
    "float": 0.1,
    "whole float": 2.0,
    "true": True,
    "false": False,
    "none": None,
    "list": [1, "two", None, {"three": [3]}, {}],
    "object": {"nested": {"deep": {"deeper": ["x"]}}, "dotted.key": 1, "`ticked`": 2, "ключ": "значение", "a/b": {}},
    "meta": {"url": "https://api.example/2/members?member_id=1,2", "total_count": 2},
}


class TestOneDocument:
    def test_a_document_is_read_as_it_was_written(self, store: DocumentStore) -> None:
        store.commit([Create("members", "m1", EVERY_KIND)])
        read = only_document(store).fields
        assert read == EVERY_KIND
        assert {field: type(value) for field, value in read.items()} == {
            field: type(value) for field, value in EVERY_KIND.items()
        }

    def test_an_empty_document_is_a_document(self, store: DocumentStore) -> None:
        store.commit([Put("members", "m1", {})])
        assert only_document(store).fields == {}

    def test_the_same_name_in_another_collection_is_another_document(self, store: DocumentStore) -> None:
        store.commit([Create("members", "m1", {"a": 1}), Create("groups", "m1", {"a": 2})])
        assert only_document(store).fields == {"a": 1}
        assert only_document(store, collection="groups").fields == {"a": 2}

    def test_put_replaces_the_whole_document(self, store: DocumentStore) -> None:
        store.commit([Put("members", "m1", {"old": 1, "kept": 1})])
        store.commit([Put("members", "m1", {"kept": 2})])
        assert only_document(store).fields == {"kept": 2}

    def test_create_never_overwrites(self, store: DocumentStore) -> None:
        store.commit([Create("members", "m1", {"a": 1})])
        with pytest.raises(Conflict):
            store.commit([Create("members", "m1", {"a": 2})])
        assert only_document(store).fields == {"a": 1}

    def test_a_deleted_document_is_gone_and_may_be_deleted_again(self, store: DocumentStore) -> None:
        store.commit([Create("members", "m1", {"a": 1})])
        store.commit([Delete("members", "m1")])
        store.commit([Delete("members", "m1")])
        assert store.get("members", ["m1"]) == {}

    def test_a_deleted_document_may_be_created_again(self, store: DocumentStore) -> None:
        store.commit([Create("members", "m1", {"a": 1})])
        store.commit([Delete("members", "m1")])
        store.commit([Create("members", "m1", {"a": 2})])
        assert only_document(store).fields == {"a": 2}


class TestVersions:
    def test_every_write_that_changes_the_document_changes_the_version(self, store: DocumentStore) -> None:
        versions = []
        writes: list[Write] = [
            Create("members", "m1", {"a": 1}),
            Put("members", "m1", {"a": 2}),
            Put("members", "m1", {"a": 1}),
        ]
        for write in writes:
            store.commit([write])
            versions.append(only_document(store).version)
        store.commit([Delete("members", "m1")])
        store.commit([Create("members", "m1", {"a": 1})])
        versions.append(only_document(store).version)
        assert len(set(versions)) == 4

    def test_the_version_is_the_same_in_every_reading(self, store: DocumentStore) -> None:
        store.commit([Create("members", "m1", {"a": 1})])
        whole = only_document(store)
        assert store.get("members", ["m1"], only=["a"])["m1"].version == whole.version
        assert store.query("members", order_by=["a"], limit=1)[0].version == whole.version

    @pytest.mark.parametrize("kind", ["put", "delete"])
    def test_a_write_with_the_current_version_is_done(self, store: DocumentStore, kind: str) -> None:
        store.commit([Create("members", "m1", {"a": 1})])
        version = only_document(store).version
        if kind == "put":
            store.commit([Put("members", "m1", {"a": 2}, expected_version=version)])
            assert only_document(store).fields == {"a": 2}
        else:
            store.commit([Delete("members", "m1", expected_version=version)])
            assert store.get("members", ["m1"]) == {}

    @pytest.mark.parametrize("kind", [Put, Delete])
    @pytest.mark.parametrize("happened", ["written again", "deleted", "deleted and created again"])
    def test_a_write_with_a_version_that_has_gone_is_a_conflict(
        self, store: DocumentStore, kind: type[Put | Delete], happened: str
    ) -> None:
        store.commit([Create("members", "m1", {"a": 1})])
        version = only_document(store).version
        if happened == "written again":
            store.commit([Put("members", "m1", {"a": 0})])
        else:
            store.commit([Delete("members", "m1")])
        if happened == "deleted and created again":
            store.commit([Create("members", "m1", {"a": 1})])
        before = store.get("members", ["m1"])
        write = (
            Put("members", "m1", {"a": 2}, expected_version=version)
            if kind is Put
            else Delete("members", "m1", expected_version=version)
        )
        with pytest.raises(Conflict):
            store.commit([write])
        assert store.get("members", ["m1"]) == before


class TestCommits:
    def test_a_conflict_leaves_nothing_of_the_commit_written(self, store: DocumentStore) -> None:
        store.commit([Create("members", "m2", {"a": 1}), Create("members", "m3", {"a": 1})])
        with pytest.raises(Conflict):
            store.commit(
                [
                    Create("members", "m1", {"a": 2}),
                    Put("members", "m3", {"a": 2}),
                    Create("members", "m2", {"a": 2}),
                    Create("groups", "g1", {"a": 2}),
                ]
            )
        assert {name: document.fields for name, document in store.get("members", ["m1", "m2", "m3"]).items()} == {
            "m2": {"a": 1},
            "m3": {"a": 1},
        }
        assert store.get("groups", ["g1"]) == {}
        assert (store.count("members"), store.count("groups")) == (2, 0)

    def test_a_stale_version_leaves_nothing_of_the_commit_written(self, store: DocumentStore) -> None:
        store.commit([Create("members_queue", "m1", {"a": 1})])
        version = only_document(store, collection="members_queue").version
        store.commit([Put("members_queue", "m1", {"a": 2})])
        with pytest.raises(Conflict):
            store.commit([Put("members", "m1", {"b": 1}), Delete("members_queue", "m1", expected_version=version)])
        assert store.get("members", ["m1"]) == {}
        assert only_document(store, collection="members_queue").fields == {"a": 2}

    def test_an_empty_commit_does_nothing(self, store: DocumentStore) -> None:
        store.commit([])
        assert store.count("members") == 0

    def test_the_largest_commit_is_taken_whole(self, store: DocumentStore) -> None:
        store.commit([Create("members_queue", f"m{n}", {"priority": 0, "due_at": n}) for n in range(MAX_WRITES)])
        assert store.count("members_queue") == MAX_WRITES
        assert len(store.get("members_queue", [f"m{n}" for n in range(MAX_WRITES)])) == MAX_WRITES

    def test_a_commit_that_is_too_long_is_a_bug(self, store: DocumentStore) -> None:
        with pytest.raises(ValueError, match="501 writes"):
            store.commit([Create("members", f"m{n}", {}) for n in range(MAX_WRITES + 1)])

    def test_a_commit_that_names_a_document_twice_is_a_bug(self, store: DocumentStore) -> None:
        with pytest.raises(ValueError, match="twice"):
            store.commit([Put("members", "m1", {}), Delete("members", "m1")])


class TestWhatCannotBeStored:
    def test_a_document_of_nine_hundred_kilobytes_is_taken(self, store: DocumentStore) -> None:
        store.commit([Create("members", "m1", {"bio": "x" * 900_000})])
        assert len(only_document(store).fields["bio"]) == 900_000

    @pytest.mark.parametrize("fields", [{"bio": "x" * 2**20}, {"bio": "é" * 2**19}, {"tags": ["0123456789"] * 2**17}])
    def test_a_document_beyond_a_mebibyte_is_too_large_and_named(
        self, store: DocumentStore, fields: dict[str, Any]
    ) -> None:
        with pytest.raises(DocumentTooLarge) as refusal:
            store.commit([Create("members", "m1", {}), Create("members", "m2", fields)])
        assert refusal.value.name == "m2"
        assert store.get("members", ["m1", "m2"]) == {}

    @pytest.mark.parametrize(
        "value",
        [
            2**63,
            -(2**63) - 1,
            float("nan"),
            float("inf"),
            "half a pair \ud83c",
            [[1]],
            {"": 1},
            {"__name__": 1},
            {1: "one"},
            {"half\ud83c": 1},
            b"bytes",
        ],
        ids=repr,
    )
    @pytest.mark.parametrize("nested", [False, True])
    def test_a_document_that_cannot_be_stored_is_refused_and_named(
        self, store: DocumentStore, value: Any, nested: bool
    ) -> None:
        with pytest.raises(DocumentRefused) as refusal:
            store.commit([Create("members", "m1", {}), Put("members", "m2", {"f": {"g": value} if nested else value})])
        assert refusal.value.name == "m2"
        assert store.get("members", ["m1", "m2"]) == {}

    @pytest.mark.parametrize("opening", ["list", "object"])
    def test_a_document_nested_without_end_is_refused(self, store: DocumentStore, opening: str) -> None:
        value: Any = "end"
        for _ in range(5_000):
            value = [{"f": value}] if opening == "list" else {"f": value}
        with pytest.raises(DocumentRefused, match="deep"):
            store.commit([Put("members", "m1", {"f": value})])

    def test_a_document_nested_as_deep_as_may_be_is_read_as_it_was_written(self, store: DocumentStore) -> None:
        value: Any = "end"
        for _ in range(19):
            value = {"f": value}
        store.commit([Put("members", "m1", {"f": value})])
        assert only_document(store).fields == {"f": value}

    @pytest.mark.parametrize("name", ["", "a/b", ".", "..", "__m1__", "x" * 1501])
    def test_a_name_that_no_back_end_takes_is_a_bug(self, store: DocumentStore, name: str) -> None:
        with pytest.raises(ValueError, match="name of a document"):
            store.commit([Put("members", name, {})])

    @pytest.mark.parametrize("collection", ["", "a/b", "a b", "a'b", "__a__", "é"])
    def test_a_collection_that_no_back_end_takes_is_a_bug(self, store: DocumentStore, collection: str) -> None:
        calls: list[Callable[[], object]] = [
            lambda: store.commit([Put(collection, "m1", {})]),
            lambda: store.get(collection, ["m1"]),
            lambda: store.query(collection, limit=1),
            lambda: store.count(collection),
        ]
        for call in calls:
            with pytest.raises(ValueError, match="name of a collection"):
                call()


class TestGet:
    def test_only_those_that_are_there_are_found(self, store: DocumentStore) -> None:
        store.commit([Create("members", "m1", {"a": 1}), Create("members", "m2", {"a": 2})])
        assert set(store.get("members", ["m2", "m3", "m2"])) == {"m2"}
        assert store.get("members", []) == {}
        assert store.get("nothing_here", ["m1"]) == {}

    def test_more_names_than_fit_one_request_are_all_found(self, store: DocumentStore) -> None:
        wanted = [f"m{n}" for n in range(2 * MAX_WRITES + 1)]
        for start in range(0, len(wanted), MAX_WRITES):
            store.commit([Create("members", name, {"n": name}) for name in wanted[start : start + MAX_WRITES]])
        found = store.get("members", (name for name in wanted))
        assert {name: document.fields["n"] for name, document in found.items()} == {name: name for name in wanted}

    def test_only_the_fields_asked_for_are_fetched(self, store: DocumentStore) -> None:
        store.commit([Create("members", "m1", EVERY_KIND), Create("members", "m2", {"other": 1})])
        wanted = ["text", "largest", "true", "none", "list", "object", "absent"]
        found = store.get("members", ["m1", "m2"], only=wanted)
        assert found["m1"].fields == {field: EVERY_KIND[field] for field in wanted if field in EVERY_KIND}
        assert found["m1"].fields["true"] is True
        assert found["m2"].fields == {}

    def test_no_field_at_all_may_be_asked_for(self, store: DocumentStore) -> None:
        store.commit([Create("members", "m1", {"a": 1})])
        found = store.get("members", ["m1", "m2"], only=[])
        assert {name: document.fields for name, document in found.items()} == {"m1": {}}


QUEUE: dict[str, dict[str, Any]] = {
    "m1": {"priority": 1, "due_at": 10},
    "m2": {"priority": 0, "due_at": 30},
    "m3": {"priority": 0, "due_at": 20},
    "m4": {"priority": 1, "due_at": 5.5},
    "m5": {"priority": 0, "due_at": 20},
    "m6": {"priority": 2, "due_at": 1},
    "unordered": {"priority": 0},
    "elsewhere": {"other": 1},
}


class TestQuery:
    @pytest.fixture
    def queue(self, store: DocumentStore) -> DocumentStore:
        store.commit([Create("members_queue", name, fields) for name, fields in QUEUE.items()])
        store.commit([Create("groups_queue", "g1", {"priority": 0, "due_at": 0})])
        return store

    def test_documents_come_in_the_order_asked_for(self, queue: DocumentStore) -> None:
        found = queue.query("members_queue", order_by=["priority", "due_at"], limit=100)
        assert names(found) == ["m3", "m5", "m2", "m4", "m1", "m6"]
        assert [document.fields for document in found] == [QUEUE[name] for name in names(found)]
        assert names(queue.query("members_queue", order_by=["due_at"], limit=3)) == ["m6", "m4", "m1"]

    @pytest.mark.parametrize(
        ("now", "due"),
        [
            (0, []),
            (5.4, ["m6"]),
            (5.5, ["m4", "m6"]),
            (20, ["m3", "m5", "m4", "m1", "m6"]),
            (1e12, ["m3", "m5", "m2", "m4", "m1", "m6"]),
        ],
    )
    def test_only_what_is_due_is_found_in_the_order_of_the_queue(
        self, queue: DocumentStore, now: float, due: list[str]
    ) -> None:
        for limit in range(1, 8):
            found = queue.query(
                "members_queue", where=AtMost("due_at", now), order_by=["priority", "due_at"], limit=limit
            )
            assert names(found) == due[:limit]

    def test_the_field_of_the_condition_orders_after_those_named(self, queue: DocumentStore) -> None:
        assert names(queue.query("members_queue", where=AtMost("due_at", 20), order_by=["priority"], limit=9)) == [
            "m3",
            "m5",
            "m4",
            "m1",
            "m6",
        ]
        assert names(queue.query("members_queue", where=AtMost("due_at", 10), limit=9)) == ["m6", "m4", "m1"]

    def test_without_an_order_documents_come_by_name(self, queue: DocumentStore) -> None:
        assert names(queue.query("members_queue", limit=100)) == sorted(QUEUE)
        assert names(queue.query("members_queue", limit=2)) == sorted(QUEUE)[:2]

    def test_text_orders_by_its_utf8_bytes(self, store: DocumentStore) -> None:
        words = ["Z", "a", "é", "東", "🎉", "ab", ""]
        store.commit([Create("members", f"m{n}", {"word": word}) for n, word in enumerate(words)])
        found = store.query("members", order_by=["word"], limit=100)
        assert [document.fields["word"] for document in found] == sorted(words, key=str.encode)

    def test_a_condition_finds_numbers_only(self, store: DocumentStore) -> None:
        values = [-1, 0, 1.5, 2**62, "1", None]
        store.commit([Create("members", f"m{n}", {"f": value}) for n, value in enumerate(values)])
        found = store.query("members", where=AtMost("f", 2), limit=100)
        assert [document.fields["f"] for document in found] == [-1, 0, 1.5]

    def test_a_query_sees_every_commit_before_it(self, queue: DocumentStore) -> None:
        def due() -> list[str]:
            return names(queue.query("members_queue", where=AtMost("due_at", 7), order_by=["priority"], limit=9))

        assert due() == ["m4", "m6"]
        queue.commit([Put("members_queue", "m4", {"priority": 0, "due_at": 1000}), Delete("members_queue", "m6")])
        assert due() == []
        queue.commit([Put("members_queue", "m2", {"priority": 9, "due_at": 7})])
        assert due() == ["m2"]

    def test_a_collection_without_documents_answers_none(self, store: DocumentStore) -> None:
        assert list(store.query("nothing_here", where=AtMost("due_at", 1), order_by=["priority"], limit=1)) == []

    def test_a_query_for_nothing_or_by_no_name_is_a_bug(self, store: DocumentStore) -> None:
        with pytest.raises(ValueError, match="0 documents"):
            store.query("members", limit=0)
        with pytest.raises(ValueError, match="queried"):
            store.query("members", order_by=["a'b"], limit=1)


class TestPage:
    def test_page_by_page_every_document_of_a_collection_comes_once_in_order_of_names(
        self, store: DocumentStore
    ) -> None:
        wanted = sorted((f"m{n}" for n in range(0, 700, 3)), key=str.encode)
        wanted += ["m~", "mé", "m東", "n"]
        for start in range(0, len(wanted), MAX_WRITES):
            store.commit([Put("members", name, {"id": name}) for name in reversed(wanted[start : start + MAX_WRITES])])
        store.commit([Put("groups", "m1", {}), Put("members_missing", "m5", {})])
        found: list[Document] = []
        while page := store.page("members", after=found[-1].name if found else "", limit=50):
            assert len(page) <= 50
            found += page
        assert names(found) == wanted
        assert found[7] == store.get("members", [wanted[7]])[wanted[7]]

    def test_a_page_begins_after_a_name_that_is_gone(self, store: DocumentStore) -> None:
        store.commit([Put("members", name, {}) for name in ("m1", "m3", "m5")])
        store.commit([Delete("members", "m3")])
        assert names(store.page("members", after="m3", limit=9)) == ["m5"]
        assert names(store.page("members", after="m2", limit=1)) == ["m5"]
        assert list(store.page("members", after="m5", limit=9)) == []
        assert list(store.page("nothing_here", limit=1)) == []

    def test_documents_that_come_and_go_between_pages_move_no_other(self, store: DocumentStore) -> None:
        store.commit([Put("members", f"m{n}", {}) for n in range(1, 7)])
        first = names(store.page("members", limit=3))
        store.commit([Delete("members", "m2"), Put("members", "m0", {}), Put("members", "m35", {})])
        assert [*first, *names(store.page("members", after=first[-1], limit=9))] == [
            "m1", "m2", "m3", "m35", "m4", "m5", "m6",
        ]  # fmt: skip

    @pytest.mark.parametrize("after", ["a/b", "..", "__x__"])
    def test_a_page_after_no_name_or_of_nothing_is_a_bug(self, after: str, store: DocumentStore) -> None:
        with pytest.raises(ValueError, match="name of a document"):
            store.page("members", after=after, limit=1)
        with pytest.raises(ValueError, match="0 documents"):
            store.page("members", limit=0)


class TestCount:
    def test_count_follows_every_kind_of_write(self, store: DocumentStore) -> None:
        assert store.count("members") == 0
        store.commit([Create("members", f"m{n}", {}) for n in range(5)])
        store.commit([Create("groups", "g1", {})])
        assert store.count("members") == 5
        store.commit([Put("members", "m5", {}), Put("members", "m4", {"a": 1})])
        assert store.count("members") == 6
        store.commit([Delete("members", "m0"), Delete("members", "not there")])
        version = only_document(store).version
        store.commit([Delete("members", "m1", expected_version=version)])
        assert (store.count("members"), store.count("groups")) == (4, 1)


class TestTogether:
    def test_two_stores_at_one_address_see_the_same_documents(self, store: DocumentStore, url: str) -> None:
        with closing(open_patiently(url)) as other:
            store.commit([Create("members", "m1", {"a": 1})])
            assert only_document(other) == only_document(store)
            other.commit([Put("members", "m1", {"a": 2})])
            assert only_document(store).fields == {"a": 2}

    def test_of_threads_that_race_for_a_lease_exactly_one_wins_each_document(self, store: DocumentStore) -> None:
        rivals, items = 4, 25
        store.commit([Create("members_queue", f"m{n}", {"owner": None}) for n in range(items)])
        free = store.get("members_queue", [f"m{n}" for n in range(items)])
        start = threading.Barrier(rivals)

        def race(rival: int) -> list[str]:
            won = []
            start.wait()
            for name, document in free.items():
                try:
                    store.commit(
                        [Put("members_queue", name, {"owner": rival}, expected_version=document.version)],
                    )
                except Conflict:
                    continue
                won.append(name)
            return won

        with ThreadPoolExecutor(rivals) as pool:
            won = list(pool.map(race, range(rivals)))
        assert sorted(name for names_won in won for name in names_won) == sorted(free)
        owners = {name: document.fields["owner"] for name, document in store.get("members_queue", free).items()}
        assert owners == {name: rival for rival, names_won in enumerate(won) for name in names_won}

    def test_of_processes_that_race_to_create_exactly_one_wins_each_document(
        self, store: DocumentStore, url: str
    ) -> None:
        rivals = [
            subprocess.Popen(
                [sys.executable, "-c", _RACER, url, str(rival)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for rival in range(2)
        ]
        for rival in rivals:
            assert rival.stdout
            assert rival.stdout.readline() == "ready\n"
        for rival in rivals:
            assert rival.stdin
            rival.stdin.write("go\n")
            rival.stdin.flush()
        won = [rival.communicate()[0].split() for rival in rivals]
        assert [rival.returncode for rival in rivals] == [0, 0]
        assert sorted(won[0] + won[1]) == sorted(f"m{n}" for n in range(50))
        owners = {name: d.fields["owner"] for name, d in store.get("members", [f"m{n}" for n in range(50)]).items()}
        assert owners == {name: rival for rival in (0, 1) for name in won[rival]}
        assert store.count("members") == 50

    @pytest.mark.faults
    def test_a_process_killed_right_after_its_commits_has_lost_none(self, store: DocumentStore, url: str) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", _COMMITTER, url], stdout=subprocess.PIPE, text=True, encoding="ascii"
        ) as child:
            assert child.stdout
            said = [child.stdout.readline().strip() for _ in range(10)]
            child.send_signal(signal.SIGKILL)
            said += child.stdout.read().split()
        assert child.returncode == -signal.SIGKILL
        found = store.get("members", said)
        assert sorted(found) == sorted(said)
        assert store.count("members") in {len(said), len(said) + 1}, "one more may be stored than was said"
        store.commit([Create("members", "after", {})])


_RACER = """
import sys
from contextlib import closing
from meetupkit.errors import Conflict
from meetupkit.stores import open_documents
from meetupkit.stores.documents import Create
with closing(open_documents(sys.argv[1])) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    for n in range(50):
        try:
            store.commit([Create("members", f"m{n}", {"owner": int(sys.argv[2])})])
        except Conflict:
            continue
        print(f"m{n}")
"""

_COMMITTER = """
import itertools, sys
from meetupkit.stores import open_documents
from meetupkit.stores.documents import Create
store = open_documents(sys.argv[1])
for n in itertools.count():
    store.commit([Create("members", f"m{n}", {"n": n})])
    print(f"m{n}", flush=True)
"""


class TestOpening:
    def test_a_new_store_passes_its_check(self, store: DocumentStore) -> None:
        store.check()
        store.check()
        assert store.count("members") == 0

    def test_a_closed_store_is_unavailable(self, store: DocumentStore) -> None:
        store.check()
        store.close()
        store.close()
        with pytest.raises(StoreUnavailable, match="closed"):
            store.get("members", ["m1"])
        with pytest.raises(StoreUnavailable, match="closed"):
            store.commit([Put("members", "m1", {})])

    @pytest.mark.parametrize("address", ["mongodb://host/db", "documents.db", ""])
    def test_an_address_of_no_back_end_is_refused_in_words(self, address: str) -> None:
        with pytest.raises(StoreRefused, match="sqlite:///file or firestore://project"):
            open_documents(address)
