"""Queries over documents kept as JSON text, each answered by an index in its own order.

Names come from ``limits`` checked, so they can stand in SQL as they are. Every query names its index: without
statistics SQLite may prefer to sort the whole collection, and a query its index cannot answer should fail, not crawl.
"""

import sqlite3
from collections.abc import Iterator, Sequence

from meetupkit.stores.documents import AtMost

Row = tuple[str, int, str]
"""Name, version and body of a document."""


def index_name(collection: str, order: Sequence[str]) -> str:
    """Of the index that holds only this collection, in just this order."""
    return "__".join(["by", collection, *order])


def create_index(collection: str, order: Sequence[str]) -> str:
    """The statement that makes the index unless it is there."""
    columns = ", ".join([*(_column(field) for field in order), "name"])
    return (
        f"CREATE INDEX IF NOT EXISTS {index_name(collection, order)} ON documents ({columns})"
        f" WHERE collection = '{collection}'"
    )


def select(
    reader: sqlite3.Connection, collection: str, order: Sequence[str], where: AtMost | None, limit: int
) -> Iterator[Row]:
    """Up to ``limit`` rows ordered by the fields, then by name; the condition's field is among the fields."""
    if where and len(order) == 2 and order[1] == where.field:
        return _select_by_first_value(reader, collection, order, where, limit)
    conditions = [f"{_column(field)} IS NOT NULL" for field in order]
    sql = _sql(collection, order, conditions, where, sort_by=order)
    return reader.execute(sql, (*_limits(where), limit))


def page(reader: sqlite3.Connection, collection: str, after: str, limit: int) -> Iterator[Row]:
    """Up to ``limit`` rows whose name comes after ``after``, in order of the names' bytes."""
    sql = "SELECT name, version, body FROM documents WHERE collection = ? AND name > ? ORDER BY name LIMIT ?"
    return reader.execute(sql, (collection, after, limit))


def _select_by_first_value(
    reader: sqlite3.Connection, collection: str, order: Sequence[str], where: AtMost, limit: int
) -> Iterator[Row]:
    """The same rows, found by one seek for each value of the first field.

    One pass over the index would step through all that is not due yet: the whole queue while the API is down. The
    first field of a queue is its priority and has few values, so that seeking is never much slower, often far faster.
    """
    first = _column(order[0])
    sql = _sql(collection, order, [f"{first} = ?"], where, sort_by=order[1:])
    value = _next_value(reader, collection, order, f"{first} IS NOT NULL", ())
    while value is not None and limit > 0:
        for row in reader.execute(sql, (value, *_limits(where), limit)):
            limit -= 1
            yield row
        value = _next_value(reader, collection, order, f"{first} > ?", (value,))


def _next_value(
    reader: sqlite3.Connection, collection: str, order: Sequence[str], condition: str, values: tuple[object, ...]
) -> object:
    first = _column(order[0])
    row = reader.execute(
        f"SELECT {first} FROM {_indexed(collection, order)} AND {condition} ORDER BY {first} LIMIT 1",
        values,
    ).fetchone()
    return row[0] if row else None


def _sql(
    collection: str, order: Sequence[str], conditions: Sequence[str], where: AtMost | None, *, sort_by: Sequence[str]
) -> str:
    if where:
        conditions = [*conditions, f"{_column(where.field)} <= ?"]
    return (
        f"SELECT name, version, body FROM {' AND '.join([_indexed(collection, order), *conditions])}"
        f" ORDER BY {', '.join([*(_column(field) for field in sort_by), 'name'])} LIMIT ?"
    )


def _indexed(collection: str, order: Sequence[str]) -> str:
    by = f" INDEXED BY {index_name(collection, order)}" if order else ""
    return f"documents{by} WHERE collection = '{collection}'"


def _limits(where: AtMost | None) -> tuple[float, ...]:
    return (where.limit,) if where else ()


def _column(field: str) -> str:
    """The expression that is indexed; a query must use the same text to be answered by the index."""
    return f"json_extract(body, '$.{field}')"
