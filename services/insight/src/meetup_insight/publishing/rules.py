"""The rules of privacy, applied to every table on its way out. Pure.

That a cell stands on at least ten members is held by the marts' queries; here sensitive topics and groups go, and
places are rounded.
"""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from meetup_insight.predicting.inputs import Denied
from meetup_insight.schema import Seen, Table

_TOPIC_COLUMNS: Final = ("topic", "other")
_GROUP_COLUMNS: Final = ("group_id", "other_id", "community")
_LISTS: Final = ("because", "shared")
"""Columns of several topics, joined by |."""
_DECIMALS: Final = 1
"""Of a degree: some ten kilometres."""


def publishable(table: Table, rows: pa.Table, without: Denied) -> pa.Table:
    """The rows that may be seen; raises ``ValueError`` for a table that may not."""
    if table.seen is not Seen.PUBLISHED:
        raise ValueError(f"{table.name} has a row for each member's act: it is not published")
    for name in _TOPIC_COLUMNS:
        if name in table.names:
            rows = _without(rows, name, pa.array(sorted(without.topics), pa.string()))
    for name in _GROUP_COLUMNS:
        if name in table.names:
            rows = _without(rows, name, pa.array(sorted(without.groups), pa.int64()))
    for name in _LISTS:
        if name in table.names:
            rows = _replaced(rows, name, _cleaned(rows[name], without.topics))
    if table.name == "groups":
        for name in ("latitude", "longitude"):
            rows = _replaced(rows, name, pc.round(rows[name], ndigits=_DECIMALS))
    return rows


def _without(rows: pa.Table, column: str, denied: pa.Array) -> pa.Table:
    return rows.filter(pc.invert(pc.is_in(rows[column], value_set=denied)))


def _cleaned(lists: pa.ChunkedArray, denied: frozenset[str]) -> pa.Array:
    found = ("|".join(each for each in (text or "").split("|") if each not in denied) for text in lists.to_pylist())
    return pa.array(list(found), pa.string())


def _replaced(rows: pa.Table, column: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    at = rows.schema.get_field_index(column)
    return rows.set_column(at, rows.schema.field(at), values)
