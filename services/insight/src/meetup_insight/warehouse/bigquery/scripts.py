"""The scripts that change a dataset. Pure."""

from collections.abc import Iterable, Mapping
from typing import Final

from meetup_insight.schema import Table
from meetup_insight.warehouse.bigquery.failures import ANOTHER
from meetup_insight.warehouse.changes import Change, Replace, append, statements
from meetup_insight.warehouse.translation import translated

DIALECT: Final = "bigquery"
_WRITER: Final = "writer"
"""The setting that names the build which writes."""


def quoted(name: str) -> str:
    """An identifier; the schema's names hold no quotes."""
    return f"`{name}`"


def transaction(made: Iterable[str]) -> str:
    """All of the statements or none: BigQuery rolls back what a script leaves open."""
    return ";\n".join(["BEGIN TRANSACTION", *made, "COMMIT TRANSACTION"]) + ";"


def take_over(writer: str) -> list[str]:
    """Become the build that writes."""
    return [
        f"DELETE FROM `warehouse_settings` WHERE `name` = '{_WRITER}'",
        f"INSERT INTO `warehouse_settings` (`name`, `value`) VALUES ('{_WRITER}', '{writer}')",
    ]


def fence(writer: str) -> list[str]:
    """End here if another build has begun; it cannot begin before this transaction has ended."""
    mine = f"`name` = '{_WRITER}' AND `value` = '{writer}'"
    return [
        f"UPDATE `warehouse_settings` SET `value` = '{writer}' WHERE {mine}",
        f"SELECT IF((SELECT COUNT(*) FROM `warehouse_settings` WHERE {mine}) = 1, 1, ERROR('{ANOTHER}'))",
    ]


def made_by(change: Change, incoming: Mapping[int, str]) -> list[str]:
    """The statements of a change whose rows lie in one of the tables ``incoming``, by the rows' identity."""
    if not isinstance(change, Replace):
        return statements(change, incoming[id(change.rows)], quoted)
    cleared = f"DELETE FROM {quoted(change.table.name)} WHERE TRUE"
    if change.rows is None:
        return [cleared, _filled(change.table, translated(change.content, DIALECT))]
    if not change.rows.num_rows:
        return [cleared]
    return [cleared, append(change.table, quoted(incoming[id(change.rows)]), quoted)]


def _filled(table: Table, query: str) -> str:
    columns = ", ".join(map(quoted, table.names))
    return f"INSERT INTO {quoted(table.name)} ({columns})\n{query}"
