"""What the directory store alone promises: whole files through kills, full disks and lost permissions."""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import google_crc32c
import pytest
from meetup_testkit import namespace
from meetup_testkit.namespace import IN_NAMESPACE, can_mount
from meetupkit.errors import Conflict, ObjectRefused, StoreRefused, StoreUnavailable
from meetupkit.stores import open_objects
from meetupkit.stores.objects import Created, Exists, NewObject
from meetupkit.stores.objects.directory import DirectoryObjects

CHILD = Path(__file__).with_name("objects_child.py")
KILLS = 12


def command(scenario: str, directory: Path, *, mounts: bool) -> list[str]:
    if mounts and not can_mount():
        pytest.skip(namespace.ABSENT)
    return [*(IN_NAMESPACE if mounts else []), sys.executable, str(CHILD), scenario, str(directory)]


def run(scenario: str, directory: Path, *arguments: str, mounts: bool = False) -> None:
    ended = subprocess.run(
        [*command(scenario, directory, mounts=mounts), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


def whole(name: str, body: bytes) -> bool:
    line = name.encode() + b"\n"
    return body == line * (200_000 // len(line))


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """One that another user can reach; ``tmp_path`` lies below a directory that only its owner can."""
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.mark.faults
@pytest.mark.parametrize("scenario", ["creates_for_ever", "creates_for_ever_without_proc"])
def test_a_kill_at_any_moment_leaves_only_whole_objects(tmp_path: Path, scenario: str) -> None:
    without_proc = scenario.endswith("without_proc")
    moments = random.Random(20)
    for _ in range(KILLS):
        child = subprocess.Popen(command(scenario, tmp_path, mounts=without_proc), stdout=subprocess.PIPE)
        with child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            time.sleep(moments.uniform(0, 0.03))  # the moment of the kill is what varies; nothing is waited for
            child.kill()
    store = open_objects(f"file://{tmp_path}")
    names = list(store.names(""))
    assert len(names) > KILLS
    assert [name for name in names if not whole(name, (tmp_path / name).read_bytes())] == []
    left = [path for path in (tmp_path / ".incoming").iterdir() if path.name != "lock"]
    assert without_proc or left == []
    assert all(store.create(NewObject(f"after/{name}", b"", 0)) == Created() for name in names[:3])


def test_a_full_disk_is_unavailable_keeps_no_part_of_an_object_and_works_again_with_room(tmp_path: Path) -> None:
    run("full_and_back", tmp_path, mounts=True)


def test_an_object_that_cannot_be_written_to_its_end_leaves_nothing(tmp_path: Path) -> None:
    run("too_large_and_back", tmp_path)


def test_an_unwritable_directory_is_unavailable_and_works_again_when_it_is_writable(open_directory: Path) -> None:
    run("unwritable_and_back", open_directory)


def test_a_read_only_file_system_is_unavailable_and_works_again_when_it_is_writable(tmp_path: Path) -> None:
    run("read_only_and_back", tmp_path, mounts=True)


def test_a_start_without_permission_is_refused_with_what_to_give(open_directory: Path) -> None:
    run("no_permission_at_start", open_directory)


def test_a_start_on_a_read_only_file_system_is_refused_with_what_to_do(tmp_path: Path) -> None:
    run("read_only_at_start", tmp_path, mounts=True)


def test_a_start_on_a_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    for path in ("file", "file/below"):
        with pytest.raises(StoreRefused, match="is not a directory: name one, or a path where one can be made"):
            open_objects(f"file://{tmp_path}/{path}").check()


def test_a_start_makes_the_directory_and_its_parents(tmp_path: Path) -> None:
    open_objects(f"file://{tmp_path}/a/b%20c").check()
    assert (tmp_path / "a" / "b c").is_dir()


def test_an_object_lies_at_its_name_below_the_directory(tmp_path: Path) -> None:
    open_objects(f"file://{tmp_path}").create(NewObject("rsvps/1_2.json", b"{}", google_crc32c.value(b"{}")))
    assert (tmp_path / "rsvps" / "1_2.json").read_bytes() == b"{}"


def test_a_directory_replaced_by_a_file_is_unavailable_until_it_is_back(tmp_path: Path) -> None:
    directory = tmp_path / "objects"
    store = open_objects(f"file://{directory}")
    store.check()
    store.create(NewObject("a/1", b"1", google_crc32c.value(b"1")))
    directory.rename(tmp_path / "away")
    directory.write_text("in its place")
    for name in ("a/1", "a/2", "b/1"):
        with pytest.raises(StoreUnavailable):
            store.create(NewObject(name, b"2", google_crc32c.value(b"2")))
    directory.unlink()
    (tmp_path / "away").rename(directory)
    assert store.create(NewObject("a/2", b"2", google_crc32c.value(b"2"))) == Created()


def test_a_removed_directory_is_not_made_again_while_running_but_at_the_next_start(tmp_path: Path) -> None:
    directory = tmp_path / "objects"
    store = open_objects(f"file://{directory}")
    store.check()
    shutil.rmtree(directory)
    with pytest.raises(StoreUnavailable, match="put it back, or restart to begin anew"):
        store.create(NewObject("a/1", b"", 0))
    assert not directory.exists()
    store.check()
    assert store.create(NewObject("a/1", b"", 0)) == Created()
    store.sync()


def test_a_removed_folder_is_made_again(tmp_path: Path) -> None:
    store = open_objects(f"file://{tmp_path}")
    store.create(NewObject("a/1", b"", 0))
    shutil.rmtree(tmp_path / "a")
    shutil.rmtree(tmp_path / ".incoming", ignore_errors=True)
    assert store.create(NewObject("a/1", b"", 0)) == Created()
    store.replace("a/2", b"", expected_version=0)


def test_a_folder_where_an_object_should_be_is_another_body_and_no_object_to_replace(tmp_path: Path) -> None:
    store = open_objects(f"file://{tmp_path}")
    store.create(NewObject("a/1", b"", 0))
    assert store.create(NewObject("a", b"", 0)) == Exists(same=False)
    assert store.read("a") is None
    with pytest.raises(ObjectRefused, match="is a folder"):
        store.replace("a", b"", expected_version=0)


def test_a_name_longer_than_the_file_system_holds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match="longer than its file system can hold"):
        open_objects(f"file://{tmp_path}").create(NewObject("a" * 300, b"", 0))


def test_a_start_removes_what_dead_processes_left_and_nothing_that_is_being_written(tmp_path: Path) -> None:
    store = open_objects(f"file://{tmp_path}")
    store.check()
    stale, fresh = tmp_path / ".incoming" / f"{'d' * 16}-1", tmp_path / ".incoming" / f"{'a' * 16}-1"
    for path in (stale, fresh):
        path.write_bytes(b"half")
    os.utime(stale, (time.time() - 7200, time.time() - 7200))
    store.check()
    assert not stale.exists()
    assert fresh.exists()


def test_a_version_grows_though_the_clock_stands_before_the_file(tmp_path: Path) -> None:
    store = open_objects(f"file://{tmp_path}")
    store.replace("a", b"1", expected_version=0)
    tomorrow = time.time_ns() + 86_400_000_000_000
    os.utime(tmp_path / "a", ns=(tomorrow, tomorrow))
    assert store.replace("a", b"2", expected_version=tomorrow) > tomorrow


def test_a_closed_store_holds_no_file_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        store = DirectoryObjects.from_url(f"file://{tmp_path}")
        store.check()
        store.check()
        store.create(NewObject("a", b"1", google_crc32c.value(b"1")))
        store.sync()
        store.close()
        store.close()
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277, 0o777], ids=oct)
def test_nobody_but_the_owner_can_read_what_is_written_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    run("writes_under_umask", tmp_path / "new" / "objects", f"{umask:o}")
    paths = [tmp_path / "new", *(tmp_path / "new").rglob("*")]
    assert len(paths) == 9
    for path in paths:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_a_label_that_an_earlier_version_left_open_is_closed_by_the_first_write(tmp_path: Path) -> None:
    label = tmp_path / "rsvps"
    label.mkdir(mode=0o755)
    (label / "1_2.json").write_bytes(b"1")
    (tmp_path / "neighbour").mkdir(mode=0o755)
    store = open_objects(f"file://{tmp_path}")
    store.check()
    store.create(NewObject("rsvps/1_2.json", b"1", google_crc32c.value(b"1")))
    assert label.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "neighbour").stat().st_mode & 0o777 == 0o755


