"""Python's rows as a table's own types. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from meetup_insight.schema import Column, Kind, Table

_NO_SIGN: Final = 0.0
"""Added to -0.0, it is 0.0: engines take both for equal, and would keep whichever came first."""


def arrow(table: Table, rows: Iterable[Sequence[Any]], names: Sequence[str] = ()) -> pa.Table:
    """All columns, or those of the given names. Times are milliseconds, days since the epoch."""
    columns = [table.column(name) for name in names or table.names]
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    arrays = [array(column, each) for column, each in zip(columns, values, strict=True)]
    return pa.Table.from_arrays(arrays, schema=pa.schema([(column.name, column.arrow) for column in columns]))


def array(column: Column, values: Sequence[Any]) -> pa.Array:
    """The values of one column."""
    match column.kind:
        case Kind.TIME:
            return pc.cast(pa.array(values, pa.int64()), pa.timestamp("ms")).cast(column.arrow)
        case Kind.DAY:
            return pa.array(values, pa.int32()).cast(column.arrow)
        case Kind.FLOAT | Kind.LATITUDE | Kind.LONGITUDE:
            return pc.add(pa.array(values, column.arrow), _NO_SIGN)
        case Kind.ID if int in set(map(type, values)):
            return pa.array([str(value) if type(value) is int else value for value in values], column.arrow)
        case _:
            return pa.array(values, column.arrow)
