"""A DuckDB file: opened, bounded in memory, written in transactions that are whole or not at all."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import duckdb
import pyarrow as pa
from ibis.expr.types import Table as Expression

from meetup_insight.errors import WarehouseRefused, WarehouseUnavailable
from meetup_insight.schema import BOOKS, STAGING
from meetup_insight.warehouse.changes import Change, Merge, Newest, Replace, is_empty, statements
from meetup_insight.warehouse.duckdb_rows import insert_some
from meetup_insight.warehouse.failpoints import Failpoint, hit
from meetup_insight.warehouse.translation import translated

_DIALECT: Final = "duckdb"
_INCOMING: Final = "incoming"
"""The name of rows in memory."""
_QUOTE: Final = '"{}"'


class DuckDbWarehouse:
    """One file, one writer; what reads beside it reads what was published."""

    def __init__(self, path: Path, *, memory: str = "1GB", threads: int = 2) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.connection = duckdb.connect(str(path), config={"memory_limit": memory, "threads": threads})
        except duckdb.IOException as error:
            raise _not_opened(path, str(error)) from None
        except (OSError, duckdb.Error) as error:
            raise WarehouseRefused(f"{path}: {_first_line(str(error))}") from None
        self.connection.execute("SET preserve_insertion_order = false")
        self.connection.execute("SET TimeZone = 'UTC'")

    @property
    def place(self) -> str:
        """The file."""
        return str(self.path)

    @property
    def anew(self) -> str:
        """How it is made anew."""
        return "remove the file, the next build makes it anew from the raw records"

    @classmethod
    def from_url(cls, url: str, *, memory: str, threads: int) -> Self:
        """``duckdb:///file`` (relative) or ``duckdb:////file`` (absolute)."""
        path = url.removeprefix("duckdb:///")
        if path == url or not path:
            raise WarehouseRefused(f"{url}: write duckdb:///relative/file or duckdb:////absolute/file")
        return cls(Path(path), memory=memory, threads=threads)

    def prepare(self) -> None:
        """Make the tables that are missing."""
        there = self._columns()
        for table in (*STAGING, *BOOKS):
            if there.get(table.name, table.names) != table.names:
                raise WarehouseRefused(
                    f"{self.place} was made by another version ({table.name} has other columns): {self.anew}"
                )
        missing = [table.duckdb() for table in (*STAGING, *BOOKS) if table.name not in there]
        self.connection.execute(";".join(["BEGIN", *missing, "COMMIT"]))

    def read(self, query: Expression) -> pa.Table:
        """What a query of Ibis gives."""
        found = self.connection.sql(translated(query, _DIALECT)).to_arrow_table()
        return found.cast(query.schema().to_pyarrow())

    def write(self, changes: Sequence[Change]) -> None:
        """In one transaction: all or nothing, whatever ends the process."""
        self.connection.execute("BEGIN")
        try:
            for change in changes:
                self._apply(change)
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")
        hit(Failpoint.CHANGES_WRITTEN)

    def rows(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What a query gives."""
        return list(self.connection.execute(statement, list(parameters)).fetchall())

    def count(self, table: str) -> int:
        """The number of rows."""
        return int(self.rows(f"SELECT count(*) FROM {quoted(table)}")[0][0])

    def tables(self) -> set[str]:
        """The tables that are there."""
        return {str(name) for (name,) in self.rows("SELECT table_name FROM duckdb_tables()")}

    def close(self) -> None:
        """Write what is left to the file and let go of it."""
        self.connection.close()

    def _apply(self, change: Change) -> None:
        if is_empty(change):
            return
        if isinstance(change, Replace) and change.rows is None:
            self.connection.execute(_replaced(change, translated(change.content, _DIALECT)))
            return
        if isinstance(change, Newest) or (isinstance(change, Merge) and not change.update):
            insert_some(self, change)
            return
        with self.given(_INCOMING, change.rows):
            for statement in _statements(change):
                self.connection.execute(statement)

    @contextmanager
    def given(self, name: str, rows: pa.Table) -> Iterator[None]:
        """Rows in memory, under a name that statements can use."""
        self.connection.register(name, rows)
        try:
            yield
        finally:
            self.connection.unregister(name)

    def _columns(self) -> dict[str, tuple[str, ...]]:
        """Of each table that is there."""
        listed = "SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() GROUP BY table_name"
        return {str(table): tuple(names) for table, names in self.rows(listed)}


def _statements(change: Change) -> list[str]:
    if isinstance(change, Replace):
        return [_replaced(change, f"SELECT * FROM {_INCOMING}")]
    return statements(change, _INCOMING, quoted)


def _replaced(change: Replace, query: str) -> str:
    """A table that an earlier version made may have had other columns."""
    return f"CREATE OR REPLACE TABLE {quoted(change.table.name)} AS {query}"


def quoted(name: str) -> str:
    """An identifier."""
    return _QUOTE.format(name.replace('"', '""'))


def remove(path: Path) -> None:
    """Remove the file and its log."""
    for each in (path, path.with_name(path.name + ".wal")):
        each.unlink(missing_ok=True)


def _not_opened(path: Path, message: str) -> WarehouseRefused | WarehouseUnavailable:
    if "lock" in message.lower():
        return WarehouseUnavailable(f"{path} is being written by another process")
    if path.exists() and not os.access(path, os.W_OK):
        return WarehouseRefused(f"{path} is not writable by user {os.geteuid()}")
    return WarehouseRefused(f"{path}: {_first_line(message)}")


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "cannot be opened"
