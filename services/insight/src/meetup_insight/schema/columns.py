"""What a table is made of, and each engine's word for it. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import pyarrow as pa
from meetupkit.feeds import Path


class Kind(StrEnum):
    """The type of a column; few, and each one exact on both engines."""

    INTEGER = "integer"
    FLOAT = "float"
    LATITUDE = "latitude"
    LONGITUDE = "longitude"
    TEXT = "text"
    ID = "id"
    """An id that is text or digits on the wire, and text in the table."""
    FLAG = "flag"
    TIME = "time"
    """Milliseconds since the epoch on the wire, UTC in the table."""
    DAY = "day"
    MEMBER = "member"
    """A member's id on the wire, its keyed hash in the table."""


class Seen(StrEnum):
    """Who may see a table."""

    PUBLISHED = "published"
    """Everybody: on the page and in exports. No member can be told from it."""
    PRIVATE = "private"
    """Who runs the warehouse: it has a row for each member's act, by keyed hash."""


_DUCKDB: Final = {
    Kind.INTEGER: "BIGINT",
    Kind.FLOAT: "DOUBLE",
    Kind.LATITUDE: "DOUBLE",
    Kind.LONGITUDE: "DOUBLE",
    Kind.FLAG: "BOOLEAN",
    Kind.TIME: "TIMESTAMP",
    Kind.DAY: "DATE",
}
_BIGQUERY: Final = {
    Kind.INTEGER: "INT64",
    Kind.FLOAT: "FLOAT64",
    Kind.LATITUDE: "FLOAT64",
    Kind.LONGITUDE: "FLOAT64",
    Kind.FLAG: "BOOL",
    Kind.TIME: "TIMESTAMP",
    Kind.DAY: "DATE",
}
_IBIS: Final = {
    Kind.INTEGER: "int64",
    Kind.FLOAT: "float64",
    Kind.LATITUDE: "float64",
    Kind.LONGITUDE: "float64",
    Kind.FLAG: "boolean",
    Kind.TIME: "timestamp",
    Kind.DAY: "date",
}
_ARROW: Final = {
    Kind.INTEGER: pa.int64(),
    Kind.FLOAT: pa.float64(),
    Kind.LATITUDE: pa.float64(),
    Kind.LONGITUDE: pa.float64(),
    Kind.FLAG: pa.bool_(),
    Kind.TIME: pa.timestamp("us"),
    Kind.DAY: pa.date32(),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``path`` is where a record holds it, if a record does."""

    name: str
    kind: Kind
    meaning: str
    path: Path = ()

    @property
    def duckdb(self) -> str:
        """The type in DuckDB."""
        return _DUCKDB.get(self.kind, "VARCHAR")

    @property
    def bigquery(self) -> str:
        """The type in BigQuery. Its TIMESTAMP is a moment in UTC, as our times are."""
        return _BIGQUERY.get(self.kind, "STRING")

    @property
    def ibis(self) -> str:
        """The type in an Ibis expression."""
        return _IBIS.get(self.kind, "string")

    @property
    def arrow(self) -> pa.DataType:
        """The type in memory and in Parquet."""
        return _ARROW.get(self.kind, pa.string())


@dataclass(frozen=True, slots=True)
class Table:
    """One table. ``key`` names the columns that tell its rows apart, in the order in which it is exported."""

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    seen: Seen = Seen.PRIVATE
    day: str | None = None
    """The column by whose day BigQuery partitions, if any."""
    cluster: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns, in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column of that name."""
        return self.columns[self.names.index(name)]

    @property
    def arrow(self) -> pa.Schema:
        """The schema in memory and in Parquet."""
        return pa.schema([(column.name, column.arrow) for column in self.columns])

    @property
    def ibis(self) -> dict[str, str]:
        """The schema of an Ibis table."""
        return {column.name: column.ibis for column in self.columns}

    def duckdb(self, name: str | None = None) -> str:
        """The statement that makes it in DuckDB."""
        columns = ", ".join(f'"{column.name}" {column.duckdb}' for column in self.columns)
        return f'CREATE TABLE IF NOT EXISTS "{name or self.name}" ({columns})'

    def bigquery(self, *, anew: bool = False) -> str:
        """The statement that makes it in BigQuery's default dataset, partitioned and clustered."""
        columns = ", ".join(f"`{column.name}` {column.bigquery}" for column in self.columns)
        by_day = f" PARTITION BY DATE(`{self.day}`)" if self.day else ""
        clustered = f" CLUSTER BY {', '.join(f'`{name}`' for name in self.cluster)}" if self.cluster else ""
        create = "CREATE OR REPLACE TABLE" if anew else "CREATE TABLE IF NOT EXISTS"
        return f"{create} `{self.name}` ({columns}){by_day}{clustered}"
