"""How many yes an event will have when it begins, with an interval, beside a naive forecast. Pure.

Each forecaster sees, at a moment before an event, the yes that the event has by then and the group's events that have
begun by then. Earlier events choose the forecaster, later ones judge it; one that does not beat the naive one for sure
is not shown in its place.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import numpy as np
import numpy.typing as npt

from meetup_insight.models.accuracy import Estimate, estimate
from meetup_insight.models.interactions import Floats

LEADS: Final = (24, 72, 168, 336)
"""Hours before an event at which it is forecast: most people answer within the last two weeks."""
NAIVE: Final = "mean of the group's last 4 events"
_LEAST_EVENTS: Final = 40
"""Past events; with fewer, nothing is forecast."""
_MOST_EVENTS: Final = 20_000
"""The latest ones: more do not change what is learned, and take longer."""
_JUDGED: Final = 0.3
"""The latest share of the events judges; as many before them choose, and the rest teaches."""
_RECENT: Final = 4
_SERIES: Final = 40
"""A group's last events, among which are looked for those at the same hour of the week."""
_WEEK: Final = 168.0
_SAME: Final = 1.5
"""Hours by which events of a series may differ: clocks are changed twice a year."""
_PRIOR: Final = 2.0
"""Events' worth that the group's last events weigh beside those of the series."""
_RIDGE: Final = 1.0
_QUANTILES: Final = (0.1, 0.9)
"""Of an 80 % interval."""
_LEAST_ERRORS: Final = 30
"""Of one lead; with fewer, all leads together say how far off a forecast may be."""
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Occasion:
    """An event: when it begins (hours), its limit if it has one, and its yes at each lead. ``final``: when it began."""

    event: str
    group: int
    hour: float
    limit: float | None
    known: Mapping[int, float]
    final: float


@dataclass(frozen=True, slots=True)
class Expected:
    """What an event is expected to have. ``full``: the chance that it reaches its limit; ``None`` without one."""

    event: str
    value: float
    low: float
    high: float
    naive: float
    full: float | None


