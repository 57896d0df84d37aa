"""Objects as files of one directory: the object ``rsvps/1_2.json`` is the file ``/dir/rsvps/1_2.json``.

A new object is written to a file without a name (``O_TMPFILE``) and then linked to its name, which fails if the name
is taken. So it appears whole or not at all, whatever kills the process, and leaves nothing behind. File systems
without such files (NFS, some FUSE) get a hidden temporary file and a link instead.

Content type and metadata of an object are not kept. An object and a folder cannot share a name (``a`` and ``a/b``).
Many processes may use one directory at once. Files and folders are made for their owner alone. Symbolic links are
followed, in listings too, but for those that lead back to a folder above them; only the hidden folder may be none.
"""

import errno
import itertools
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final, Self
from urllib.parse import unquote, urlsplit

from meetupkit.errors import Conflict, ObjectRefused, StoreRefused, StoreUnavailable
from meetupkit.stores.objects import Created, Exists, NewObject, StoredObject, check_name, is_name, whole_files
from meetupkit.urls import shown

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
_is_temporary: Final = re.compile(r"[0-9a-f]{16}-[0-9]+").fullmatch
"""What this module calls what is not an object yet; whatever else lies there is somebody else's."""
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
        self._closed_to_others: set[str] = set()

    @classmethod
    def from_url(cls, url: str) -> Self:
        """The store at ``file:///dir``; nothing is touched yet."""
        parts = urlsplit(url)
        path = os.path.normpath(unquote(parts.path)) if parts.path.startswith("/") else "/"
        if parts.netloc not in {"", "localhost"} or parts.query or parts.fragment or path in {"/", "//"}:
            raise StoreRefused(f"{shown(url)}: a directory is written file:///path/of/the/directory")
        return cls(path)

    @property
    def concurrency(self) -> int:
        """1: creating a file keeps the processor busy, not waiting, so threads would only take turns."""
        return 1

    def check(self) -> None:
        """Make the directory if it is missing, and prove that objects can be created in it."""
        try:
            self._make_hidden()
            self._remove_stale()
            self._place = self._choose_place()
            self._open_for_sync()
        except OSError as error:
            raise _at_start(error, self._directory) from None

    def create(self, new: NewObject) -> Created | Exists:
        """Create the file if its name is free; its folder is made when it is missing."""
        check_name(new.name)
        self._close_to_others(new.name)
        path = f"{self._directory}/{new.name}"
        try:
            (self._place or self._first_place())(path, new.body)
        except FileExistsError:
            return Exists(self._holds(path, new.body))
        except FileNotFoundError:
            return self._create_with_folder(path, new.body)
        except OSError as error:
            raise _while_running(error, self._directory) from None
        return Created()

    def compare(self, new: NewObject) -> Exists | None:
        """By the bytes of the file there."""
        check_name(new.name)
        path = f"{self._directory}/{new.name}"
        if os.path.lexists(path):
            return Exists(self._holds(path, new.body))
        self._require_directory()
        return None

    def known(self, objects: Sequence[NewObject]) -> set[str]:  # noqa: ARG002  (asking costs as much as creating)
        """None: to create a file that is there costs no more than to look for it."""
        return set()

    def read(self, name: str, *, most: int | None = None) -> StoredObject | None:
        """The file's content; its version is its time of modification in nanoseconds."""
        check_name(name)
        try:
            file = whole_files.open_file(f"{self._directory}/{name}")
            if file is None:
                self._require_directory()
                return None
            with file:
                body = file.read() if most is None else file.read(most + 1)
                if most is not None and len(body) > most:
                    raise ObjectRefused(f"{name} has more than {most:,} bytes")
                return StoredObject(body, os.fstat(file.fileno()).st_mtime_ns)
        except OSError as error:
            raise _while_running(error, self._directory) from None

    def replace(self, name: str, body: bytes, *, expected_version: int) -> int:
        """Under a lock that all processes share: compare the version, write beside, fsync, rename, fsync."""
        check_name(name)
        self._close_to_others(name)
        path = f"{self._directory}/{name}"
        self._make_folders(path)
        if os.path.isdir(path):
            raise ObjectRefused(f"{path} is a folder, so no object can have this name: move it away")
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

    def delete(self, name: str, *, expected_version: int) -> None:
        """Under the same lock; durable when it returns."""
        check_name(name)
        path = f"{self._directory}/{name}"
        self._require_directory()
        try:
            with self._locked():
                version = whole_files.version_at(path)
                if version not in {0, expected_version}:
                    raise Conflict(f"{name}: version {expected_version} was expected, {version} is there")
                if version:
                    whole_files.remove(path)
        except OSError as error:
            raise _while_running(error, self._directory) from None

    def names(self, prefix: str) -> Iterator[str]:
        """In the order of Cloud Storage: by code point of the whole name.

        Reads the folder that the prefix names and those below it, however much lies beside it; holds the names of one
        folder in memory.
        """
        self._require_directory()
        folder = prefix[: prefix.rfind("/") + 1]
        if folder and (is_name(folder[:-1]) is None or not _NOT_OBJECTS.isdisjoint(folder.split("/"))):
            return  # hidden, or nothing that could be made
        yield from self._names_below(folder, prefix, self._above(folder))

    def sync(self) -> None:
        """One syncfs(2) for all files of the file system, however many there are."""
        try:
            fd = self._synced_fd
            whole_files.sync_file_system(self._open_for_sync() if fd is None else fd)
            if fd is not None and not os.path.samestat(os.fstat(fd), os.stat(self._directory)):
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
            return Exists(self._holds(path, body))
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
        """How this file system makes files appear whole and private, found by making one."""
        for place in (whole_files.place_unnamed, _place_unnamed_and_chmod, self._place_hidden):
            probe = self._temporary()
            try:
                place(probe, b"")
            except OSError as error:
                if place == self._place_hidden or error.errno not in _NO_UNNAMED_FILES:
                    raise
            else:
                private = whole_files.is_private(probe)
                whole_files.unlink_if_there(probe)
                if private:
                    break
        return place

    def _make_folders(self, path: str) -> None:
        """Make the path's folder and the hidden one, but never the directory itself."""
        self._require_directory()
        try:
            self._make_hidden()
            whole_files.make_folders(path.rpartition("/")[0])
        except OSError as error:
            raise _while_running(error, self._directory) from None

    def _make_hidden(self) -> None:
        """A link in its place would lead to other people's files, which are not this store's to write or remove."""
        whole_files.make_folders(self._hidden)
        if os.path.islink(self._hidden):
            raise StoreRefused(f"{self._hidden} is a symbolic link: remove the link, the folder is made again")

    def _close_to_others(self, name: str) -> None:
        """The folder of a label, which an earlier version made for everybody to enter, once for each process."""
        top, slash, _ = name.partition("/")
        if slash and top not in self._closed_to_others:
            whole_files.make_private(f"{self._directory}/{top}")
            self._closed_to_others.add(top)

    def _require_directory(self) -> None:
        if not os.path.isdir(self._directory):
            raise StoreUnavailable(f"{self._directory} is not there any more: put it back, or restart to begin anew")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        fd = whole_files.open_lock(f"{self._hidden}/lock")
        try:
            deadline = time.monotonic() + _LOCK_SECONDS
            while not whole_files.try_lock(fd):
                if time.monotonic() > deadline:
                    raise StoreUnavailable(f"{self._hidden}/lock is held by another process")
                time.sleep(_LOCK_POLL_SECONDS)
            yield
        finally:
            os.close(fd)

    def _above(self, folder: str) -> tuple[tuple[int, int], ...]:
        """The folders on the way to that one, from the directory on."""
        ends = [at for at, character in enumerate(folder) if character == "/"][:-1]
        paths = [self._directory, *(f"{self._directory}/{folder[:end]}" for end in ends)] if folder else []
        above = []
        for path in paths:
            with suppress(OSError):  # then there is nothing below it either
                there = os.stat(path)
                above.append((there.st_dev, there.st_ino))
        return tuple(above)

    def _names_below(self, folder: str, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[str]:
        """``above``: the folders on the way here, as device and inode, so that no link leads round in a circle."""
        here, entries = self._entries(folder)
        if here in above:
            return
        for name in entries:
            if not name.endswith("/"):
                if name.startswith(prefix):
                    yield name
            elif name.startswith(prefix) or prefix.startswith(name):
                yield from self._names_below(name, prefix, (*above, here))

    def _entries(self, folder: str) -> tuple[tuple[int, int], list[str]]:
        """Which folder it is, and its entries, folders with a slash, which is also what puts ``a-b`` before ``a/b``."""
        try:
            fd = os.open(f"{self._directory}/{folder}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return (0, 0), []
        except OSError as error:
            raise _while_running(error, self._directory) from None
        try:
            there = os.fstat(fd)
            with os.scandir(fd) as entries:
                return (there.st_dev, there.st_ino), sorted(
                    f"{folder}{name}" for name in filter(None, map(_listed, entries))
                )
        except OSError as error:
            raise _while_running(error, self._directory) from None
        finally:
            os.close(fd)

    def _holds(self, path: str, body: bytes) -> bool:
        """Whether the file there has just this body; a folder, a pipe or a link to nothing has none."""
        try:
            file = whole_files.open_file(path)
            if file is None:
                return False
            with file:
                if os.fstat(file.fileno()).st_size != len(body):
                    return False
                at = 0
                while chunk := file.read(_CHUNK_BYTES):
                    if chunk != body[at : at + len(chunk)]:
                        return False
                    at += len(chunk)
                return at == len(body)
        except OSError as error:
            raise _while_running(error, self._directory) from None

    def _remove_stale(self) -> None:
        """Files of ours by their names, through a descriptor of the folder itself, so that no link leads elsewhere."""
        oldest = time.time() - _STALE_SECONDS
        fd = os.open(self._hidden, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            with os.scandir(fd) as entries:
                stale = [entry.name for entry in entries if _is_stale(entry, oldest)]
            for name in stale:
                with suppress(FileNotFoundError):  # another start was faster
                    os.unlink(name, dir_fd=fd)
        finally:
            os.close(fd)

    def _open_for_sync(self) -> int:
        """Kept open: syncfs reports the failed writes since its descriptor was opened, so a fresh one reports none."""
        self.close()
        self._synced_fd = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return self._synced_fd


def _place_unnamed_and_chmod(path: str, body: bytes) -> None:
    whole_files.place_unnamed(path, body, chmod=True)


def _listed(entry: "os.DirEntry[str]") -> str:
    """How an entry is listed; empty for what is no object and no folder of objects."""
    if is_name(entry.name) is None or entry.name in _NOT_OBJECTS:
        return ""  # hidden, or a name that no back end could hold, so that somebody else made it
    try:
        if entry.is_dir():
            return f"{entry.name}/"
        return entry.name if entry.is_file() else ""  # a pipe, a socket, a link to nothing
    except OSError as error:
        if error.errno == errno.ELOOP:  # links that lead to each other
            return ""
        raise


def _is_stale(entry: "os.DirEntry[str]", oldest: float) -> bool:
    if _is_temporary(entry.name) is None:
        return False
    there = entry.stat(follow_symlinks=False)
    return stat.S_ISREG(there.st_mode) and there.st_mtime < oldest


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
