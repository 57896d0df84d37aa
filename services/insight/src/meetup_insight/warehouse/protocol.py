"""What a warehouse can do, whichever engine it is."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol

import ibis
import pyarrow as pa
from ibis.expr.types import Table as Expression

from meetup_insight.schema import Table
from meetup_insight.schema.tables import SETTINGS
from meetup_insight.warehouse.arrow_rows import arrow
from meetup_insight.warehouse.changes import Change, Kept, Merge


class Warehouse(Protocol):
    """Tables that one build at a time writes to."""

    @property
    def place(self) -> str:
        """Where it is, for a sentence."""

    @property
    def anew(self) -> str:
        """What the operator does to have it made anew."""

    def prepare(self) -> None:
        """Become the one that writes, and make the tables that are missing."""

    def read(self, query: Expression) -> pa.Table:
        """What a query of Ibis over the warehouse's tables gives, in the query's own types."""

    def write(self, changes: Sequence[Change]) -> None:
        """All of them in their order, or none, whatever ends the process."""

    def tables(self) -> set[str]:
        """The tables that are there."""

    def close(self) -> None:
        """Let go of it."""


@cache
def relation(table: Table) -> Expression:
    """A table, to make queries of."""
    return ibis.table(table.ibis, name=table.name)


def rows(warehouse: Warehouse, query: Expression) -> list[tuple[Any, ...]]:
    """What a query gives, as Python's values."""
    found = warehouse.read(query)
    return list(zip(*(column.to_pylist() for column in found.columns), strict=True))


def counts(warehouse: Warehouse, tables: Sequence[Table]) -> dict[str, int]:
    """The number of rows of each table."""
    return {str(name): int(count) for count, name in rows(warehouse, _counted(tuple(tables)))}


@cache
def _counted(tables: tuple[Table, ...]) -> Expression:
    each = [relation(table).agg(rows=lambda t: t.count()).mutate(name=ibis.literal(table.name)) for table in tables]
    return ibis.union(*each) if len(each) > 1 else each[0]


def setting(warehouse: Warehouse, name: str, value: str) -> str:
    """What the warehouse was made with; ``value`` if it was made with nothing yet."""
    settings = relation(SETTINGS)
    found = rows(warehouse, settings.filter(settings.name == name).select("value"))
    if found:
        return str(found[0][0])
    warehouse.write([noted(name, value)])
    return value


def noted(name: str, value: str) -> Merge:
    """The change that a setting is."""
    return Merge(SETTINGS, arrow(SETTINGS, [(name, value)]), ("name",), {"value": Kept.NEW})
