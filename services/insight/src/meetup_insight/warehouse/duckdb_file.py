"""A DuckDB file: opened, bounded in memory, written in transactions that are whole or not at all."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import duckdb
import pyarrow as pa

from meetup_insight.errors import WarehouseRefused, WarehouseUnavailable
from meetup_insight.schema import BOOKS, STAGING, Table

SCHEMA_VERSION: Final = "1"
"""Raised with every change of a staging table: an older file is then built anew from the raw records."""
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

    @classmethod
    def from_url(cls, url: str, *, memory: str, threads: int) -> Self:
        """``duckdb:///file`` (relative) or ``duckdb:////file`` (absolute)."""
        path = url.removeprefix("duckdb:///")
        if path == url or not path:
            raise WarehouseRefused(f"{url}: write duckdb:///relative/file or duckdb:////absolute/file")
        return cls(Path(path), memory=memory, threads=threads)

    def prepare(self) -> None:
        """Make the tables that are missing."""
        for table in (*STAGING, *BOOKS):
            self.connection.execute(table.duckdb())
            self._check_columns(table)

    def setting(self, name: str, value: str) -> str:
        """What the warehouse was made with; ``value`` if it was made with nothing yet."""
        found = self.connection.execute("SELECT value FROM warehouse_settings WHERE name = ?", [name]).fetchone()
        if found is None:
            self.connection.execute("INSERT INTO warehouse_settings VALUES (?, ?)", [name, value])
            return value
        return str(found[0])

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """All or nothing, whatever ends the process."""
        self.connection.execute("BEGIN")
        try:
            yield self.connection
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    @contextmanager
    def given(self, name: str, rows: pa.Table) -> Iterator[str]:
        """Rows in memory under a name that statements can use."""
        self.connection.register(name, rows)
        try:
            yield name
        finally:
            self.connection.unregister(name)

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

    def _check_columns(self, table: Table) -> None:
        found = [str(name) for name, *_ in self.rows(f"DESCRIBE {quoted(table.name)}")]
        if found != list(table.names):
            raise WarehouseRefused(
                f"{self.path} was made by another version ({table.name} has other columns): "
                "remove the file, the next build makes it anew from the raw records"
            )


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
