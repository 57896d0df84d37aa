"""``meetup-gateway forget MEMBER``: no byte of the id is left in the database, and the next poll brings none back.

Beside the rows, what SQLite leaves of deleted ones goes too: free space is written over, and the file made anew.
"""

import sqlite3
import time
from pathlib import Path
from typing import Final

from meetupkit.errors import StoreUnavailable
from meetupkit.stores.sqlite_file import SqliteFile

from meetup_gateway.privacy.people import People
from meetup_gateway.storage.erasure import erase_member

_SECONDS: Final = 30.0
"""The gateway's own transactions are short; one that serves a long stream pauses between its blocks."""
_TRY_AGAIN_SECONDS: Final = 0.1


def forget(file: SqliteFile, people: People, member_id: int) -> int:
    """Erase the member; how many rows."""
    with file.writing() as connection:
        connection.execute("PRAGMA secure_delete = ON")
        erased = erase_member(connection, people, member_id)
    _make_anew(file.path)
    return erased


def _make_anew(path: Path) -> None:
    """The file without free pages, and the log beside it empty."""
    until = time.monotonic() + _SECONDS
    while True:
        connection = sqlite3.connect(path, timeout=5, isolation_level=None)
        try:
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("VACUUM")
            busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if not busy:
                return
        except sqlite3.OperationalError as error:
            if time.monotonic() > until:
                raise StoreUnavailable(f"{path} is in use all the time: {error}") from None
        finally:
            connection.close()
        if time.monotonic() > until:
            raise StoreUnavailable(f"{path} is in use all the time: stop the gateway, and try again")
        time.sleep(_TRY_AGAIN_SECONDS)
