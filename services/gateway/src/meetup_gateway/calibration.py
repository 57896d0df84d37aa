"""``meetup-gateway calibrate``: what a query costs, measured once by spending the budget twice.

One root field at a time until the API refuses; after the window, ten at a time. Two sums, two unknowns: points per
request and per root field. It takes two to four minutes and uses up the account's points meanwhile.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from meetup_gateway.source.api import Api, Found, Waiting
from meetup_gateway.source.budget import WINDOW_SECONDS, Budget, BudgetState, Price, Share

_MANY: Final = 10
_LEAST: Final = 0.01
"""Below that a price is nothing."""


@dataclass(frozen=True, slots=True)
class Measured:
    """How many requests of so many root fields were answered before one was refused; ``consumed`` as it then said."""

    roots: int
    answered: int
    consumed: float | None
    refused: bool


def price_of(one: Measured, many: Measured, points: int) -> Price:
    """Points per request and per root field. What was not refused within the window costs at most the whole budget."""
    single = (one.consumed or points) / max(1, one.answered)
    several = (many.consumed or points) / max(1, many.answered)
    per_root = max(0.0, (several - single) / (many.roots - one.roots))
    per_request = max(0.0, single - per_root)
    return Price(per_request if per_request >= _LEAST else 0.0, per_root if per_root >= _LEAST else 0.0)


def calibrate(
    api: Callable[[Budget], Api], points: int, *, now: Callable[[], float], rest: Callable[[float], None]
) -> tuple[Price, Measured, Measured]:
    """Measure; ``rest`` waits. Raises what asking raises."""
    one = _until_refused(api, 1, points, now=now)
    rest(WINDOW_SECONDS + 5)
    many = _until_refused(api, _MANY, points, now=now)
    return price_of(one, many, points), one, many


def _until_refused(api: Callable[[Budget], Api], roots: int, points: int, *, now: Callable[[], float]) -> Measured:
    budget = Budget(BudgetState(Price(_LEAST / roots, 0)), points=points)  # lets everything pass
    asking = api(budget)
    until, answered = now() + WINDOW_SECONDS - 1, 0
    while now() < until:
        results = asking.ask("whoami", [{}] * roots, Share.LOOKUPS)
        if any(isinstance(result, Waiting) for result in results):
            return Measured(roots, answered, asking.watch.consumed, refused=True)
        answered += any(isinstance(result, Found) for result in results)  # a 504 was not paid for
    return Measured(roots, answered, None, refused=False)
