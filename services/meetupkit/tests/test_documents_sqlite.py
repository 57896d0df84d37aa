"""What only ``SqliteDocuments`` has: a file, its address, its faults and its indexes."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from meetupkit.errors import StoreRefused, StoreUnavailable
from meetupkit.stores import open_documents
from meetupkit.stores.documents import MAX_WRITES, AtMost, Create, Put
from meetupkit.stores.documents.sqlite import queries
from meetupkit.stores.documents.sqlite.documents import SqliteDocuments

PATIENT = 60.0
"""Seconds that a writer waits for its turn where all are to get theirs: another may stand still for some of them."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "documents.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteDocuments]:
    with closing(SqliteDocuments(path, busy_seconds=PATIENT)) as store:
        yield store


class TestAddress:
    def test_three_slashes_are_relative_and_four_absolute(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "sub dir").mkdir()
        for address, path in [
            ("sqlite:///sub%20dir/rel.db", tmp_path / "sub dir" / "rel.db"),
            (f"sqlite:///{tmp_path}/abs.db", tmp_path / "abs.db"),
        ]:
            with closing(open_documents(address)) as store:
                store.check()
            assert path.is_file()

    @pytest.mark.parametrize(
        "address", ["sqlite://", "sqlite:///", "sqlite://host/file", "sqlite:///file?mode=ro", "sqlite:///f#x"]
    )
    def test_an_address_without_a_file_is_refused_with_the_two_forms(self, address: str) -> None:
        with pytest.raises(StoreRefused, match=r"three slashes.*four"):
            open_documents(address)


class TestPrivacy:
    """Documents are people's profiles."""

    def modes(self, path: Path) -> dict[str, int]:
        return {there.name: there.stat().st_mode & 0o777 for there in path.parent.iterdir()}

    @pytest.mark.parametrize("umask", [0o000, 0o022, 0o277], ids=oct)
    def test_the_file_and_those_beside_it_are_for_their_owner_alone_whatever_the_umask(
        self, path: Path, umask: int
    ) -> None:
        before = os.umask(umask)
        try:
            with closing(SqliteDocuments(path)) as store:
                store.commit([Create("members", "m1", {})])
                assert self.modes(path) == {f"documents.db{ending}": 0o600 for ending in ("", "-wal", "-shm")}
        finally:
            os.umask(before)

    def test_a_file_that_an_earlier_version_left_open_is_closed_to_others(self, path: Path) -> None:
        with closing(SqliteDocuments(path)) as store:
            store.commit([Create("members", "m1", {})])
            for there in path.parent.iterdir():
                there.chmod(0o644)
            with closing(SqliteDocuments(path)) as other:
                other.check()
                assert set(self.modes(path).values()) == {0o600}

    def test_a_file_that_is_not_ours_keeps_its_mode(self, path: Path, store: SqliteDocuments) -> None:
        path.write_bytes(b"These are notes, and not a database. " * 50)
        path.chmod(0o644)
        with pytest.raises(StoreRefused):
            store.check()
        assert self.modes(path) == {"documents.db": 0o644}


class TestAFileThatIsNotOurs:
    def test_a_file_that_is_no_database_is_refused_and_left_alone(self, path: Path, store: SqliteDocuments) -> None:
        path.write_bytes(b"These are notes, and not a database. " * 50)
        before = path.read_bytes()
        with pytest.raises(StoreRefused, match="is not a SQLite database"):
            store.check()
        assert path.read_bytes() == before

    def test_the_database_of_another_program_is_refused_and_left_alone(
        self, path: Path, store: SqliteDocuments
    ) -> None:
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TABLE bookmarks (url)")
        before = path.read_bytes()
        with pytest.raises(StoreRefused, match="of another program"):
            store.check()
        assert path.read_bytes() == before

    def test_the_database_of_another_release_is_refused(self, path: Path, store: SqliteDocuments) -> None:
        store.check()
        store.close()
        with closing(sqlite3.connect(path)) as later:
            later.execute("PRAGMA user_version = 99")
        with closing(SqliteDocuments(path)) as again, pytest.raises(StoreRefused, match="schema 99"):
            again.check()

    def test_a_missing_directory_is_refused_in_one_line(self, tmp_path: Path) -> None:
        with closing(SqliteDocuments(tmp_path / "no" / "such" / "file.db")) as store:
            with pytest.raises(StoreRefused, match="directory that exists") as refusal:
                store.check()
            assert "\n" not in str(refusal.value)

    def test_a_directory_is_refused(self, tmp_path: Path) -> None:
        with closing(SqliteDocuments(tmp_path)) as store, pytest.raises(StoreRefused, match="must be a file"):
            store.check()


