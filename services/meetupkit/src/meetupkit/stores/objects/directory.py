"""Objects as files of one directory: the object ``rsvps/1_2.json`` is the file ``/dir/rsvps/1_2.json``.

A new object is written to a file without a name (``O_TMPFILE``) and then linked to its name, which fails if the name
is taken. So it appears whole or not at all, whatever kills the process, and leaves nothing behind. File systems
without such files (NFS, some FUSE) get a hidden temporary file and a link instead.

Content type and metadata of an object are not kept. An object and a folder cannot share a name (``a`` and ``a/b``).
Many processes may use one directory at once.
"""

import errno
import itertools
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Self
from urllib.parse import unquote, urlsplit

import google_crc32c

from meetupkit.errors import Conflict, StoreRefused, StoreUnavailable
from meetupkit.stores.objects import Created, Exists, NewObject, StoredObject, check_name, whole_files

_HIDDEN: Final = ".incoming"
"""Holds what is not an object yet, and the lock. No object's name has a component that starts with a dot."""
_STALE_SECONDS: Final = 3600.0
"""Writing one object takes milliseconds; a temporary file this old was left by a process that is gone."""
_LOCK_SECONDS: Final = 5.0
"""A replacement holds the lock for two fsyncs; who holds it longer is stopped, or its disk hangs."""
_LOCK_POLL_SECONDS: Final = 0.005
_CHUNK_BYTES: Final = 1 << 20
_NO_UNNAMED_FILES: Final = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT, errno.EXDEV})
"""What a file system or a kernel without O_TMPFILE answers, or one without /proc to link the file by."""
_NOT_OBJECTS: Final = frozenset({"lost+found"})
"""What mkfs puts into the root of a volume, readable by root only."""

Place = Callable[[str, bytes], None]
"""Makes the body appear at the path, whole; raises ``FileExistsError`` if something is there."""


