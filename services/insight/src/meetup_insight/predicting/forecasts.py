"""Next week's RSVPs and how full coming events will be: made at each build, since they are of the moment."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from meetup_insight.models.forecast import forecast
from meetup_insight.models.fullness import NAIVE, Fullness
from meetup_insight.models.fullness import forecast as forecast_events
from meetup_insight.predicting import inputs
from meetup_insight.predicting.inputs import Denied
from meetup_insight.predicting.interests import Made
from meetup_insight.predicting.prediction_tables import EVENT_FORECAST, FORECAST, MODEL_CARD
from meetup_insight.warehouse.protocol import Warehouse

_EPOCH: Final = date(1970, 1, 1)


def forecasts(warehouse: Warehouse, without: Denied, until: datetime | None) -> Made:
    """The rows of both tables, and of the model card those that judge the events' forecast."""
    made: Made = {table.name: [] for table in (FORECAST, EVENT_FORECAST, MODEL_CARD)}
    made[FORECAST.name].extend(_forecast(warehouse, until))
    _events(warehouse, made, without, until)
    return made


def _forecast(warehouse: Warehouse, until: datetime | None) -> Iterator[Sequence[Any]]:
    """From whole weeks in a row: neither the first nor the last may have been cut, and one without RSVPs was missed."""
    weeks = inputs.weeks(warehouse)
    if until is None or not weeks:
        return
    last = until.date() - timedelta(days=until.weekday())
    found = forecast(in_a_row(weeks, last))
    if found:
        values = (found.value, found.low, found.high, found.error, found.naive, found.naive_error, found.weeks)
        yield ((last - _EPOCH).days, found.model, *values)


def in_a_row(weeks: Mapping[date, int], last: date) -> list[float]:
    """Of the weeks before ``last`` those since the latest that is missing, without the first of them."""
    found: list[float] = []
    while (week := last - timedelta(weeks=len(found) + 1)) in weeks:
        found.append(float(weeks[week]))
    return found[::-1][1:]


def _events(warehouse: Warehouse, made: Made, without: Denied, until: datetime | None) -> None:
    """Events that begin after the newest RSVP are to come; of the others it is known how they filled."""
    if until is None:
        return
    events = inputs.events(warehouse, without, until)
    found = forecast_events(events.past, events.coming, until.timestamp() / 3600)
    if found is None:
        return
    made[MODEL_CARD.name] += _events_card(found, len(events.groups), until)
    for each in found.events:
        group, at, limit = events.shown.get(each.event, (None, None, None))
        if group is not None:
            numbers = (round(each.value), round(each.low), round(each.high), each.full, round(each.naive))
            errors = (found.error.mean, found.naive_error.mean, found.judges)
            made[EVENT_FORECAST.name].append((each.event, group, at, limit, found.model, *numbers, *errors))


def _events_card(found: Fullness, groups: int, until: datetime) -> Iterator[Sequence[Any]]:
    split = "by time: the latest 30 % of events are hidden"
    common = (found.judges, found.past, groups, None, split, found.holds, "yes of past events", inputs.moment(until))
    for model, each in (("model", found.error), (NAIVE, found.naive_error)):
        yield ("yes of an event", model, "mean absolute error", each.mean, each.low, each.high, *common)
    gain = found.gain
    yield ("yes of an event", "model", "error below the naive one's", gain.mean, gain.low, gain.high, *common)