_AS_ANOTHER_USER = """
import os, sys
from meetupkit.errors import StoreRefused
from meetupkit.stores.documents import Put
from meetupkit.stores.documents.sqlite.documents import SqliteDocuments
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
store = SqliteDocuments.from_url(sys.argv[1])
for call in (store.check, lambda: store.commit([Put("members", "m1", {})])):
    try:
        call()
    except StoreRefused as error:
        print(error)
"""

_FILL = """
import itertools, resource, sys
from meetupkit.errors import StoreUnavailable
from meetupkit.stores import open_documents
from meetupkit.stores.documents import Create
store = open_documents(sys.argv[1])
store.commit([Create("members", "first", {})])
unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, unlimited[1]))
written = ["first"]
try:
    for n in itertools.count():
        store.commit([Create("members", f"m{n}_{k}", {"bio": "x" * 10_000}) for k in range(10)])
        written += [f"m{n}_{k}" for k in range(10)]
except StoreUnavailable as error:
    print(error)
found = store.get("members", written, only=[])
print(sorted(found) == sorted(written), store.count("members") == len(written), len(written) > 10)
resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
store.commit([Create("members", f"m{n}_{k}", {}) for k in range(10)])
store.check()
print(store.count("members") == len(written) + 10)
"""


class TestFaultsOfTheDisk:
    @pytest.mark.faults
    def test_a_full_disk_makes_the_store_unavailable_and_loses_nothing_until_there_is_room(self, path: Path) -> None:
        # The kernel refuses to let any file of the process grow beyond the limit, as a full disk would.
        done = subprocess.run(
            [sys.executable, "-c", _FILL, f"sqlite:///{path}"], capture_output=True, text=True, check=True
        )
        error, intact, recovered = done.stdout.splitlines()
        assert str(path) in error
        assert "disk" in error
        assert intact == "True True True"
        assert recovered == "True"

    @pytest.fixture
    def shared(self) -> Iterator[Path]:
        """A directory another user can reach, which pytest's own are not."""
        directory = Path(tempfile.mkdtemp(prefix="documents-"))
        directory.chmod(0o755)
        yield directory
        directory.chmod(0o755)
        shutil.rmtree(directory)

    @pytest.mark.parametrize("there", [True, False])
    def test_a_file_this_user_cannot_write_is_refused_in_words(self, shared: Path, there: bool) -> None:
        path = shared / "documents.db"
        if there:
            with closing(SqliteDocuments(path)) as store:
                store.check()
            path.chmod(0o444)
        shared.chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", _AS_ANOTHER_USER, f"sqlite:///{path}"], capture_output=True, text=True, check=True
        )
        lines = done.stdout.splitlines()
        assert len(lines) == 2, done.stdout + done.stderr
        assert all(str(path) in line and "write" in line for line in lines)

    @pytest.mark.parametrize("replaced", [False, True])
    def test_a_file_that_was_moved_away_is_refused_and_not_written_unseen(
        self, path: Path, store: SqliteDocuments, replaced: bool
    ) -> None:
        store.commit([Put("members", "m1", {})])
        path.rename(path.with_suffix(".moved"))
        if replaced:
            with closing(SqliteDocuments(path)) as other:
                other.check()
        with pytest.raises(StoreRefused, match="moved or deleted"):
            store.commit([Put("members", "m2", {})])


