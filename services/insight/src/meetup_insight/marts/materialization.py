"""Makes every mart anew in the warehouse."""

from meetup_insight.marts.catalogue import MARTS
from meetup_insight.marts.mart import unbound
from meetup_insight.schema import STAGING
from meetup_insight.warehouse.changes import Replace
from meetup_insight.warehouse.protocol import Warehouse


def make_marts(warehouse: Warehouse) -> None:
    """All of them or none: who reads never sees the half of it."""
    tables = unbound([*STAGING, *(mart.table for mart in MARTS)])
    warehouse.write([Replace(mart.table, mart.expression(tables)) for mart in MARTS])