class DirectoryObjects:
    """The store at ``file:///dir``.

    While a service runs, whatever the disk says is an outage (``StoreUnavailable``): a person puts a full, read-only or
    unwritable directory right, and the same call succeeds. Only ``check``, at the start, refuses. A directory that
    vanishes is an outage too, and only ``check`` makes it: a new, empty one would hide that data are missing.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._hidden = f"{directory}/{_HIDDEN}"
        self._token = secrets.token_hex(8)
        self._counter = itertools.count()
        self._place: Place | None = None
        self._synced_fd: int | None = None

    @classmethod
    def from_url(cls, url: str) -> Self:
        """The store at ``file:///dir``; nothing is touched yet."""
        parts = urlsplit(url)
        path = os.path.normpath(unquote(parts.path)) if parts.path.startswith("/") else "/"
        if parts.netloc not in {"", "localhost"} or parts.query or parts.fragment or path in {"/", "//"}:
            raise StoreRefused(f"{url}: a directory is written file:///path/of/the/directory")
        return cls(path)

    @property
    def concurrency(self) -> int:
        """1: creating a file keeps the processor busy, not waiting, so threads would only take turns."""
        return 1

    def check(self) -> None:
        """Make the directory if it is missing, and prove that objects can be created in it."""
        try:
            os.makedirs(self._hidden, exist_ok=True)  # noqa: PTH103
            self._remove_stale()
            self._place = self._choose_place()
            self._open_for_sync()
        except OSError as error:
            raise _at_start(error, self._directory) from None

    def create(self, new: NewObject) -> Created | Exists:
        """Create the file if its name is free; its folder is made when it is missing."""
        check_name(new.name)
        path = f"{self._directory}/{new.name}"
        try:
            (self._place or self._first_place())(path, new.body)
        except FileExistsError:
            return Exists(self._crc32c_at(path))
        except FileNotFoundError:
            return self._create_with_folder(path, new.body)
        except OSError as error:
            raise _while_running(error, self._directory) from None
        return Created()

    def read(self, name: str) -> StoredObject | None:
        """The file's content; its version is its time of modification in nanoseconds."""
        check_name(name)
        try:
            with open(f"{self._directory}/{name}", "rb") as file:  # noqa: PTH123
                return StoredObject(file.read(), os.fstat(file.fileno()).st_mtime_ns)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            self._require_directory()
            return None
        except OSError as error:
            raise _while_running(error, self._directory) from None

    def replace(self, name: str, body: bytes, *, expected_version: int) -> int:
        """Under a lock that all processes share: compare the version, write beside, fsync, rename, fsync."""
        check_name(name)
        path = f"{self._directory}/{name}"
        self._make_folders(path)
        try:
            with self._locked():
                version = whole_files.version_at(path)
                if version != expected_version:
                    raise Conflict(f"{name}: version {expected_version} was expected, {version or 'nothing'} is there")
                return whole_files.swap(self._temporary(), path, body, version)
        except FileExistsError:
            raise Conflict(f"{name}: someone created it meanwhile") from None
        except OSError as error:
            raise _while_running(error, self._directory) from None

    def names(self, prefix: str) -> Iterator[str]:
        """In the order of Cloud Storage: by code point of the whole name. Holds the names of one folder in memory."""
        self._require_directory()
        yield from self._names_below("", prefix)

    def sync(self) -> None:
        """One syncfs(2) for all files of the file system, however many there are."""
        try:
            fd = self._synced_fd
            whole_files.sync_file_system(self._open_for_sync() if fd is None else fd)
            if fd is not None and not os.path.samestat(os.fstat(fd), os.stat(self._directory)):  # noqa: PTH116
                whole_files.sync_file_system(self._open_for_sync())  # another directory has taken its place
        except OSError as error:
            raise _while_running(error, self._directory) from None

    def close(self) -> None:
        """Close the directory."""
        fd, self._synced_fd = self._synced_fd, None
        if fd is not None:
            os.close(fd)

    def _create_with_folder(self, path: str, body: bytes) -> Created | Exists:
        self._make_folders(path)
        try:
            (self._place or self._first_place())(path, body)
        except FileExistsError:
            return Exists(self._crc32c_at(path))
        except OSError as error:
            raise _while_running(error, self._directory) from None
        return Created()

    def _place_hidden(self, path: str, body: bytes) -> None:
        whole_files.place_through(self._temporary(), path, body)

    def _temporary(self) -> str:
        return f"{self._hidden}/{self._token}-{next(self._counter)}"

    def _first_place(self) -> Place:
        place = self._place = self._choose_place()
        return place

    def _choose_place(self) -> Place:
        """How this file system makes files appear whole, found by making one."""
        for place in (whole_files.place_unnamed, self._place_hidden):
            probe = self._temporary()
            try:
                place(probe, b"")
            except OSError as error:
                if place == self._place_hidden or error.errno not in _NO_UNNAMED_FILES:
                    raise
            else:
                whole_files.unlink_if_there(probe)
                break
        return place

    def _make_folders(self, path: str) -> None:
        """Make the path's folder and the hidden one, but never the directory itself."""
        self._require_directory()
        try:
            os.makedirs(self._hidden, exist_ok=True)  # noqa: PTH103
            os.makedirs(path.rpartition("/")[0], exist_ok=True)  # noqa: PTH103
        except OSError as error:
            raise _while_running(error, self._directory) from None

    def _require_directory(self) -> None:
        if not os.path.isdir(self._directory):  # noqa: PTH112
            raise StoreUnavailable(f"{self._directory} is not there any more: put it back, or restart to begin anew")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        fd = os.open(f"{self._hidden}/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            deadline = time.monotonic() + _LOCK_SECONDS
            while not whole_files.try_lock(fd):
                if time.monotonic() > deadline:
                    raise StoreUnavailable(f"{self._hidden}/lock is held by another process")
                time.sleep(_LOCK_POLL_SECONDS)
            yield
        finally:
            os.close(fd)

    def _names_below(self, folder: str, prefix: str) -> Iterator[str]:
        for name in self._entries(folder):
            if not name.endswith("/"):
                if name.startswith(prefix):
                    yield name
            elif name.startswith(prefix) or prefix.startswith(name):
                yield from self._names_below(name, prefix)

    def _entries(self, folder: str) -> list[str]:
        """The folder's entries, folders with a slash, which is also what puts ``a-b`` before ``a/b``."""
        try:
            with os.scandir(f"{self._directory}/{folder}") as entries:
                return sorted(
                    f"{folder}{entry.name}/" if entry.is_dir(follow_symlinks=False) else f"{folder}{entry.name}"
                    for entry in entries
                    if not entry.name.startswith(".") and entry.name not in _NOT_OBJECTS
                )
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _while_running(error, self._directory) from None

    def _crc32c_at(self, path: str) -> int:
        checksum = 0
        try:
            with open(path, "rb") as file:  # noqa: PTH123
                while chunk := file.read(_CHUNK_BYTES):
                    checksum = google_crc32c.extend(checksum, chunk)
        except IsADirectoryError:
            raise StoreRefused(f"{path} is a folder, so no object can have this name") from None
        except OSError as error:
            raise _while_running(error, self._directory) from None
        return checksum

    def _remove_stale(self) -> None:
        oldest = time.time() - _STALE_SECONDS
        with os.scandir(self._hidden) as entries:
            for entry in entries:
                if entry.name != "lock" and entry.stat(follow_symlinks=False).st_mtime < oldest:
                    whole_files.unlink_if_there(entry.path)

    def _open_for_sync(self) -> int:
        """Kept open: syncfs reports the failed writes since its descriptor was opened, so a fresh one reports none."""
        self.close()
        self._synced_fd = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return self._synced_fd


def _while_running(error: OSError, directory: str) -> StoreUnavailable | StoreRefused:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return StoreUnavailable(f"{directory} has no room: {error.strerror}")
        case errno.ENAMETOOLONG:
            return StoreRefused(f"{directory}: a name is longer than its file system can hold")
        case _:
            return StoreUnavailable(f"{directory} cannot be used now: {error.strerror}")


def _at_start(error: OSError, directory: str) -> StoreUnavailable | StoreRefused:
    match error.errno:
        case errno.ENOTDIR | errno.EEXIST:
            return StoreRefused(f"{directory} is not a directory: name one, or a path where one can be made")
        case errno.EACCES | errno.EPERM:
            return StoreRefused(f"{directory} is not writable by user {os.geteuid()}: give it the permission to write")
        case errno.EROFS:
            return StoreRefused(f"{directory} is on a read-only file system: mount it writable or name another one")
        case _:
            return _while_running(error, directory)
