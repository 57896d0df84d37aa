"""Next week's RSVPs, with an interval, beside what a naive forecaster would say. Pure.

Each forecaster sees the weeks before the one it forecasts and nothing else. Which one is shown is decided by how they
did one week ahead over the past (the first half of it chooses, the second half judges); one that does not beat the
naive mean of four weeks is not shown in its place.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from meetup_insight.models.interactions import Floats

JUDGED_WEEKS: Final = 26
"""Half a year: what the error is measured on."""
_CHOOSING_WEEKS: Final = 26
_LEAST_WEEKS: Final = 12
"""With fewer, nothing is forecast."""
_INTERVAL: Final = 0.8
NAIVE: Final = "mean of the last 4 weeks"
Forecaster = Callable[[Floats], float]


@dataclass(frozen=True, slots=True)
class Forecast:
    """The next week. Errors are mean absolute percentage errors one week ahead, over ``weeks`` weeks."""

    model: str
    value: float
    low: float
    high: float
    error: float
    naive: float
    naive_error: float
    weeks: int


def _mean(count: int) -> Forecaster:
    return lambda past: float(past[-count:].mean())


def _smoothed(alpha: float) -> Forecaster:
    def forecast(past: Floats) -> float:
        weights = (1 - alpha) ** np.arange(len(past))[::-1]
        return float((weights * past).sum() / weights.sum())

    return forecast


def _trending(alpha: float, beta: float, damping: float) -> Forecaster:
    """Holt's damped trend, on logarithms: growth is by shares, not by numbers."""

    def forecast(past: Floats) -> float:
        logs = np.log(np.maximum(past, 0.5))
        level, trend = logs[0], 0.0
        for value in logs[1:]:
            before = level
            level = alpha * value + (1 - alpha) * (level + damping * trend)
            trend = beta * (level - before) + (1 - beta) * damping * trend
        return float(np.exp(level + damping * trend))

    return forecast


def _reverting(count: int, back: float) -> Forecaster:
    """A mean that a week far from it pulls only a little: holidays are followed by usual weeks."""

    def forecast(past: Floats) -> float:
        window = past[-count:]
        middle = float(np.median(window))
        return middle + back * (float(window[-1]) - middle)

    return forecast


def _averaged(parts: Sequence[Forecaster]) -> Forecaster:
    return lambda past: float(np.mean([part(past) for part in parts]))


FORECASTERS: Final[Mapping[str, Forecaster]] = {
    NAIVE: _mean(4),
    "mean of the last 6 weeks": _mean(6),
    "mean of the last 8 weeks": _mean(8),
    "exponential smoothing, 0.2": _smoothed(0.2),
    "exponential smoothing, 0.35": _smoothed(0.35),
    "exponential smoothing, 0.5": _smoothed(0.5),
    "damped trend, 0.2": _trending(0.2, 0.1, 0.9),
    "damped trend, 0.4": _trending(0.4, 0.1, 0.9),
    "median of 5 weeks": _reverting(5, 0.0),
    "median of 8 weeks, drawn to the last": _reverting(8, 0.3),
    "average of smoothing, trend and median": _averaged(
        [_smoothed(0.35), _trending(0.3, 0.1, 0.9), _reverting(6, 0.2)]
    ),
}


def forecast(weeks: Sequence[float]) -> Forecast | None:
    """What the week after the last is expected to bring; nothing if too little is known."""
    values = np.asarray(weeks, dtype=float)
    if len(values) < _LEAST_WEEKS:
        return None
    judged = min(JUDGED_WEEKS, len(values) // 3)
    choosing = min(_CHOOSING_WEEKS, (len(values) - judged) // 2)
    start = len(values) - judged
    chosen = _best(values[:start], choosing)
    errors = _errors(values, FORECASTERS[chosen], judged)
    naive_errors = _errors(values, FORECASTERS[NAIVE], judged)
    if errors.mean() >= naive_errors.mean():
        chosen, errors = NAIVE, naive_errors
    value, naive = FORECASTERS[chosen](values), FORECASTERS[NAIVE](values)
    low, high = _interval(values, FORECASTERS[chosen], judged, value)
    return Forecast(chosen, value, low, high, float(errors.mean()), naive, float(naive_errors.mean()), judged)


def _best(values: Floats, weeks: int) -> str:
    means = {name: float(_errors(values, each, weeks).mean()) for name, each in FORECASTERS.items()}
    return min(FORECASTERS, key=lambda name: means[name])


def _errors(values: Floats, forecaster: Forecaster, weeks: int) -> Floats:
    """Absolute errors of the last weeks, as shares of what came."""
    return np.array(
        [
            abs(forecaster(values[:at]) - values[at]) / max(values[at], 1.0)
            for at in range(len(values) - weeks, len(values))
        ]
    )


def _interval(values: Floats, forecaster: Forecaster, weeks: int, value: float) -> tuple[float, float]:
    """From how far off it was, as ratios: an interval of 80 % needs no more than ten weeks to be honest."""
    ratios = [
        max(values[at], 0.5) / max(forecaster(values[:at]), 0.5) for at in range(len(values) - weeks, len(values))
    ]
    low, high = np.quantile(ratios, [(1 - _INTERVAL) / 2, (1 + _INTERVAL) / 2])
    return float(value * min(low, 1.0)), float(value * max(high, 1.0))
