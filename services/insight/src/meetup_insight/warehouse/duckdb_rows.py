"""Two changes as DuckDB makes them in a third of the time: keys alone are compared, whole rows are only written."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

import pyarrow as pa

from meetup_insight.warehouse.changes import Merge, Newest

_KEYS: Final = "incoming_keys"
_CHOSEN: Final = "incoming_chosen"


class _Open(Protocol):
    """The file, as far as it is needed here."""

    connection: Any

    def given(self, name: str, rows: pa.Table) -> AbstractContextManager[None]:
        """Rows in memory, under a name."""


def insert_some(warehouse: _Open, change: Merge | Newest) -> None:
    """What ``warehouse.changes`` says of a ``Merge`` that updates nothing, and of ``Newest``."""
    match change:
        case Merge():
            _insert_new(warehouse, change)
        case Newest():
            _keep_newest(warehouse, change)


def _insert_new(warehouse: _Open, change: Merge) -> None:
    key = ", ".join(f'"{name}"' for name in change.key)
    same = _same(change.key)
    with warehouse.given(_KEYS, _numbered(change.rows, change.key)):
        found = warehouse.connection.sql(
            f'SELECT min("#") AS "#" FROM {_KEYS} s ANTI JOIN "{change.table.name}" t ON {same}'
            f" GROUP BY {key} ORDER BY 1"
        ).to_arrow_table()
    _insert(warehouse, change.table.name, change.rows, found.column(0))


def _keep_newest(warehouse: _Open, change: Newest) -> None:
    """The rows are among the versions already, and those before them were compared when they came."""
    table, key = f'"{change.table.name}"', f'"{change.table.key[0]}"'
    with warehouse.given(_KEYS, _numbered(change.rows, change.versions.key)):
        found = warehouse.connection.sql(
            f'SELECT s."#", s.{key}, t.{key} IS NOT NULL AS replaces FROM (SELECT * FROM {_KEYS} QUALIFY row_number()'
            f' OVER (PARTITION BY {key} ORDER BY mtime DESC, body_key DESC, "#") = 1) s'
            f" LEFT JOIN {table} t USING ({key})"
            ' WHERE t.mtime IS NULL OR (s.mtime, s.body_key) > (t.mtime, t.body_key) ORDER BY "#"'
        ).to_arrow_table()
    old = found.filter(found.column("replaces"))
    if old.num_rows:
        with warehouse.given(_KEYS, old):
            warehouse.connection.execute(f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {_KEYS})")
    _insert(warehouse, change.table.name, change.rows, found.column("#"))


def _numbered(rows: pa.Table, names: Sequence[str]) -> pa.Table:
    return rows.select(list(names)).append_column("#", pa.array(range(rows.num_rows), pa.int64()))


def _insert(warehouse: _Open, table: str, rows: pa.Table, numbers: pa.ChunkedArray) -> None:
    chosen = rows if len(numbers) == rows.num_rows else rows.take(numbers)
    if chosen.num_rows:
        columns = ", ".join(f'"{name}"' for name in rows.column_names)
        with warehouse.given(_CHOSEN, chosen):
            warehouse.connection.execute(f'INSERT INTO "{table}" ({columns}) SELECT {columns} FROM {_CHOSEN}')


def _same(key: Sequence[str]) -> str:
    """As in ``warehouse.changes``: the first is never empty."""
    first, *others = (f'"{name}"' for name in key)
    return " AND ".join([f"t.{first} = s.{first}", *(f"t.{name} IS NOT DISTINCT FROM s.{name}" for name in others)])
