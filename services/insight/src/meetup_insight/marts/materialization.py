"""Makes every mart anew in the warehouse."""

from collections.abc import Callable

import ibis

from meetup_insight.marts.catalogue import MARTS
from meetup_insight.marts.mart import unbound
from meetup_insight.schema import STAGING
from meetup_insight.warehouse.duckdb_file import DuckDbWarehouse, quoted


def make_marts(warehouse: DuckDbWarehouse, moving: Callable[[], None]) -> None:
    """All of them in one transaction: who reads never sees the half of it."""
    tables = unbound([*STAGING, *(mart.table for mart in MARTS)])
    with warehouse.transaction() as connection:
        for mart in MARTS:
            statement = ibis.to_sql(mart.expression(tables), dialect="duckdb")
            connection.execute(f"CREATE OR REPLACE TABLE {quoted(mart.name)} AS {statement}")
            moving()