@dataclass(frozen=True, slots=True)
class Fullness:
    """The coming events, and how far off the forecaster was over ``judges`` past ones (mean absolute error, in yes)."""

    model: str
    events: Sequence[Expected]
    error: Estimate
    naive_error: Estimate
    gain: Estimate
    """How much smaller the chosen forecaster's error was than the naive one's, event by event."""
    judges: int
    past: int

    @property
    def holds(self) -> bool:
        """Whether a forecaster beats the naive one for sure; else the naive one is what is shown."""
        return self.model != NAIVE


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is known at some moments before some events: a row for each."""

    lead: Floats
    known: Floats
    recent: Floats
    """The mean of the group's last events."""
    usual: Floats
    """The mean of the group's last events at the same hour of the week, drawn to that of its last events."""
    limit: Floats
    """Infinite without one."""
    final: Floats

    def at(self, rows: Flags) -> "_Seen":
        """Some of the rows."""
        return _Seen(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def capped(self, forecast: Floats) -> Floats:
        """No more than may come. Fewer than say yes now may remain: some go back on it."""
        return np.asarray(np.clip(forecast, 0.0, self.limit))


Forecaster = Callable[[_Seen, _Seen], Floats]
"""From what it learns from, and what it forecasts, to yes."""


def _naive(_past: _Seen, now: _Seen) -> Floats:
    return np.asarray(np.maximum(now.recent, now.known))


def _usual(_past: _Seen, now: _Seen) -> Floats:
    return np.asarray(np.maximum(now.usual, now.known))


def _pick_up(past: _Seen, now: _Seen) -> Floats:
    """To what is known comes the share of a usual event that came later at this lead."""
    found = now.known.copy()
    for lead in LEADS:
        then = past.lead == lead
        share = (past.final - past.known)[then].sum() / max(past.usual[then].sum(), 1.0)
        found += np.where(now.lead == lead, share * now.usual, 0.0)
    return found


def _regression(past: _Seen, now: _Seen) -> Floats:
    """On logarithms, by lead: what is known and what is usual, each by its weight."""
    found = now.usual.copy()
    for lead in LEADS:
        then, here = past.lead == lead, now.lead == lead
        features = _features(past)[then]
        penalty = _RIDGE * np.diag([0.0, 1.0, 1.0, 1.0])
        weights = np.linalg.solve(features.T @ features + penalty, features.T @ np.log1p(past.final[then]))
        found[here] = np.expm1(np.clip(_features(now)[here] @ weights, 0.0, 15.0))
    return found


def _features(seen: _Seen) -> Floats:
    parts = (np.ones(len(seen.known)), np.log1p(seen.known), np.log1p(seen.recent), np.log1p(seen.usual))
    return np.column_stack(parts)


FORECASTERS: Final[Mapping[str, Forecaster]] = {
    NAIVE: _naive,
    "the group's events at the same hour of the week": _usual,
    "yes so far, and the usual rest": _pick_up,
    "yes so far and the group's events, by regression": _regression,
}


def forecast(past: Sequence[Occasion], coming: Sequence[Occasion], now: float) -> Fullness | None:
    """What the coming events are expected to have; nothing if too little is known."""
    begun = sorted(past, key=lambda each: (each.hour, each.event))[-_MOST_EVENTS:]
    if len(begun) < _LEAST_EVENTS:
        return None
    history = _History(begun)
    seen = history.seen_before(begun)
    order = np.repeat(np.arange(len(begun)), len(LEADS))
    judged = int(len(begun) * (1 - _JUDGED))
    choosing = int(len(begun) * (1 - 2 * _JUDGED))
    chosen = _best(seen.at(order < choosing), seen.at((order >= choosing) & (order < judged)))
    earlier, later = seen.at(order < judged), seen.at(order >= judged)
    errors = {name: _errors(FORECASTERS[name], earlier, later) for name in (chosen, NAIVE)}
    gain = estimate(errors[NAIVE] - errors[chosen])
    shown = chosen if gain.low > 0 else NAIVE
    ratios = _ratios(FORECASTERS[shown], earlier, later)
    return Fullness(
        shown,
        _expected(FORECASTERS[shown], seen, history, coming, now, ratios),
        estimate(errors[shown]),
        estimate(errors[NAIVE]),
        gain,
        len(begun) - judged,
        len(begun),
    )


class _History:
    """Each group's events in order of time, and the means at any moment."""

    def __init__(self, begun: Sequence[Occasion]) -> None:
        self._hours = [each.hour for each in begun]
        self._sums = [0.0, *accumulate(math.log1p(each.final) for each in begun)]
        self._groups: dict[int, tuple[list[float], list[float]]] = {}
        for each in begun:
            hours, finals = self._groups.setdefault(each.group, ([], []))
            hours.append(each.hour)
            finals.append(each.final)

    def seen_before(self, events: Sequence[Occasion]) -> _Seen:
        """Each event at each lead."""
        return _seen([self.row(each, each.hour - lead, lead) for each in events for lead in LEADS])

    def row(self, event: Occasion, moment: float, lead: int) -> tuple[float, ...]:
        """What is known of one event at one moment."""
        before = bisect_right(self._hours, moment)
        hours, finals = self._groups.get(event.group, ([], []))
        until = bisect_right(hours, moment)
        own = finals[max(0, until - _RECENT) : until]
        recent = _mean(own) if own else math.expm1(self._sums[before] / before if before else 0.0)
        last = [finals[at] for at in _of_series(hours, until, event.hour)]
        logs = sum(map(math.log1p, last)) + _PRIOR * math.log1p(recent)
        usual = math.expm1(logs / (len(last) + _PRIOR))
        return float(lead), event.known[lead], recent, usual, event.limit or math.inf, event.final


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _of_series(hours: Sequence[float], until: int, hour: float) -> list[int]:
    """Of the events before ``until``, the last at the same hour of the week, in order."""
    found: list[int] = []
    for at in range(until - 1, max(0, until - _SERIES) - 1, -1):
        apart = (hours[at] - hour) % _WEEK
        if apart <= _SAME or _WEEK - apart <= _SAME:
            found.append(at)
            if len(found) == _RECENT:
                break
    return found[::-1]


def _seen(rows: Sequence[tuple[float, ...]]) -> _Seen:
    return _Seen(*np.array(rows, dtype=float).reshape(-1, 6).T)


def _best(past: _Seen, choosing: _Seen) -> str:
    means = {name: float(_errors(each, past, choosing).mean()) for name, each in FORECASTERS.items()}
    return min(FORECASTERS, key=lambda name: means[name])


def _errors(forecaster: Forecaster, past: _Seen, now: _Seen) -> Floats:
    """Absolute errors of each event, over its leads."""
    errors = np.abs(now.capped(forecaster(past, now)) - now.final)
    return np.asarray(errors.reshape(-1, len(LEADS)).mean(axis=1))


def _ratios(forecaster: Forecaster, past: _Seen, now: _Seen) -> dict[int, Floats]:
    """By lead, how many times as many came as were forecast without the limit."""
    ratios = (now.final + 1) / (np.maximum(forecaster(past, now), 0.0) + 1)
    by_lead = {lead: ratios[now.lead == lead] for lead in LEADS}
    return {lead: found if len(found) >= _LEAST_ERRORS else ratios for lead, found in by_lead.items()}


def _nearest_lead(hours: float) -> int:
    return min(LEADS, key=lambda lead: abs(lead - hours))


def _expected(
    forecaster: Forecaster,
    past: _Seen,
    history: _History,
    coming: Sequence[Occasion],
    now: float,
    ratios: Mapping[int, Floats],
) -> list[Expected]:
    leads = [_nearest_lead(each.hour - now) for each in coming]
    seen = _seen([history.row(each, now, lead) for each, lead in zip(coming, leads, strict=True)])
    free = np.maximum(forecaster(past, seen), 0.0)
    values, naives = seen.capped(free), seen.capped(_naive(past, seen))
    found = []
    for at, (each, lead) in enumerate(zip(coming, leads, strict=True)):
        outcomes = np.clip((free[at] + 1) * ratios[lead] - 1, 0.0, seen.limit[at])
        low, high = np.quantile(outcomes, _QUANTILES)
        full = float((outcomes >= seen.limit[at]).mean()) if each.limit else None
        found.append(Expected(each.event, float(values[at]), float(low), float(high), float(naives[at]), full))
    return found
