"""What a batch changes, and the statements that do it: standard SQL that both engines take, quotes apart. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

import pyarrow as pa

from meetup_insight.schema import Kind, Table

Quote = Callable[[str], str]
"""An identifier in the engine's quotes."""


class Kept(Enum):
    """What becomes of a column when a row that is there already comes again."""

    LEAST = "least(t.{0}, s.{0})"
    GREATEST = "coalesce(greatest(t.{0}, s.{0}), t.{0}, s.{0})"
    """Of texts that may be missing, too."""
    SUM = "t.{0} + s.{0}"
    NEW = "s.{0}"


@dataclass(frozen=True, slots=True)
class Merge:
    """Rows whose ``key`` is not there are added, each once; of one that is there, ``update`` says what changes."""

    table: Table
    rows: pa.Table
    key: tuple[str, ...]
    update: dict[str, Kept] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Newest:
    """Of each id in ``rows``, the newest of all versions; whatever the order in which they came."""

    table: Table
    rows: pa.Table
    versions: Table


@dataclass(frozen=True, slots=True)
class Append:
    """Rows that cannot be there yet."""

    table: Table
    rows: pa.Table


@dataclass(frozen=True, slots=True)
class Delete:
    """Rows that agree with one of ``rows`` in its columns."""

    table: Table
    rows: pa.Table


@dataclass(frozen=True, slots=True)
class Replace:
    """Nothing but what ``content`` holds: rows, or the query that makes them."""

    table: Table
    content: Any
    """Arrow's table, or an expression of Ibis over tables of the warehouse."""

    @property
    def rows(self) -> pa.Table | None:
        """Those in memory."""
        return self.content if isinstance(self.content, pa.Table) else None


Change = Merge | Newest | Append | Delete | Replace


def is_empty(change: Change) -> bool:
    """Whether it changes nothing."""
    return not isinstance(change, Replace) and not change.rows.num_rows


def statements(change: Merge | Newest | Append | Delete, incoming: str, quote: Quote) -> list[str]:
    """What makes the change of the rows that lie in the table ``incoming``."""
    target, source = quote(change.table.name), quote(incoming)
    match change:
        case Merge():
            return [_merge(change, target, source, quote)]
        case Newest():
            return _newest(change, target, source, quote)
        case Append():
            return [append(change.table, source, quote)]
        case Delete():
            return [_delete(change, target, source, quote)]


def append(table: Table, source: str, quote: Quote) -> str:
    """All columns, by name."""
    columns = _listed(table.names, quote)
    return f"INSERT INTO {quote(table.name)} ({columns}) SELECT {columns} FROM {source}"


_UNORDERED: Final = "TRUE"
"""BigQuery wants a filter beside QUALIFY."""


def _merge(change: Merge, target: str, source: str, quote: Quote) -> str:
    names = change.table.names
    rest = [name for name in names if name not in change.key] or list(change.key)
    once = (
        f"SELECT * FROM {source} WHERE {_UNORDERED} QUALIFY row_number()"
        f" OVER (PARTITION BY {', '.join(_grouping(change, quote))} ORDER BY {_listed(rest, quote)}) = 1"
    )
    sets = ", ".join(f"{quote(name)} = {kept.value.format(quote(name))}" for name, kept in change.update.items())
    matched = f" WHEN MATCHED THEN UPDATE SET {sets}" if sets else ""
    values = ", ".join(f"s.{quote(name)}" for name in names)
    return (
        f"MERGE INTO {target} AS t USING ({once}) AS s ON {_same(change.key, quote)}{matched}"
        f" WHEN NOT MATCHED THEN INSERT ({_listed(names, quote)}) VALUES ({values})"
    )


def _grouping(change: Merge, quote: Quote) -> Iterator[str]:
    """BigQuery takes no fractions apart; as text they are the same or not."""
    for name in change.key:
        fraction = change.table.column(name).kind in {Kind.FLOAT, Kind.LATITUDE, Kind.LONGITUDE}
        yield f"CAST({quote(name)} AS STRING)" if fraction else quote(name)


def _newest(change: Newest, target: str, source: str, quote: Quote) -> list[str]:
    (key,) = change.table.key
    record, columns = quote(key), _listed(change.table.names, quote)
    among = f"{record} IN (SELECT {record} FROM {source})"
    order = f"{quote('mtime')} DESC, {quote('body_key')} DESC"
    return [
        f"DELETE FROM {target} WHERE {among}",
        f"INSERT INTO {target} ({columns}) SELECT {columns} FROM {quote(change.versions.name)} WHERE {among}"
        f" QUALIFY row_number() OVER (PARTITION BY {record} ORDER BY {order}) = 1",
    ]


def _delete(change: Delete, target: str, source: str, quote: Quote) -> str:
    names = change.rows.column_names
    keys = f"SELECT DISTINCT {_listed(names, quote)} FROM {source}"
    return f"MERGE INTO {target} AS t USING ({keys}) AS s ON {_same(names, quote)} WHEN MATCHED THEN DELETE"


def _same(key: Sequence[str], quote: Quote) -> str:
    """The first column is never empty: engines join by it, and compare the others."""
    first, *others = map(quote, key)
    return " AND ".join([f"t.{first} = s.{first}", *(f"t.{name} IS NOT DISTINCT FROM s.{name}" for name in others)])


def _listed(names: Sequence[str], quote: Quote) -> str:
    return ", ".join(map(quote, names))
