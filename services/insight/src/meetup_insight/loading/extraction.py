"""From the lines of a feed to typed rows, parts and what could not be taken. No I/O."""

import hashlib
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import google_crc32c
from meetupkit.integers import INT64
from meetupkit.records import Rejection, read_line
from pydantic_core import from_json

from meetup_insight.loading.record_shape import RecordShape, own_columns, part_shape
from meetup_insight.loading.values import Unreadable, at, coerced
from meetup_insight.schema import Column, FeedTable, Kind, Part

_MOST_PARTS: Final = 50_000
"""Descriptions remembered by their bytes, about 100 MB with topics: as many groups as are active in a week."""
_DAY_MS: Final = 86_400_000

Topic = tuple[str, str | None]
Facts = tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """One description of a part; equal ones are merged when they are written, not at each record."""

    facts: Facts
    topics: tuple[Topic, ...]


_KnownPart = Described | None


@dataclass(slots=True)
class Extracted:
    """What some lines have become. Times are milliseconds still."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)
    parts: dict[str, dict[Described, list[int]]] = field(default_factory=dict)
    """By table, the first and last mtime of each description."""
    unreadable: set[tuple[str, int, int, str]] = field(default_factory=set)
    """Record, mtime, checksums, column."""
    days: Counter[int] = field(default_factory=Counter)
    """Records by day since the epoch."""
    rejects: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Lines by reason and digest."""

    def facts(self, table: str) -> Iterator[tuple[Any, ...]]:
        """Rows of descriptions, with their first and last mtime."""
        return ((*each.facts, *seen) for each, seen in self.parts.get(table, {}).items())

    def topics(self) -> Iterator[tuple[Any, ...]]:
        """Group, topic, name, first and last mtime: each pair once."""
        found: dict[tuple[int, str], list[Any]] = {}
        for parts in self.parts.values():
            for each, (first, last) in parts.items():
                for topic, name in each.topics:
                    _add_topic(found, (each.facts[0], topic), name, first, last)
        return ((*key, *seen) for key, seen in found.items())


def _add_topic(found: dict[tuple[int, str], list[Any]], key: tuple[int, str], name: Any, first: int, last: int) -> None:
    seen = found.setdefault(key, [name, first, last])
    seen[0] = max(seen[0] or "", name or "") or None
    seen[1], seen[2] = min(seen[1], first), max(seen[2], last)


