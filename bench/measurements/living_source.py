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
_GOLDEN: Final = 0.6180339887
"""Spreads the first looks of each urgency evenly; all at once, they would stay in one queue for ever."""
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
    waiting = [(each * (index * _GOLDEN % 1), index, 0.0) for index, each in enumerate(seconds)]
    heapq.heapify(waiting)
    due: list[tuple[float, int, float]] = []
    now, late, changes = 0.0, 0.0, 0.0
    while now < hours * 3600:
        now = now if due else max(now, waiting[0][0])
        while waiting and waiting[0][0] <= now:
            due.append(heapq.heappop(waiting))
        due.sort(key=lambda each: (each[2] - now) / seconds[each[1]])  # the latest first, as the plan has it
        count = min(_BATCH, len(due), budget.roots_that_fit(Share.LIVE, now))
        if wait := budget.reserve(count, Share.LIVE, now):
            now += wait
            continue
        now += _LATENCY
        for _, index, before in due[:count]:
            late += rates[index] * (now - before) ** 2 / 2
            changes += rates[index] * (now - before)
            heapq.heappush(waiting, (now + seconds[index], index, now))
        del due[:count]
    return late / changes
