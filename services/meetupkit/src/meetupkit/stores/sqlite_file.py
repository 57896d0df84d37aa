"""One SQLite file: its connections, its transactions, and what its errors mean.

The file belongs on a local disk: a write-ahead log does not work on network file systems. A ``SqliteFile`` must not be
used in a child that was forked while it was open; every process opens its own.
"""

import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from meetupkit.errors import StoreRefused, StoreUnavailable

_KEPT_READERS: Final = 8
"""Idle connections kept open: as many readers as one machine has use for; more are opened and closed again."""
_WAL_PAGES: Final = 16_000
"""The log is copied into the file at 64 MB, not at SQLite's 4: a page that many commits change is then copied once."""
_CACHE_KIB: Final = 16 * 1024
"""A writer's page cache: holds the inner pages of the indexes of a million documents, and the leaves last used."""
_PRIVATE: Final = 0o600
"""Documents are people's profiles."""
_BESIDE: Final = ("-wal", "-shm", "-journal")
_TRY_AGAIN_SECONDS: Final = 0.02

_TRANSIENT: Final = {
    sqlite3.SQLITE_BUSY: "another process has been writing for too long",
    sqlite3.SQLITE_LOCKED: "another connection holds a table",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk failed, or has no room",
    sqlite3.SQLITE_NOMEM: "there is no memory left",
    sqlite3.SQLITE_PROTOCOL: "the write-ahead log is contended",
}
"""SQLite's primary result codes that may be gone at the next try; every other one requires operator action."""
_REFUSED: Final = {
    sqlite3.SQLITE_NOTADB: "is not a SQLite database",
    sqlite3.SQLITE_CORRUPT: "is a damaged database: restore it, or move it away to start anew",
    sqlite3.SQLITE_READONLY: "cannot be written by this user: grant write access to the file and to its directory",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: it must be a file, in a directory that exists and this user can write",
    sqlite3.SQLITE_PERM: "cannot be opened by this user",
}


class SqliteFile:
    """Transactions on the file at ``path``, from any thread; opened, or made, at the first of them.

    Writers take turns: threads by a lock, processes by SQLite's own, each waiting up to ``busy_seconds``. Readers get
    a connection each and wait for nobody. ``schema`` are the statements that make the tables of an empty file;
    ``application_id`` and ``schema_version`` are written into its header and checked when it is opened again.
    """

    def __init__(
        self, path: Path, *, application_id: int, schema_version: int, schema: Sequence[str], busy_seconds: float
    ) -> None:
        self.path = path
        self._application_id = application_id
        self._schema_version = schema_version
        self._schema = schema
        self._busy_seconds = busy_seconds
        self._writing = threading.Lock()
        self._writer: sqlite3.Connection | None = None
        self._readers: list[sqlite3.Connection] = []  # append and pop are atomic
        self._identity: tuple[int, int] | None = None
        self._closed = False

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The writer's connection inside a transaction: on the disk at the end, undone by any exception."""
        if not self._writing.acquire(timeout=self._busy_seconds):
            raise StoreUnavailable(f"{self.path}: another thread has been writing for {self._busy_seconds:g} s")
        try:
            with self._translated():
                self._writer = self._writer or self._open()
                self._require_same_file()
                try:
                    with _transaction(self._writer, "BEGIN IMMEDIATE"):
                        yield self._writer
                except sqlite3.Error:
                    self._writer.close()  # rolls back; the next writer starts from a clean state
                    self._writer = None
                    raise
        finally:
            self._writing.release()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection of one's own inside a transaction, so that all its statements see the same moment."""
        with self._translated():
            try:
                reader = self._readers.pop()
            except IndexError:
                reader = self._open()
            try:
                with _transaction(reader, "BEGIN"):
                    yield reader
            except sqlite3.Error:
                reader.close()
                raise
            except BaseException:
                self._give_back(reader)
                raise
            self._give_back(reader)

    def close(self) -> None:
        """Close every connection; a transaction under way ends first, a later one raises ``StoreUnavailable``."""
        with self._writing:
            self._closed = True
            if self._writer:
                self._writer.close()
                self._writer = None
        self._close_readers()

    def _give_back(self, reader: sqlite3.Connection) -> None:
        if len(self._readers) >= _KEPT_READERS:
            reader.close()
            return
        self._readers.append(reader)
        if self._closed:
            self._close_readers()

    def _require_same_file(self) -> None:
        """A file that was deleted or moved can still be written through its connection, but never be found again."""
        try:
            there = self.path.stat()
        except FileNotFoundError:
            there = None
        identity = (there.st_dev, there.st_ino) if there else None
        self._identity = self._identity or identity
        if identity is None or identity != self._identity:
            raise StoreRefused(f"{self.path} was moved or deleted while it was in use: put it back, or start again")

    def _close_readers(self) -> None:
        while self._readers:
            self._readers.pop().close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code: int | None = getattr(error, "sqlite_errorcode", None)
            if code is None:
                raise  # not SQLite's answer but a mistake in how this module calls it
            primary = code & 0xFF  # the other bits say which system call it was
            if primary in _TRANSIENT:
                raise StoreUnavailable(f"{self.path}: {_TRANSIENT[primary]} ({error})") from error
            raise StoreRefused(f"{self.path} {_REFUSED.get(primary, 'cannot be used')} ({error})") from error

    def _open(self) -> sqlite3.Connection:
        if self._closed:
            raise StoreUnavailable(f"{self.path} is closed")
        _create_private(self.path)
        connection = sqlite3.connect(
            self.path, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA synchronous = FULL")  # a commit is on the disk, not only in the kernel
        connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        with _transaction(connection, "BEGIN"):  # or somebody makes the tables between two looks at the file
            there = self._is_ours(connection)
        if there:
            _close_to_others(self.path)
            return
        self._use_write_ahead_log(connection)
        with _transaction(connection, "BEGIN IMMEDIATE"):
            if not self._is_ours(connection):  # another process may have been faster
                for statement in self._schema:
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {self._application_id}")
                connection.execute(f"PRAGMA user_version = {self._schema_version}")

    def _is_ours(self, connection: sqlite3.Connection) -> bool:
        """Whether the tables are there; ``False`` for an empty file, ``StoreRefused`` for anybody else's."""
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if application_id == self._application_id:
            if version != self._schema_version:
                raise StoreRefused(
                    f"{self.path} was written by another release (schema {version}, not {self._schema_version})"
                )
            return True
        if connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() or application_id:
            raise StoreRefused(f"{self.path} is the database of another program: name another file")
        return False

    def _use_write_ahead_log(self, connection: sqlite3.Connection) -> None:
        """Kept in the file's header. SQLite does not wait for a lock here, so two processes at a new file try again."""
        until = time.monotonic() + self._busy_seconds
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(_TRY_AGAIN_SECONDS)
            else:
                return


def _create_private(path: Path) -> None:
    """Make the file for its owner alone, whatever the umask; SQLite gives its mode to the files beside it."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE)
    except OSError:
        return  # it is there, or SQLite will say why not
    with suppress(PermissionError):  # a file system without modes
        os.fchmod(fd, _PRIVATE)
    os.close(fd)


def _close_to_others(path: Path) -> None:
    """What an earlier version left open. By name: to close a descriptor would drop the locks this process has on it."""
    for there in (path, *(path.with_name(f"{path.name}{ending}") for ending in _BESIDE)):
        with suppress(OSError):  # not there, or another user's
            mode = stat.S_IMODE(there.stat().st_mode)
            if mode & 0o077:
                there.chmod(mode & ~0o077)


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
