"""Who polls: one process at a time. The other ones serve what is in the file, and wait."""

import json
import sqlite3
from typing import Final

from meetupkit.stores.sqlite_file import SqliteFile

LEASE_MS: Final = 30_000
"""Renewed at a third of it, so that two renewals may fail."""


class Superseded(Exception):
    """Another process polls now: nothing of this one is committed any more."""


class Lease:
    """The lease of one file. Times are milliseconds since the epoch."""

    def __init__(self, file: SqliteFile, owner: str) -> None:
        self._file = file
        self._owner = owner

    def acquire(self, now: int) -> bool:
        """Take or renew it; false while another process holds it."""
        with self._file.writing() as connection:
            owner, until = _read(connection)
            if owner not in ("", self._owner) and now < until <= now + LEASE_MS:
                return False
            _write(connection, self._owner, now + LEASE_MS)
        return True

    def release(self) -> None:
        """Let another have it at once."""
        with self._file.writing() as connection:
            if _read(connection)[0] == self._owner:
                _write(connection, "", 0)

    def require(self, connection: sqlite3.Connection) -> None:
        """Inside a transaction: raises ``Superseded`` if another process took it."""
        if _read(connection)[0] != self._owner:
            raise Superseded


def _read(connection: sqlite3.Connection) -> tuple[str, int]:
    row = connection.execute("SELECT value FROM meta WHERE name = 'lease'").fetchone()
    owner, until = json.loads(row[0]) if row else ("", 0)
    return owner, until


def _write(connection: sqlite3.Connection, owner: str, until: int) -> None:
    connection.execute("REPLACE INTO meta VALUES ('lease', ?)", (json.dumps([owner, until]),))