class TestTurns:
    def test_a_writer_that_another_process_keeps_waiting_is_told_to_try_again(self, path: Path) -> None:
        with closing(SqliteDocuments(path, busy_seconds=0.05)) as store:
            store.commit([Put("members", "m1", {"a": 1})])
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                with pytest.raises(StoreUnavailable, match="another process"):
                    store.commit([Put("members", "m1", {"a": 2})])
                assert store.get("members", ["m1"])["m1"].fields == {"a": 1}, "readers wait for nobody"
                other.execute("ROLLBACK")
            store.commit([Put("members", "m1", {"a": 3})])

    def test_many_threads_at_a_new_file_all_get_their_turn(self, path: Path, store: SqliteDocuments) -> None:
        start = threading.Barrier(12)
        failures: list[BaseException] = []

        def use(number: int) -> None:
            start.wait()
            try:
                for n in range(10):
                    store.commit([Create("members", f"m{number}_{n}", {"n": n})])
                    store.query("members", where=AtMost("n", 5), order_by=["n"], limit=3)
                    store.get("members", [f"m{number}_{n}"])
            except BaseException as error:  # noqa: BLE001  (handed to the test's own thread)
                failures.append(error)

        threads = [threading.Thread(target=use, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert store.count("members") == 120

    def test_who_reads_a_file_while_others_make_it_takes_it_for_nobody_elses(self, tmp_path: Path) -> None:
        failures: list[BaseException] = []

        def use(store: SqliteDocuments, act: Callable[[SqliteDocuments], object], start: threading.Barrier) -> None:
            start.wait()
            try:
                act(store)
            except BaseException as error:  # noqa: BLE001  (handed to the test's own thread)
                failures.append(error)

        for number in range(20):  # one is caught at it about two times in three
            stores = [SqliteDocuments(tmp_path / f"{number}.sqlite", busy_seconds=PATIENT) for _ in range(4)]
            start = threading.Barrier(8)
            threads = [
                threading.Thread(target=use, args=(store, act, start))
                for store in stores
                for act in (SqliteDocuments.check, lambda store: store.get("members", ["m1"]))
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for store in stores:
                store.close()
        assert failures == []

    def test_many_processes_at_a_new_file_all_get_their_turn(self, path: Path) -> None:
        code = (
            "import sys; from pathlib import Path; from meetupkit.stores.documents import Create\n"
            "from meetupkit.stores.documents.sqlite.documents import SqliteDocuments\n"
            f"store = SqliteDocuments(Path(sys.argv[1]), busy_seconds={PATIENT})\n"
            "store.commit([Create('members', sys.argv[2], {})])"
        )
        processes = [
            subprocess.Popen([sys.executable, "-c", code, path, f"m{n}"], stderr=subprocess.PIPE) for n in range(6)
        ]
        assert [process.communicate()[1].decode() for process in processes] == [""] * 6
        with closing(SqliteDocuments(path)) as store:
            assert store.count("members") == 6


class TestDurability:
    def test_every_commit_is_synced_to_the_disk(self, path: Path) -> None:
        """Only a power cut could show it; what can be shown is that the kernel is asked to sync at each commit."""
        strace = shutil.which("strace")
        if not strace:
            pytest.skip("part absent: strace: apt-get install strace")
        code = (
            "import sys; from meetupkit.stores import *; from meetupkit.stores.documents import *\n"
            "s = open_documents(sys.argv[1]); s.check()\n"
            "for n in range(20): s.commit([Create('members', f'm{n}', {})])\n"
            "import os; os._exit(0)"
        )
        done = subprocess.run(
            [strace, "-f", "-e", "trace=fdatasync,fsync", sys.executable, "-c", code, f"sqlite:///{path}"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert sum("sync(" in line for line in done.stderr.splitlines()) >= 20


class TestIndexes:
    @pytest.mark.parametrize(
        ("order", "where"),
        [
            (["priority", "due_at"], AtMost("due_at", 100)),
            (["priority", "due_at"], None),
            (["due_at"], AtMost("due_at", 100)),
            (["a", "b", "due_at"], AtMost("due_at", 100)),
            ([], None),
        ],
    )
    def test_no_query_sorts_or_reads_a_collection_through(
        self, path: Path, store: SqliteDocuments, order: list[str], where: AtMost | None
    ) -> None:
        store.commit([Create("members_queue", f"m{n}", {"priority": n % 3, "due_at": n}) for n in range(MAX_WRITES)])
        store.query("members_queue", where=where, order_by=order, limit=1)
        asked: list[str] = []
        with closing(sqlite3.connect(path)) as reader:
            reader.set_trace_callback(asked.append)
            list(queries.select(reader, "members_queue", order, where, 10))
            reader.set_trace_callback(None)
            plans = [step[3] for sql in asked for step in reader.execute(f"EXPLAIN QUERY PLAN {sql}")]
        assert plans
        assert [plan for plan in plans if "TEMP B-TREE" in plan or "USING" not in plan] == []

    def test_what_is_not_due_is_not_stepped_through(self, path: Path, store: SqliteDocuments) -> None:
        where, order = AtMost("due_at", 0), ["priority", "due_at"]

        def steps() -> int:
            """How often SQLite's machine stepped for the query, in tens."""
            tens = 0

            def count() -> int:
                nonlocal tens
                tens += 1
                return 0

            with closing(sqlite3.connect(path)) as reader:
                reader.execute("SELECT * FROM collections").fetchall()  # the schema is read before the count begins
                reader.set_progress_handler(count, 10)
                assert list(queries.select(reader, "members_queue", order, where, 10)) == []
            return tens

        store.query("members_queue", where=where, order_by=order, limit=1)
        store.commit([Create("members_queue", f"m{n}", {"priority": n % 3, "due_at": 1 + n}) for n in range(10)])
        with_ten = steps()
        for k in range(4):
            store.commit(
                [Create("members_queue", f"m{k}_{n}", {"priority": n % 3, "due_at": 1 + n}) for n in range(MAX_WRITES)]
            )
        assert steps() <= with_ten + 2
