"""Python's rows as a table's own types. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from meetup_insight.schema import Kind, Table


def arrow(table: Table, rows: Iterable[Sequence[Any]], names: Sequence[str] = ()) -> pa.Table:
    """All columns, or those of the given names. Times are milliseconds, days since the epoch."""
    columns = [table.column(name) for name in names or table.names]
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    arrays = [_array(column.kind, column.arrow, list(each)) for column, each in zip(columns, values, strict=True)]
    return pa.Table.from_arrays(arrays, schema=pa.schema([(column.name, column.arrow) for column in columns]))


def _array(kind: Kind, of: pa.DataType, values: list[Any]) -> pa.Array:
    if kind is Kind.TIME:
        return pc.cast(pa.array(values, pa.int64()), pa.timestamp("ms")).cast(of)
    if kind is Kind.DAY:
        return pa.array(values, pa.int32()).cast(of)
    return pa.array(values, of)
