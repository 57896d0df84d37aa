"""From the lines of a feed to columns of a batch, and what could not be taken. No I/O.

Lines go through together, column by column: what the quick reader does not take is read one by one, carefully, and
gives the same row. Which way a line went cannot be told from the tables.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import google_crc32c
import numpy as np
from isal import isal_zlib
from meetupkit.records import Rejection, read_line
from pydantic_core import from_json

from meetup_insight.loading.batch import Batch, BatchShape, Ready, days_of
from meetup_insight.loading.hashing import MemberHash
from meetup_insight.loading.parts import Numbers, PartReader, column_value
from meetup_insight.loading.record_shape import RecordShape, own_columns
from meetup_insight.loading.values import at
from meetup_insight.schema import FeedTable

_DAY_MS: Final = 86_400_000
_MOST_DIGITS: Final = 40
"""A longer number is none that a column holds; as text it would be refused likewise."""


@dataclass(slots=True)
class Taken:
    """What is counted of some lines: records by day since the epoch, and rejects."""

    days: Counter[int] = field(default_factory=Counter)
    rejects: list[tuple[int, str, str]] = field(default_factory=list)
    """Which line, why, and its digest."""


class Extractor:
    """Reads lines of one feed. ``quickly=False`` takes every line the careful way."""

    def __init__(
        self, feed_table: FeedTable, member_hash: MemberHash, forgotten: frozenset[str], *, quickly: bool = True
    ) -> None:
        self._table = feed_table
        self._hash = member_hash
        self._forgotten = forgotten
        self._quick = RecordShape(feed_table) if quickly else None
        self._columns = own_columns(feed_table)
        self._shape = BatchShape(feed_table, self._columns)
        self._parts = [PartReader(part) for part in feed_table.parts]

    @property
    def is_full(self) -> bool:
        """Whether so many parts are known that the batch should end."""
        return any(reader.is_full for reader in self._parts)

    def read(self, lines: Sequence[bytes], into: Batch) -> Taken:
        """Take in some lines, whatever they are."""
        taken = Taken()
        rows = _Rows(len(self._columns), len(self._parts))
        left = self._read_quickly(lines, rows)
        faults = {}
        for where in left:
            found = self._read_carefully(lines[where], rows)
            if isinstance(found, Rejection):
                digest = hashlib.sha256(lines[where]).hexdigest()
                taken.rejects.append((where, found.reason.value, digest))
            elif found:
                faults[len(rows.lines) - 1] = found
        self._take(rows, faults, taken, into)
        return taken

    def ready(self, batch: Batch) -> Ready:
        """The end of a batch: what is to be written."""
        found = self._shape.ready(batch, self._parts, self._hash, self._forgotten)
        for reader in self._parts:
            reader.start()
        return found

    def _read_quickly(self, lines: Sequence[bytes], rows: "_Rows") -> Sequence[int]:
        """Fills ``rows``; returns which lines are left."""
        values = self._quick.read_all(lines) if self._quick else [None] * len(lines)
        left = [where for where, each in enumerate(values) if each is None]
        kept = [each for each in values if each is not None]
        if not kept:
            return left
        columns = list(zip(*kept, strict=True))
        own = len(self._columns)
        numbers = [reader.numbers(raws) for reader, raws in zip(self._parts, columns[own:], strict=True)]
        places = sorted(set(range(len(lines))).difference(left)) if left else range(len(lines))
        again = {at for column in numbers if None in column for at, number in enumerate(column) if number is None}
        if again:
            left += [places[at] for at in sorted(again)]
            places = [place for at, place in enumerate(places) if at not in again]
            columns = [tuple(value for at, value in enumerate(column) if at not in again) for column in columns]
            numbers = [[value for at, value in enumerate(column) if at not in again] for column in numbers]
        rows.own, rows.parts = [list(column) for column in columns[:own]], numbers
        rows.lines = [lines[place] for place in places]
        return left

    def _read_carefully(self, line: bytes, rows: "_Rows") -> Rejection | list[str]:
        """What does not fit is either no record, or one with values that no column can hold: their columns."""
        found = read_line(self._table.feed, line)
        if isinstance(found, Rejection):
            return found
        record, faults = whole(line), list[str]()
        for column, values in zip(self._columns, rows.own, strict=True):
            values.append(column_value(column, at(record, column.path), faults))
        for reader, numbers in zip(self._parts, rows.parts, strict=True):
            numbers.append(reader.slowly(at(record, reader.part.path), faults))
        rows.lines.append(line)
        return faults

    def _take(self, rows: "_Rows", faults: dict[int, list[str]], taken: Taken, into: Batch) -> None:
        if not rows.lines:
            return
        ids, mtimes = rows.own[0], rows.own[1]
        keys = checksums(rows.lines)
        taken.days.update(days_of(mtimes, _DAY_MS))
        for place, columns in faults.items():
            into.unreadable.update((str(ids[place]), mtimes[place], int(keys[place]), name) for name in columns)
        self._shape.add(into, rows.own, keys, rows.parts)


class _Rows:
    """Values of some records, column by column."""

    def __init__(self, own: int, parts: int) -> None:
        self.lines: list[bytes] = []
        self.own: list[list[Any]] = [[] for _ in range(own)]
        self.parts: list[list[Any]] = [[] for _ in range(parts)]


def whole(line: bytes) -> Any:
    """All that the line of a record holds. A number of thousands of digits, which a stream lets pass, is infinite."""
    try:
        return from_json(line)
    except ValueError:
        return json.loads(line, parse_int=lambda digits: int(digits) if len(digits) <= _MOST_DIGITS else float(digits))


def checksums(lines: Sequence[bytes]) -> Numbers:
    """64 bits of the bytes, as a signed number: what tells two bodies of one id and mtime apart."""
    upper = np.fromiter(map(google_crc32c.value, lines), np.uint64, len(lines))
    lower = np.fromiter(map(isal_zlib.crc32, lines), np.uint64, len(lines))
    return (upper << np.uint64(32) | lower).view(np.int64)
