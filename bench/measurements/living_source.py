"""How late the gateway sees a change, for 1,000 groups, under each price that Meetup's points may have.

On a simulated clock: the gateway's own schedule and budget, against changes at the rates that were recorded. So the
figures do not depend on the machine.
"""

import heapq
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from meetup_gateway.scheduling.intervals import CHANGES_A_DAY, Load, Urgency, intervals, uniform
from meetup_gateway.source.budget import Budget, BudgetState, Price, Share

from bench.measurement import Row
from bench.workbench import Workbench

_SHARES: Final = {
    Urgency.TWO_DAYS: 0.03,
    Urgency.WEEK: 0.12,
    Urgency.FORTNIGHT: 0.15,
    Urgency.LATER: 0.30,
    Urgency.NONE: 0.40,
}
"""Of groups, by the start of their next event."""
_PRICES: Final = {
    "1 point a request": Price(1, 0),
    "1 point a root field": Price(0, 1),
    "5 points a root field": Price(0, 5),
    "15 points a root field": Price(0, 15),
}
_BATCH: Final = 10
_FLOOR: Final = 60.0
_LATENCY: Final = 0.05
Schedule = Callable[[Sequence[Load], float, float], list[float]]


def living_source(bench: Workbench) -> Iterable[Row]:
    """A row for each price."""
    groups = bench.scaled(1000)
    for words, price in _PRICES.items():
        rule, plain = (_mean_delay(schedule, price, groups) for schedule in (intervals, uniform))
        yield Row(
            f"gateway, {groups:,} groups, {words}: mean delay from change to sweep, square-root rule against uniform",
            "43 % less where no floor binds",
            f"{rule / 60:.2f} min against {plain / 60:.2f} min ({100 * (1 - rule / plain):.0f} % less)",
            "The points; no group is looked at more often than once a minute.",
        )


def _mean_delay(schedule: Schedule, price: Price, groups: int, hours: float = 6) -> float:
    """Expected delay: a change falls anywhere between two looks."""
    rates = [CHANGES_A_DAY[urgency] for urgency, share in _SHARES.items() for _ in range(round(groups * share))]
    budget = Budget(BudgetState(price, price))
    cost = price.of(_BATCH) / _BATCH
    seconds = schedule([Load(rate, cost) for rate in rates], budget.points_a_minute(), _FLOOR)
    waiting = [(each * index / len(rates), index, 0.0) for index, each in enumerate(seconds)]
    heapq.heapify(waiting)
    now, late, changes = 0.0, 0.0, 0.0
    while now < hours * 3600:
        now = max(now, waiting[0][0])
        due = [heapq.heappop(waiting) for _ in range(_BATCH) if waiting and waiting[0][0] <= now]
        while wait := budget.reserve(len(due), Share.LIVE, now):
            now += wait
        now += _LATENCY
        for _, index, before in due:
            late += rates[index] * (now - before) ** 2 / 2
            changes += rates[index] * (now - before)
            heapq.heappush(waiting, (now + seconds[index], index, now))
    return late / changes
