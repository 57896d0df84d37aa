"""What a view is made of: figures, tables, choices. A template turns it into HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Query = Mapping[str, str]
"""What was chosen, by name."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: its heads and its rows, as text."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot with its caption and the same figures as a table; without a plot, why there is none."""

    key: str
    title: str
    caption: str
    plot: Any | None
    grid: Grid
    empty: str = "Nothing yet: nothing was collected of it, or no cell stands on ten members."


@dataclass(frozen=True, slots=True)
class Choice:
    """A list to choose from; its name is a parameter of the address."""

    name: str
    label: str
    value: str
    options: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Card:
    """A figure that stands for itself."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """One page."""

    title: str
    intro: str
    cards: Sequence[Card] = ()
    choices: Sequence[Choice] = ()
    figures: Sequence[Figure] = field(default_factory=tuple)


NOTHING: Final = "\N{EN DASH}"
"""Where a figure is missing."""


def number(value: float | None) -> str:
    """With thin spaces between thousands; a dash for nothing."""
    return NOTHING if value is None else f"{value:,.0f}".replace(",", "\u202f")


def percent(value: float | None, digits: int = 1) -> str:
    """A share."""
    return NOTHING if value is None else f"{value * 100:.{digits}f} %"


def chosen(value: str | None, options: Sequence[str]) -> str:
    """The value if it is one of the options, else the first of them."""
    if value in options:
        return str(value)
    return options[0] if options else ""
