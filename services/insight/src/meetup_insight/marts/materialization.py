"""Makes every mart anew in the warehouse."""

from functools import cache

from meetup_insight.marts.catalogue import MARTS
from meetup_insight.marts.mart import unbound
from meetup_insight.schema import STAGING
from meetup_insight.warehouse.changes import Replace
from meetup_insight.warehouse.protocol import Warehouse


def make_marts(warehouse: Warehouse) -> None:
    """All of them or none: who reads never sees the half of it."""
    warehouse.write(_made_anew())


@cache
def _made_anew() -> tuple[Replace, ...]:
    """The queries are the same at each build: they are built once, so that they are translated once."""
    tables = unbound([*STAGING, *(mart.table for mart in MARTS)])
    return tuple(Replace(mart.table, mart.expression(tables)) for mart in MARTS)