class Extractor:
    """Reads lines of one feed."""

    def __init__(
        self, feed_table: FeedTable, member_hash: Callable[[int | None], str | None], forgotten: frozenset[str]
    ) -> None:
        self._table = feed_table
        self._hash = member_hash
        self._forgotten = forgotten
        self._shape = RecordShape(feed_table)
        self._columns = own_columns(feed_table)
        self._own = len(self._columns)
        self._parts = [_PartReader(part) for part in feed_table.parts]
        names = [column.name for column in self._columns]
        row = [column.name for column in feed_table.versions.columns]
        self._member_at = row.index("member") if "member" in names else None
        self._ids_at = [row.index(column.name) for column in self._columns if column.kind is Kind.ID]
        self._part_tables = [part.table.name for part in feed_table.parts]

    def read(self, line: bytes, into: Extracted) -> None:
        """Take in one line, whatever it is."""
        values = self._shape.read(line)
        if values is None:
            self._read_slowly(line, into)
            return
        known = [reader.known(bytes(raw)) for reader, raw in zip(self._parts, values[self._own :], strict=True)]
        if False in known:
            self._read_slowly(line, into)
            return
        self._take(values[: self._own], known, line, into)

    def _read_slowly(self, line: bytes, into: Extracted) -> None:
        """What does not fit is either no record, or one with a value that no column can hold."""
        found = read_line(self._table.feed, line)
        if isinstance(found, Rejection):
            into.rejects[found.reason.value, hashlib.sha256(line).hexdigest()] += 1
            return
        record, faults = from_json(line), list[str]()
        values = [_value(column, at(record, column.path), faults) for column in self._columns]
        known = [reader.slowly(at(record, reader.part.path), faults) for reader in self._parts]
        self._take(values, known, line, into)
        key = (str(values[0]), values[1], checksums(line))
        into.unreadable.update((*key, name) for name in faults)

    def _take(self, values: Sequence[Any], known: Sequence[Any], line: bytes, into: Extracted) -> None:
        """The hot path: once for each record."""
        row = [*values[:2], checksums(line), *values[2:]]
        mtime: int = row[1]
        into.days[mtime // _DAY_MS] += 1
        if self._member_at is not None:
            member = row[self._member_at] = self._hash(row[self._member_at])
            if member in self._forgotten:
                return
        for where in self._ids_at:
            if type(row[where]) is int:
                row[where] = str(row[where])
        for table, part in zip(self._part_tables, known, strict=True):
            if part is None:
                row.append(None)
                continue
            row.append(part.facts[0])
            described = into.parts.setdefault(table, {})
            seen = described.get(part)
            if seen is None:
                described[part] = [mtime, mtime]
            elif mtime < seen[0]:
                seen[0] = mtime
            elif mtime > seen[1]:
                seen[1] = mtime
        into.rows.append(tuple(row))


class _PartReader:
    """Reads one kind of part, each distinct text of it once."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self._shape = part_shape(part)
        self._columns = part.table.columns[: len(part.paths)]
        self._known: dict[bytes, _KnownPart] = {}

    def known(self, raw: bytes) -> _KnownPart | bool:
        """Facts and topics; ``None`` if there is no such part, ``False`` if it must be read slowly."""
        try:
            return self._known[raw]
        except KeyError:
            pass
        values = self._shape.read(raw) if raw != b"null" else (None,)
        if values is None:
            return False
        if len(values) > len(self._columns) and any(not topic.key for topic in values[-1] or ()):
            return False
        found = _part_of(values, len(self._columns))
        if len(self._known) >= _MOST_PARTS:
            self._known.clear()
        self._known[raw] = found
        return found

    def slowly(self, value: Any, faults: list[str]) -> _KnownPart:
        """The same of a part that is not as expected; says which columns are lost."""
        if value is None:
            return None
        if not isinstance(value, dict):
            faults.append(self._columns[0].name)
            return None
        facts = tuple(
            _value(column, at(value, path), faults) for column, path in zip(self._columns, self.part.paths, strict=True)
        )
        return None if facts[0] is None else Described(facts, self._topics(value, faults))

    def _topics(self, value: dict[str, Any], faults: list[str]) -> tuple[Topic, ...]:
        if self.part.topics is None:
            return ()
        path, key, name = self.part.topics
        return topics_of(at(value, path), key, name, faults)


def topics_of(found: object, key: str, name: str, faults: list[str]) -> tuple[Topic, ...]:
    """Topics as a list of objects holds them; what is none is a fault."""
    if found is None:
        return ()
    topics: dict[str, str | None] = {}
    for each in found if isinstance(found, list) else [found]:
        if isinstance(each, dict) and isinstance(each.get(key), str) and each[key]:
            label = each.get(name)
            topics[each[key]] = label if isinstance(label, str) else None
        else:
            faults.append("topics")
    return tuple(topics.items())


def checksums(line: bytes) -> int:
    """64 bits of the bytes, as a signed number: what tells two bodies of one id and mtime apart."""
    both: int = google_crc32c.value(line) << 32 | zlib.crc32(line)
    return both - 2 * INT64 if both >= INT64 else both


def _part_of(values: tuple[Any, ...], width: int) -> _KnownPart:
    if values[0] is None:
        return None
    topics = values[width] if len(values) > width else None
    named = {topic.key: topic.name for topic in topics or ()}
    return Described(values[:width], tuple(named.items()))


def _value(column: Column, value: Any, faults: list[str]) -> Any:
    try:
        return coerced(column.kind, value)
    except Unreadable:
        faults.append(column.name)
        return None
