"""The append-only log that the streams read, and the last version of each record.

``appended`` only grows, and every mtime lies before it: so all that was appended after a record has a greater
``appended`` than that record's mtime, and a reader whose cursor is an mtime misses nothing by ``appended > cursor``.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from meetupkit.java_json import encode
from meetupkit.stores.sqlite_file import SqliteFile

from meetup_gateway.observing.changes import Version

_ROWS: Final = 256
"""Read at once: half a megabyte of the longest usual records."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the log: ``body`` is the record as a stream sends it."""

    seq: int
    body: bytes


class Appender:
    """Appends inside one transaction."""

    def __init__(self, connection: sqlite3.Connection, now: int) -> None:
        self._connection = connection
        (last,) = connection.execute("SELECT appended FROM log ORDER BY seq DESC LIMIT 1").fetchone() or (0,)
        self.appended = max(last, now + 1)

    def append(self, version: Version) -> None:
        """The record as it is sent, with its mtime, and as the last one of its id."""
        mtime = max(0, min(version.mtime, self.appended - 1))
        body = encode({"mtime": mtime, **version.record})
        row = (version.feed, version.id, version.event, version.member, mtime, self.appended, body)
        cursor = self._connection.execute(
            "INSERT INTO log (feed, id, event, member, mtime, appended, body) VALUES (?, ?, ?, ?, ?, ?, ?)", row
        )
        self._connection.execute(
            "REPLACE INTO records (feed, id, member, event, seq, body) VALUES (?, ?, ?, ?, ?, ?)",
            (version.feed, version.id, version.member, version.event, cursor.lastrowid, body),
        )


class Log:
    """Reads what was appended."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def end(self, feed: str) -> int:
        """The last row's number; 0 for an empty log."""
        return self._number("SELECT MAX(seq) FROM log WHERE feed = ?", feed)

    def since(self, feed: str, mtime: int) -> int:
        """After which row everything was appended that a reader with this cursor may lack."""
        with self._file.reading() as connection:
            row = connection.execute(
                "SELECT MIN(seq) FROM log WHERE feed = ? AND appended > ?", (feed, mtime)
            ).fetchone()
        return self.end(feed) if row[0] is None else int(row[0]) - 1

    def count_back(self, feed: str, count: int) -> int:
        """After which row the last ``count`` ones are."""
        with self._file.reading() as connection:
            rows = connection.execute(
                "SELECT seq FROM log WHERE feed = ? ORDER BY seq DESC LIMIT 1 OFFSET ?", (feed, count)
            ).fetchone()
        return int(rows[0]) if rows else 0

    def oldest(self) -> int:
        """When the oldest row that is kept was appended; 0 for none."""
        return self._number("SELECT MIN(appended) FROM log")

    def forgotten(self, feed: str) -> Iterator[Sequence[Line]]:
        """The last versions whose rows the log does not hold any more, in their order."""
        first = self._number("SELECT MIN(seq) FROM log WHERE feed = ?", feed) or 1 << 62
        after = 0
        while lines := self._lines(
            "SELECT seq, body FROM records WHERE feed = ? AND seq > ? AND seq < ? ORDER BY seq LIMIT ?",
            (feed, after, first, _ROWS),
        ):
            yield lines
            after = lines[-1].seq

    def all_records(self, feed: str) -> Iterator[Sequence[Line]]:
        """The last version of everything of a feed."""
        after = ""
        while True:
            with self._file.reading() as connection:
                rows = connection.execute(
                    "SELECT id, seq, body FROM records WHERE feed = ? AND id > ? ORDER BY id LIMIT ?",
                    (feed, after, _ROWS),
                ).fetchall()
            if not rows:
                return
            yield [Line(row[1], row[2]) for row in rows]
            after = rows[-1][0]

    def after(self, feed: str, seq: int, events: Sequence[str] = ()) -> Sequence[Line]:
        """Rows beyond this one, at most some hundred; only of these events, if any are named."""
        if events:
            marks = ",".join("?" * len(events))
            text = f"SELECT seq, body FROM log WHERE feed = ? AND seq > ? AND event IN ({marks}) ORDER BY seq LIMIT ?"  # noqa: S608  (marks alone)
            return self._lines(text, (feed, seq, *events, _ROWS))
        return self._lines(
            "SELECT seq, body FROM log WHERE feed = ? AND seq > ? ORDER BY seq LIMIT ?", (feed, seq, _ROWS)
        )

    def trim(self, before: int) -> int:
        """Forget rows that were appended before then; how many they were."""
        with self._file.writing() as connection:
            last = connection.execute("SELECT MAX(seq) FROM log").fetchone()[0]
            # The last row stays: from it the next one takes its time.
            return connection.execute("DELETE FROM log WHERE appended < ? AND seq < ?", (before, last or 0)).rowcount

    def _lines(self, text: str, values: tuple[object, ...]) -> list[Line]:
        with self._file.reading() as connection:
            return [Line(*row) for row in connection.execute(text, values)]

    def _number(self, text: str, *values: object) -> int:
        with self._file.reading() as connection:
            return int(connection.execute(text, values).fetchone()[0] or 0)
