"""What some lines have become, column by column, until it is written. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from meetup_insight.loading.hashing import MemberHash
from meetup_insight.loading.parts import Numbers, PartReader, SeenParts
from meetup_insight.schema import Column, FeedTable, Kind
from meetup_insight.warehouse.arrow_rows import array

_MTIME = "mtime"
_BODY_KEY = "body_key"
_MEMBER = "member"


@dataclass(frozen=True, slots=True)
class Ready:
    """A batch as it is written."""

    versions: pa.Table
    parts: dict[str, SeenParts]
    """By table."""
    unreadable: frozenset[tuple[str, int, int, str]]
    """Record, mtime, checksums, column."""


@dataclass(slots=True)
class Batch:
    """Rows taken in until now."""

    rows: int = 0
    columns: list[list[pa.Array]] = field(default_factory=list)
    """Own columns (a member's still a number), checksums, numbers of parts: pieces of each."""
    unreadable: set[tuple[str, int, int, str]] = field(default_factory=set)

    def add(self, columns: Sequence[pa.Array]) -> None:
        """Some rows more."""
        if not self.columns:
            self.columns = [[] for _ in columns]
        for pieces, piece in zip(self.columns, columns, strict=True):
            pieces.append(piece)
        self.rows += len(columns[0])


class BatchShape:
    """How the columns of a feed's batch lie, and what they become."""

    def __init__(self, feed_table: FeedTable, own: Sequence[Column]) -> None:
        self._table = feed_table
        self._own = [_as_read(column) for column in own]

    def add(
        self, batch: Batch, own: Iterable[Sequence[Any]], checksums: Numbers, parts: Iterable[Sequence[int]]
    ) -> None:
        """Take in values of some rows, column by column."""
        arrays = [array(column, values) for column, values in zip(self._own, own, strict=True)]
        batch.add([*arrays, pa.array(checksums), *(pa.array(numbers, pa.int64()) for numbers in parts)])

    def ready(
        self, batch: Batch, readers: Sequence[PartReader], member_hash: MemberHash, forgotten: frozenset[str]
    ) -> Ready:
        """The batch's rows, without those of members who are forgotten."""
        if not batch.rows:
            return Ready(self._table.versions.arrow.empty_table(), {}, frozenset(batch.unreadable))
        found = [pa.chunked_array(pieces).combine_chunks() for pieces in batch.columns]
        names = [*(column.name for column in self._own), _BODY_KEY, *(reader.part.table.name for reader in readers)]
        if _MEMBER in names:
            where = names.index(_MEMBER)
            found[where] = hashed(found[where], member_hash)
            if forgotten:
                kept = pc.invert(pc.is_in(found[where], value_set=pa.array(sorted(forgotten), pa.string())))
                found = [column.filter(kept) for column in found]
        by_name = dict(zip(names, found, strict=True))
        mtimes = by_name[_MTIME].cast(pa.int64()).to_numpy() // 1000
        parts: dict[str, SeenParts] = {}
        for reader in readers:
            numbers = by_name[reader.part.table.name].to_numpy()
            parts[reader.part.table.name] = reader.seen(numbers, mtimes)
            by_name[reader.part.table.columns[0].name] = reader.ids(numbers)
        versions = self._table.versions
        table = pa.Table.from_arrays([by_name[name] for name in versions.names], schema=versions.arrow)
        return Ready(table, parts, frozenset(batch.unreadable))


def hashed(members: pa.Array, member_hash: MemberHash) -> pa.Array:
    """The hash of each member, each computed once."""
    coded = members.dictionary_encode()
    hashes = pa.array(member_hash.of_all(coded.dictionary.to_pylist()), pa.string())
    return hashes.take(coded.indices)


def days_of(mtimes: Sequence[int], day_ms: int) -> dict[int, int]:
    """How many lie in each day since the epoch."""
    days, counts = np.unique(np.array(mtimes, np.int64) // day_ms, return_counts=True)
    return dict(zip(days.tolist(), counts.tolist(), strict=True))


def _as_read(column: Column) -> Column:
    return Column(column.name, Kind.INTEGER, "", column.path) if column.kind is Kind.MEMBER else column
