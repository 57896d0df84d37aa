"""The file's tables."""

from pathlib import Path
from typing import Final

from meetupkit.stores.sqlite_file import SqliteFile

_APPLICATION_ID: Final = 0x6D756777
"""``mugw``, in the file's header."""
_SCHEMA_VERSION: Final = 1
_BUSY_SECONDS: Final = 10.0
_SCHEMA: Final = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    """CREATE TABLE log (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, feed TEXT NOT NULL, id TEXT NOT NULL, event TEXT, member INTEGER,
        mtime INTEGER NOT NULL, appended INTEGER NOT NULL, body BLOB NOT NULL
    )""",
    "CREATE INDEX log_by_feed ON log (feed, seq)",
    "CREATE INDEX log_by_time ON log (appended)",
    "CREATE INDEX log_by_member ON log (member) WHERE member IS NOT NULL",
    """CREATE TABLE records (
        feed TEXT NOT NULL, id TEXT NOT NULL, member INTEGER, event TEXT, seq INTEGER NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY (feed, id)
    ) WITHOUT ROWID""",
    "CREATE INDEX records_by_member ON records (member) WHERE member IS NOT NULL",
    "CREATE TABLE groups (id TEXT PRIMARY KEY, urlname TEXT NOT NULL, state BLOB NOT NULL) WITHOUT ROWID",
    "CREATE INDEX groups_by_urlname ON groups (urlname)",
    """CREATE TABLE events (
        token TEXT PRIMARY KEY, event_id TEXT NOT NULL, group_id TEXT NOT NULL, due INTEGER, state BLOB NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX events_by_group ON events (group_id)",
    "CREATE INDEX events_by_due ON events (due) WHERE due IS NOT NULL",
    "CREATE INDEX events_by_id ON events (event_id)",
    """CREATE TABLE rsvps (
        id INTEGER PRIMARY KEY, token TEXT NOT NULL, member INTEGER, state BLOB NOT NULL
    )""",
    "CREATE INDEX rsvps_by_event ON rsvps (token)",
    "CREATE INDEX rsvps_by_member ON rsvps (member) WHERE member IS NOT NULL",
    "CREATE TABLE members (id INTEGER PRIMARY KEY, seen INTEGER NOT NULL, profile BLOB NOT NULL)",
    "CREATE INDEX members_by_seen ON members (seen)",
    "CREATE TABLE profiles (id INTEGER PRIMARY KEY, fetched INTEGER NOT NULL, profile BLOB NOT NULL)",
    "CREATE TABLE absent_groups (id INTEGER PRIMARY KEY, asked INTEGER NOT NULL) ",
    "CREATE TABLE venues (id INTEGER PRIMARY KEY, fingerprint BLOB NOT NULL)",
    "CREATE TABLE photos (id INTEGER PRIMARY KEY, fingerprint BLOB NOT NULL)",
    "CREATE TABLE suppressed (hash BLOB PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE backfill (event_id TEXT PRIMARY KEY, group_id TEXT NOT NULL) WITHOUT ROWID",
)


def open_database(path: Path) -> SqliteFile:
    """The file, made at the first transaction if there is none."""
    return SqliteFile(
        path,
        application_id=_APPLICATION_ID,
        schema_version=_SCHEMA_VERSION,
        schema=_SCHEMA,
        busy_seconds=_BUSY_SECONDS,
    )
