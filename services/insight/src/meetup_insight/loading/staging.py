"""Writes one batch of what was read into the warehouse, in one transaction: rows, their books, or nothing."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from meetup_insight.loading.extraction import Extracted
from meetup_insight.schema import FeedTable, Kind, Table
from meetup_insight.schema.feeds import TOPICS_SEEN
from meetup_insight.schema.tables import READ, REJECTS, SOURCES, UNREADABLE
from meetup_insight.warehouse.duckdb_file import DuckDbWarehouse, quoted

_BATCH: Final = "incoming"
"""The name of rows in memory."""


class Finished:
    """Objects whose last line is in the batch, and what is counted of each."""

    def __init__(self) -> None:
        self.objects: list[tuple[str, str]] = []
        self.read: list[tuple[str, str, int, int]] = []
        self.rejects: list[tuple[str, str, str, str, int]] = []
        self.segments: list[str] = []
        """Those of many records. A broken one is read again by each build: it may still be being written."""


def write(warehouse: DuckDbWarehouse, feed_table: FeedTable, extracted: Extracted, finished: Finished) -> int:
    """Write the batch; returns how many versions are new."""
    with warehouse.transaction():
        new = _write_versions(warehouse, feed_table, extracted.rows)
        for part in feed_table.parts:
            _merge_seen(warehouse, part.table, extracted.facts(part.table.name))
        _merge_topics(warehouse, extracted)
        _write_books(warehouse, feed_table, extracted, finished)
    return new


def arrow(table: Table, rows: Iterable[Sequence[Any]]) -> pa.Table:
    """Rows of Python values as a table's own types; times are milliseconds, days since the epoch."""
    columns = list(zip(*rows, strict=True)) or [()] * len(table.columns)
    arrays = [
        _array(column.kind, column.arrow, list(values)) for column, values in zip(table.columns, columns, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=table.arrow)


def _array(kind: Kind, of: pa.DataType, values: list[Any]) -> pa.Array:
    if kind is Kind.TIME:
        return pc.cast(pa.array(values, pa.int64()), pa.timestamp("ms")).cast(of)
    if kind is Kind.DAY:
        return pa.array(values, pa.int32()).cast(of)
    return pa.array(values, of)


def _write_versions(warehouse: DuckDbWarehouse, feed_table: FeedTable, rows: list[tuple[Any, ...]]) -> int:
    """Versions that are not there yet, and the newest of each id; the order in which they come does not matter."""
    if not rows:
        return 0
    versions, newest = quoted(feed_table.versions.name), quoted(feed_table.newest.name)
    key = ", ".join(map(quoted, feed_table.versions.key))
    (record,) = map(quoted, feed_table.newest.key)
    run = warehouse.connection.execute
    with warehouse.given(_BATCH, arrow(feed_table.versions, rows)):
        run(
            f"CREATE OR REPLACE TEMP TABLE fresh AS SELECT DISTINCT ON ({key}) * FROM {_BATCH}"
            f" ANTI JOIN {versions} USING ({key})"
        )
    run(f"INSERT INTO {versions} SELECT * FROM fresh")
    run(
        "CREATE OR REPLACE TEMP TABLE front_rows AS"
        f" SELECT * FROM (SELECT * FROM fresh UNION ALL SELECT * FROM {newest}"
        f" SEMI JOIN fresh USING ({record}))"
        f" QUALIFY row_number() OVER (PARTITION BY {record} ORDER BY mtime DESC, body_key DESC) = 1"
    )
    run(f"DELETE FROM {newest} WHERE {record} IN (SELECT {record} FROM fresh)")
    run(f"INSERT INTO {newest} SELECT * FROM front_rows")
    return int(warehouse.rows("SELECT count(*) FROM fresh")[0][0])


def _merge_seen(warehouse: DuckDbWarehouse, table: Table, rows: Iterable[Sequence[Any]]) -> None:
    """Descriptions with the first and last time each was seen: merging is the same in any order and any number."""
    facts = ", ".join(quoted(name) for name in table.names if name not in {"first_seen", "last_seen"})
    _merged(warehouse, table, rows, facts, f"{facts}, min(first_seen), max(last_seen)")


def _merge_topics(warehouse: DuckDbWarehouse, extracted: Extracted) -> None:
    selected = "group_id, topic, max(name), min(first_seen), max(last_seen)"
    _merged(warehouse, TOPICS_SEEN, extracted.topics(), "group_id, topic", selected)


def _merged(warehouse: DuckDbWarehouse, table: Table, rows: Iterable[Sequence[Any]], by: str, selected: str) -> None:
    name, first = quoted(table.name), quoted(table.columns[0].name)
    run = warehouse.connection.execute
    found = arrow(table, rows)
    if not found.num_rows:
        return
    with warehouse.given(_BATCH, found):
        run(
            f"CREATE OR REPLACE TEMP TABLE merged AS SELECT {selected} FROM (SELECT * FROM {_BATCH} UNION ALL"
            f" SELECT * FROM {name} SEMI JOIN {_BATCH} USING ({first})) GROUP BY {by}"
        )
    run(f"DELETE FROM {name} WHERE {first} IN (SELECT {first} FROM merged)")
    run(f"INSERT INTO {name} SELECT * FROM merged")


def _write_books(warehouse: DuckDbWarehouse, feed_table: FeedTable, extracted: Extracted, finished: Finished) -> None:
    feed = feed_table.feed.name
    insert_new(warehouse, UNREADABLE, ((feed, *each) for each in extracted.unreadable))
    _uncount_broken(warehouse, feed, finished.segments)
    _add_read(warehouse, finished.read)
    append(warehouse, REJECTS, finished.rejects)
    append(warehouse, SOURCES, finished.objects)


def _add_read(warehouse: DuckDbWarehouse, rows: Sequence[Sequence[Any]]) -> None:
    """Add to what was counted before: one row for each feed, object and day, in however many builds it was read."""
    if not rows:
        return
    run = warehouse.connection.execute
    with warehouse.given(_BATCH, arrow(READ, rows)):
        run(
            "CREATE OR REPLACE TEMP TABLE merged AS SELECT feed, object, day, CAST(sum(records) AS BIGINT) AS records"
            f" FROM (SELECT * FROM {_BATCH} UNION ALL SELECT * FROM records_read SEMI JOIN {_BATCH}"
            " USING (feed, object, day)) GROUP BY feed, object, day"
        )
    run("DELETE FROM records_read WHERE (feed, object, day) IN (SELECT (feed, object, day) FROM merged)")
    run("INSERT INTO records_read SELECT * FROM merged")


def _uncount_broken(warehouse: DuckDbWarehouse, feed: str, segments: list[str]) -> None:
    """What was counted of segments that were broken when they were read before."""
    with warehouse.given(_BATCH, pa.table({"object": pa.array(segments, pa.string())})):
        again = warehouse.rows(
            f"SELECT DISTINCT object FROM rejects SEMI JOIN {_BATCH} USING (object)"
            " WHERE feed = ? AND reason = 'broken_segment'",
            [feed],
        )
    for (name,) in again:
        for table in (READ, REJECTS):
            statement = f"DELETE FROM {quoted(table.name)} WHERE feed = ? AND object = ?"
            warehouse.connection.execute(statement, [feed, name])


def append(warehouse: DuckDbWarehouse, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """Rows that cannot be there yet."""
    if rows:
        with warehouse.given(_BATCH, arrow(table, rows)):
            warehouse.connection.execute(f"INSERT INTO {quoted(table.name)} SELECT * FROM {_BATCH}")


def insert_new(warehouse: DuckDbWarehouse, table: Table, rows: Iterable[Sequence[Any]]) -> None:
    """Rows whose key is not there yet."""
    found = arrow(table, rows)
    if found.num_rows:
        key = ", ".join(map(quoted, table.key))
        with warehouse.given(_BATCH, found):
            warehouse.connection.execute(
                f"INSERT INTO {quoted(table.name)} SELECT DISTINCT * FROM {_BATCH}"
                f" ANTI JOIN {quoted(table.name)} USING ({key})"
            )
