"""What the tests of the directory store run in a process of its own: ``objects_child.py SCENARIO DIRECTORY``.

A scenario ends the process with a traceback if what it shows is false. Some need a mount namespace, to mount into.
"""

import contextlib
import errno
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import google_crc32c
from meetupkit.errors import StoreRefused, StoreUnavailable
from meetupkit.stores.objects import Created, Exists, NewObject, ObjectStore
from meetupkit.stores.objects.directory import DirectoryObjects

BODY_BYTES = 200_000
"""Written by many page copies, so that a kill falls between them often enough."""
NOBODY = 65534


def body_of(name: str) -> bytes:
    """A body that only this name has, so that a reader can tell whole from torn."""
    return (name.encode() + b"\n") * (BODY_BYTES // (len(name) + 1))


def new(name: str, body: bytes | None = None) -> NewObject:
    body = body_of(name) if body is None else body
    return NewObject(name, body, google_crc32c.value(body))


def opened(directory: str) -> ObjectStore:
    store = DirectoryObjects.from_url(f"file://{directory}")
    store.check()
    return store


def creates_for_ever(directory: str) -> None:
    store = opened(directory)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    number = 0
    while True:
        number += 1
        store.create(new(f"rsvps/{os.getpid()}_{number}.json"))


def creates_for_ever_without_proc(directory: str) -> None:
    """An unnamed file is linked by its place in /proc; without it, the store takes hidden temporary files."""
    mount("-t", "tmpfs", "none", "/proc")
    creates_for_ever(directory)


def full_and_back(directory: str) -> None:
    mount("-t", "tmpfs", "-o", "size=1m", "none", directory)
    store = opened(directory)
    made = list(created_until_unavailable(store, "has no room: No space left on device"))
    assert made, "not even one object fitted"
    assert list(store.names("")) == sorted(made)
    assert all((Path(directory) / name).read_bytes() == body_of(name) for name in made)
    (Path(directory) / made[0]).unlink()
    (Path(directory) / made[1]).unlink()
    assert store.create(new(made[0])) == Created()
    assert store.create(new(made[0])) == Exists(same=True)


def too_large_and_back(directory: str) -> None:
    """A limit on the size of files stands for a disk that fills while a body is written."""
    store = opened(directory)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (BODY_BYTES // 2, resource.RLIM_INFINITY))
    with expected(StoreUnavailable, os.strerror(errno.EFBIG)):
        store.create(new("a"))
    assert everything_in(directory) == []
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert store.create(new("a")) == Created()


def unwritable_and_back(directory: str) -> None:
    objects = Path(directory) / "objects"
    objects.mkdir()
    drop_root(objects)
    store = opened(str(objects))
    (objects / "rsvps").mkdir()
    (objects / "rsvps").chmod(0o555)
    with expected(StoreUnavailable, os.strerror(errno.EACCES)):
        store.create(new("rsvps/1.json"))
    (objects / "rsvps").chmod(0o755)
    assert store.create(new("rsvps/1.json")) == Created()
    objects.chmod(0o555)
    with expected(StoreUnavailable, os.strerror(errno.EACCES)):
        store.create(new("photos/1.json"))
    objects.chmod(0o755)
    assert store.create(new("photos/1.json")) == Created()


def no_permission_at_start(directory: str) -> None:
    drop_root(Path(directory))
    Path(directory).chmod(0o555)
    with expected(StoreRefused, f"is not writable by user {os.geteuid()}: give it the permission to write"):
        opened(directory)


def read_only_at_start(directory: str) -> None:
    mount("-t", "tmpfs", "-o", "ro", "none", directory)
    with expected(StoreRefused, "is on a read-only file system: mount it writable or name another one"):
        opened(directory)


def read_only_and_back(directory: str) -> None:
    mount("-t", "tmpfs", "none", directory)
    store = opened(directory)
    assert store.create(new("a")) == Created()
    mount("-o", "remount,ro", directory)
    with expected(StoreUnavailable, os.strerror(errno.EROFS)):
        store.create(new("b"))
    mount("-o", "remount,rw", directory)
    assert store.create(new("b")) == Created()
    store.sync()


def writes_under_umask(directory: str, umask: str) -> None:
    """Whatever a store writes: by both ways of placing a file, a replacement, a lock and folders."""
    os.umask(int(umask, 8))
    store = opened(directory)
    assert store.create(new("rsvps/2017-03-19/1.json")) == Created()
    assert store.replace("rsvps/_cursor", b"{}", expected_version=0)
    assert isinstance(store, DirectoryObjects)
    store._place = store._place_hidden  # as on a file system without O_TMPFILE
    assert store.create(new("rsvps/2017-03-19/2.json")) == Created()


def lists_beside_a_closed_folder(directory: str) -> None:
    objects = Path(directory) / "objects"
    objects.mkdir()
    drop_root(objects)
    store = opened(str(objects))
    for name in ("rsvps/_ledger/1", "rsvps/beside/1"):
        assert store.create(new(name)) == Created()
    (objects / "rsvps" / "beside").chmod(0)
    assert list(store.names("rsvps/_ledger/")) == ["rsvps/_ledger/1"]
    (objects / "rsvps" / "beside").chmod(0o700)


def created_until_unavailable(store: ObjectStore, message: str) -> Iterator[str]:
    for number in range(100):
        name = f"rsvps/{number}.json"
        try:
            store.create(new(name))
        except StoreUnavailable as error:
            mentions(error, message)
            return
        yield name
    raise AssertionError("the disk never filled")


@contextlib.contextmanager
def expected(kind: type[Exception], message: str) -> Iterator[None]:
    try:
        yield
    except kind as error:
        mentions(error, message)
    else:
        raise AssertionError(f"no {kind.__name__}")


def mentions(error: Exception, message: str) -> None:
    assert message in str(error), error


def everything_in(directory: str) -> list[str]:
    return [
        str(path.relative_to(directory))
        for path in Path(directory).rglob("*")
        if path.is_file() and path.name != "lock"
    ]


def drop_root(directory: Path) -> None:
    """Root may write anywhere, so it becomes nobody first."""
    if os.geteuid() == 0:
        os.chown(directory, NOBODY, NOBODY)
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
