"""The tables of predictions: forecasts at each build, what is learned when enough is new."""

from collections.abc import Callable
from datetime import datetime

import ibis
import pyarrow as pa

from meetup_insight.predicting.forecasts import forecasts
from meetup_insight.predicting.inputs import Denied
from meetup_insight.predicting.interests import learned
from meetup_insight.predicting.learning import Seen, due, remembered, seen
from meetup_insight.predicting.prediction_tables import EVENT_FORECAST, FORECAST, LEARNED, MODEL_CARD, PREDICTED, TASKS
from meetup_insight.warehouse.arrow_rows import arrow
from meetup_insight.warehouse.changes import Change, Replace
from meetup_insight.warehouse.protocol import Warehouse, relation


def make_predictions(
    warehouse: Warehouse, without: Denied, until: datetime | None, share: float, moving: Callable[[], None]
) -> None:
    """In one transaction. ``share`` of new records is what is learned from anew (``predicting.learning``); ``until`` is
    the newest RSVP's mtime."""
    now = seen(warehouse)
    there = {table.name for table in PREDICTED} <= warehouse.tables()
    if not there or due(warehouse, now, share, without):
        changes, card = _learned(warehouse, now, without, until, moving)
    else:
        changes, card = [], warehouse.read(_kept_card())
    found = forecasts(warehouse, without, until)
    changes += [Replace(table, arrow(table, found[table.name])) for table in (FORECAST, EVENT_FORECAST)]
    card = pa.concat_tables([card, arrow(MODEL_CARD, found[MODEL_CARD.name])])
    warehouse.write([*changes, Replace(MODEL_CARD, card)])


def _learned(
    warehouse: Warehouse, now: Seen, without: Denied, until: datetime | None, moving: Callable[[], None]
) -> tuple[list[Change], pa.Table]:
    """The tables, what they were learned from, and their part of the model card."""
    made = learned(warehouse, without, until, moving)
    tables: list[Change] = [Replace(table, arrow(table, made[table.name])) for table in LEARNED]
    return [*tables, remembered(now)], arrow(MODEL_CARD, made[MODEL_CARD.name])


def _kept_card() -> ibis.expr.types.Table:
    card = relation(MODEL_CARD)
    return card.filter(card.task.isin(list(TASKS)))
