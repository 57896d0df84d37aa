"""What the real feeds did with a record after they had sent it: the same again, older, or changed."""

import heapq
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from meetup_simulator.made_up.generators.clock import MtimeClock

Value = dict[str, Any]
_YEAR_SECONDS: Final = 365 * 86_400
_WEEK_SECONDS: Final = 7 * 86_400
_MOST_COPIES: Final = 31
"""One record came that often in the recording of 2015."""


@dataclass(frozen=True, slots=True)
class Habits:
    """Shares of new records, each between 0 and 1."""

    rounded: float
    """Comes again 6 to 8 records later, its mtime rounded to whole seconds, up or down."""
    exact: float
    """Comes again as it was."""
    changed: float
    """Comes again changed, with a later mtime."""
    change_within: tuple[int, int]
    """How many records later a changed one comes."""
    old_bursts: float
    """Is the first of a run of very old mtimes (weeks to years, whole seconds)."""
    burst_length: tuple[int, int]


Change = Callable[[Value, random.Random], Value]
"""A copy of the value with what its owner has changed."""


def republished(
    fresh: Callable[[], Value], change: Change, habits: Habits, clock: MtimeClock, dice: random.Random
) -> Iterator[Value]:
    """Endless records: new ones, with what comes again in between."""
    due: list[tuple[int, int, Callable[[], Value]]] = []
    ties = count()
    old = 0
    for position in count():
        if due and due[0][0] <= position:
            value = heapq.heappop(due)[2]()
        else:
            value = fresh()
            if old == 0 and dice.random() < habits.old_bursts:
                old = dice.randint(*habits.burst_length)
            if old:
                old -= 1
                value["mtime"] = _long_ago(value["mtime"], dice)
            else:
                for delay, later in _later(value, change, habits, clock, dice):
                    heapq.heappush(due, (position + delay, next(ties), later))
        clock.advance()
        yield value


def _later(
    value: Value, change: Change, habits: Habits, clock: MtimeClock, dice: random.Random
) -> Iterator[tuple[int, Callable[[], Value]]]:
    """What will come again of the value, and how many records later."""
    if dice.random() < habits.rounded:
        second = value["mtime"] // 1000 + dice.randint(0, 1)
        yield dice.randint(6, 8), lambda: value | {"mtime": second * 1000}
    if dice.random() < habits.exact:
        copies = _MOST_COPIES - 1 if dice.random() < 0.002 else 1
        for copy in range(copies):
            yield dice.randint(1, 8) + copy, lambda: value
    if dice.random() < habits.changed:
        yield dice.randint(*habits.change_within), lambda: change(value, dice) | {"mtime": clock.now()}


def _long_ago(mtime: int, dice: random.Random) -> int:
    return (mtime // 1000 - dice.randint(_WEEK_SECONDS, 3 * _YEAR_SECONDS)) * 1000
