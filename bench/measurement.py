"""What a measurement is: a function that returns rows of the table."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bench.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. ``limit`` says in a sentence what keeps it from being better."""

    what: str
    aim: str
    measured: str
    limit: str


Measurement = Callable[[Workbench], Iterable[Row]]
"""Starts what it needs, leaves nothing behind, and asserts nothing about time."""


def spread(values: Sequence[float], unit: str = "", digits: int = 0) -> str:
    """The median, and the least and the greatest of several runs."""
    middle = f"{statistics.median(values):,.{digits}f}{unit}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"
