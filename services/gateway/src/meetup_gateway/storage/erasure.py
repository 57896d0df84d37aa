"""Forgetting people: one who asks, and those whom nobody has seen for long."""

import sqlite3
from typing import Final

from meetupkit.stores.sqlite_file import SqliteFile

from meetup_gateway.privacy.people import People

_OF_A_MEMBER: Final = (
    "DELETE FROM log WHERE member = ?",
    "DELETE FROM records WHERE member = ?",
    "DELETE FROM rsvps WHERE member = ?",
    "DELETE FROM members WHERE id = ?",
)


def erase_member(connection: sqlite3.Connection, people: People, member_id: int) -> int:
    """Everything of the member, under the id and its pseudonym; how many rows. Put on the suppression list."""
    erased = 0
    for number in {member_id, people.told_id(member_id)}:
        erased += sum(connection.execute(text, (number,)).rowcount for text in _OF_A_MEMBER)
        erased += connection.execute(
            "DELETE FROM profiles WHERE CAST(profile AS TEXT) LIKE ? ESCAPE '\\'", (f'%"member\\_id":{number}%',)
        ).rowcount
    connection.execute("INSERT OR IGNORE INTO suppressed VALUES (?)", (people.hash_of(member_id),))
    return erased


def is_suppressed(file: SqliteFile, hashed: bytes) -> bool:
    """Whether the hash is on the suppression list."""
    with file.reading() as connection:
        return connection.execute("SELECT 1 FROM suppressed WHERE hash = ?", (hashed,)).fetchone() is not None


def purge_members(file: SqliteFile, seen_before: int) -> int:
    """Profiles of members whom no answer named since then; how many."""
    with file.writing() as connection:
        return connection.execute("DELETE FROM members WHERE seen < ?", (seen_before,)).rowcount
