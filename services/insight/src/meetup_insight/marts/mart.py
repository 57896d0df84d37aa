"""What a mart is, and the words its queries are made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import ibis
from ibis.expr.types import IntegerValue, NumericValue, StringValue
from ibis.expr.types import Table as Expression

from meetup_insight.schema import Table
from meetup_insight.warehouse.protocol import relation

LEAST_MEMBERS: Final = 10
"""A published figure stands on at least so many members: nobody can be told from it."""
MOST_GUESTS: Final = 10
"""Of one RSVP. "+100 guests" is a joke or a mistake; nine in ten who bring any bring one or two."""
BIN: Final = 0.1
"""Degrees to which places are rounded: some ten kilometres."""
Z95: Final = 1.96
Z99: Final = 2.576
"""Of a label ("rising"): among a hundred topics that do nothing, one would get it."""

Tables = Mapping[str, Expression]
Query = Callable[[Tables], Expression]


@dataclass(frozen=True, slots=True)
class Mart:
    """A table and its query, over the tables that come before it."""

    table: Table
    query: Query

    @property
    def name(self) -> str:
        """The table's."""
        return self.table.name

    def expression(self, tables: Tables) -> Expression:
        """The query, with the columns in the order and of the types of the schema."""
        found = self.query(tables)
        return found.select(**{column.name: found[column.name].cast(column.ibis) for column in self.table.columns})


def unbound(tables: list[Table]) -> dict[str, Expression]:
    """Tables that exist nowhere, to compile queries over."""
    return {table.name: relation(table) for table in tables}


def wilson(hits: NumericValue, of: NumericValue) -> tuple[Any, Any, Any]:
    """A share with its 95 % interval (Wilson's, which behaves near 0 and 1)."""
    total = of.cast("float64")
    share = hits.cast("float64") / total
    square = Z95 * Z95
    middle = (share + square / (2 * total)) / (1 + square / total)
    spread = Z95 * (share * (1 - share) / total + square / (4 * total * total)).sqrt() / (1 + square / total)
    return share, middle - spread, middle + spread


def binned(degrees: NumericValue) -> Any:
    """The middle of the bin a coordinate lies in, exact to one decimal."""
    return ((degrees / BIN).floor() * BIN + BIN / 2).round(2)


def enough(cells: Expression) -> Expression:
    """Cells of a whole that stand on enough members each.

    Where those left out would be too few together, whoever knows the whole could work them out: then the smallest of
    the others is left out as well.
    """
    large = cells.members >= LEAST_MEMBERS
    ties = [cells[name] for name in cells.columns if name != "members"]
    ranked = cells.mutate(
        large=large,
        hidden=ibis.coalesce(cells.members.sum(where=~large).over(ibis.window()), 0),
        rank=ibis.row_number().over(group_by=large, order_by=[cells.members, *ties]),
    )
    exposed = (ranked.hidden > 0) & (ranked.hidden < LEAST_MEMBERS) & (ranked["rank"] == 0)
    return ranked.filter(ranked.large & ~exposed).drop("large", "hidden", "rank")


def is_place(latitude: NumericValue, longitude: NumericValue) -> Any:
    """A place on earth: not missing, and not the 0, 0 that stands for nothing."""
    return latitude.notnull() & longitude.notnull() & ((latitude.abs() > 0.01) | (longitude.abs() > 0.01))


def lead_bucket(hours: NumericValue) -> StringValue:
    """How long before the event somebody answered."""
    return ibis.cases(
        (hours < 0, "after it began"),
        (hours < 6, "under 6 h"),
        (hours < 24, "6 to 24 h"),
        (hours < 72, "1 to 3 days"),
        (hours < 168, "3 to 7 days"),
        (hours < 336, "1 to 2 weeks"),
        (hours < 672, "2 to 4 weeks"),
        else_="over 4 weeks",
    )


def lead_order(hours: NumericValue) -> IntegerValue:
    """The order of the buckets."""
    return ibis.cases(
        (hours < 0, 0), (hours < 6, 1), (hours < 24, 2), (hours < 72, 3), (hours < 168, 4), (hours < 336, 5),
        (hours < 672, 6), else_=7,
    )  # fmt: skip


def monday(time: Any) -> Any:
    """The Monday of its week, by the number of the weekday; the cast keeps DuckDB's days from becoming times."""
    day = time.date()
    return (day - day.day_of_week.index().as_interval("D")).cast("timestamp").date()


def hours_between(earlier: Any, later: Any) -> Any:
    """Hours, by seconds since the epoch, which both engines know exactly."""
    return (later.epoch_seconds() - earlier.epoch_seconds()).cast("float64") / 3600.0
