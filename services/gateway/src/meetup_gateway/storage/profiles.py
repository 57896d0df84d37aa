"""Profiles by id, as they are answered."""

from collections.abc import Sequence
from dataclasses import dataclass

from meetupkit.stores.sqlite_file import SqliteFile


@dataclass(frozen=True, slots=True)
class GroupProfiles:
    """Of the groups that were asked for: profiles, those known to be absent, and those to be looked up."""

    found: dict[int, bytes]
    absent: frozenset[int]
    unknown: tuple[int, ...]


class Profiles:
    """Reads profiles. Times are milliseconds since the epoch."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def members(self, ids: Sequence[int]) -> dict[int, bytes]:
        """Those that are there."""
        with self._file.reading() as connection:
            rows = connection.execute(f"SELECT id, profile FROM members WHERE id IN ({_marks(ids)})", ids).fetchall()  # noqa: S608  (marks alone)
        return dict(rows)

    def groups(self, ids: Sequence[int], fetched_since: int, asked_since: int) -> GroupProfiles:
        """Those whose profile is fresh enough, and those of which it is known lately that there is none."""
        marks = _marks(ids)
        with self._file.reading() as connection:
            found = connection.execute(
                f"SELECT id, profile FROM profiles WHERE fetched >= ? AND id IN ({marks})",  # noqa: S608  (marks alone)
                (fetched_since, *ids),
            ).fetchall()
            absent = connection.execute(
                f"SELECT id FROM absent_groups WHERE asked >= ? AND id IN ({marks})",  # noqa: S608  (marks alone)
                (asked_since, *ids),
            ).fetchall()
        known = dict(found)
        gone = frozenset(row[0] for row in absent) - known.keys()
        return GroupProfiles(known, gone, tuple(number for number in ids if number not in known and number not in gone))

    def ids_by_urlname(self, urlnames: Sequence[str]) -> list[int]:
        """Of followed groups."""
        with self._file.reading() as connection:
            rows = connection.execute(
                f"SELECT id FROM groups WHERE urlname IN ({_marks(urlnames)})",  # noqa: S608  (marks alone)
                tuple(urlnames),
            ).fetchall()
        return [int(row[0]) for row in rows]


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))