def test_what_is_written_through_a_linked_folder_is_listed_and_read(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    directory = tmp_path / "objects"
    (directory / "rsvps").mkdir(parents=True)
    (directory / "rsvps" / "2017").symlink_to(elsewhere)
    (directory / "photos").symlink_to(elsewhere)
    store = open_objects(f"file://{directory}")
    store.create(NewObject("rsvps/2017/1_2.json", b"1", google_crc32c.value(b"1")))
    assert list(store.names("rsvps/")) == ["rsvps/2017/1_2.json"]
    assert list(store.names("")) == ["photos/1_2.json", "rsvps/2017/1_2.json"]
    found = store.read("photos/1_2.json")
    assert found is not None
    assert found.body == b"1"


def test_another_version_than_the_expected_one_is_not_deleted(tmp_path: Path) -> None:
    store = open_objects(f"file://{tmp_path}")
    first = store.replace("a", b"1", expected_version=0)
    store.replace("a", b"2", expected_version=first)
    with pytest.raises(Conflict):
        store.delete("a", expected_version=first)
    assert (tmp_path / "a").read_bytes() == b"2"


def test_links_that_lead_in_circles_or_nowhere_neither_hang_nor_double_a_listing(tmp_path: Path) -> None:
    store = open_objects(f"file://{tmp_path}")
    store.create(NewObject("a/b/1", b"1", google_crc32c.value(b"1")))
    for name, target in [("up", "."), ("top", ".."), ("self", "self"), ("to", "fro"), ("fro", "to"), ("gone", "no")]:
        (tmp_path / "a" / name).symlink_to(target)
        (tmp_path / "a" / "b" / name).symlink_to(target)
    assert list(store.names("")) == ["a/b/1"]
    for name in ("self", "to", "gone"):
        assert store.read(f"a/{name}") is None
        assert store.create(NewObject(f"a/{name}", b"1", google_crc32c.value(b"1"))) == Exists(same=False)


def test_a_listing_reads_no_folder_beside_the_one_that_its_prefix_names(open_directory: Path) -> None:
    """A year of records beside a day's ledger: shown by a folder that nobody may read, and that nobody asks for."""
    run("lists_beside_a_closed_folder", open_directory)


def test_a_prefix_that_leads_round_a_circle_lists_what_the_whole_listing_lists(tmp_path: Path) -> None:
    store = open_objects(f"file://{tmp_path}")
    store.create(NewObject("a/b/1", b"1", google_crc32c.value(b"1")))
    (tmp_path / "a" / "b" / "up").symlink_to("..")
    for prefix in ("a/b/", "a/b", "a/", "a/b/u", "a/b/up/", "lost+found/", ".incoming/", "a/../a/", "//"):
        assert list(store.names(prefix)) == [name for name in store.names("") if name.startswith(prefix)], prefix


def test_a_link_in_place_of_the_hidden_folder_is_refused_and_nothing_is_removed_behind_it(tmp_path: Path) -> None:
    others = tmp_path / "others"
    others.mkdir()
    for name in ("letter", f"{'a' * 16}-1"):
        (others / name).write_bytes(b"dear")
        os.utime(others / name, (0, 0))
    directory = tmp_path / "objects"
    directory.mkdir()
    (directory / ".incoming").symlink_to(others)
    store = open_objects(f"file://{directory}")
    with pytest.raises(StoreRefused, match="symbolic link"):
        store.check()
    with pytest.raises(StoreRefused, match="symbolic link"):
        store.replace("a", b"1", expected_version=0)
    assert sorted(path.name for path in others.iterdir()) == [f"{'a' * 16}-1", "letter"]


def test_what_others_put_into_the_hidden_folder_stays(tmp_path: Path) -> None:
    hidden = tmp_path / ".incoming"
    (hidden / ("b" * 16 + "-2")).mkdir(parents=True)
    (hidden / ("c" * 16 + "-3")).symlink_to(tmp_path)
    (hidden / "letter").write_bytes(b"dear")
    os.utime(hidden / "letter", (0, 0))
    open_objects(f"file://{tmp_path}").check()
    assert len(list(hidden.iterdir())) == 3


def test_a_pipe_or_a_device_in_place_of_an_object_is_none_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "null").symlink_to("/dev/null")
    (tmp_path / "zero").symlink_to("/dev/zero")
    store = open_objects(f"file://{tmp_path}")
    for name in ("pipe", "null", "zero"):
        assert store.read(name) is None
        assert store.create(NewObject(name, b"", 0)) == Exists(same=False)
    assert list(store.names("")) == []
