"""The predictor: three item-to-item models, added up, times how many members an item has won lately. Pure.

Measured on groups of a city, split by time: what an item has *won* lately (members who were not there before) says
more of the next weeks than how busy it is, and more than the choice of the model.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Self

import numpy as np
from scipy import sparse

from meetup_insight.models.interactions import Floats, Indices, Interactions
from meetup_insight.models.scorers import Parts, Scorer, ease, walk

EASE, WALK, COSINE = "ease", "walk", "cosine"
_DECIMALS: Final = 9
"""Scores are of the order of one; what lies beyond differs by the machine's arithmetic, and must not break ties."""
_REASONS: Final = 3
"""What a person reads of them."""
_TOGETHER: Final = 500
"""Items of some lists whose reasons are found together: one in six is another one, for members of like tastes are shown
the same. EASE over 5,000 members holds 20 MB for 500 of them."""
_SORTED_CELLS: Final = 100_000
"""Scores among which the best are looked for at once: 1 MB, which stays near the processor."""
_SMOOTH: Final = 0.5
"""Members that every item is taken to have won, so that a new one is not out of the question."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a model is fitted with; the defaults are for data without time and too few to choose by.

    ``fade`` and ``surge`` are half-lives as shares of the data's own span of time, so that years and weeks are treated
    alike: of what a member did, and of the members an item has won. ``lift`` is the exponent of the latter; 0: none.
    """

    weights: Mapping[str, float]
    penalty: float = 100.0
    step: tuple[float, float, float] = (0.8, 0.8, 0.4)
    fade: float | None = None
    surge: float = 0.05
    lift: float = 0.0


UNTIMED: Final = Parameters({EASE: 1.0, WALK: 0.5})
TIMED: Final = Parameters({EASE: 0.25, WALK: 1.0}, fade=0.3, lift=0.4)


@dataclass(frozen=True, slots=True)
class Model:
    """Fitted to interactions; ranks items for any row of them."""

    scorers: Mapping[str, tuple[float, Scorer]]
    profiles: sparse.csr_array
    """What each member has, the faded weighing less."""
    lift: Floats
    parameters: Parameters

    @classmethod
    def fit(
        cls, interactions: Interactions, parameters: Parameters, fitted: Mapping[str, Scorer] = MappingProxyType({})
    ) -> Self:
        """Deterministic: the same interactions give the same model. ``fitted`` are there already, with all the same."""
        scorers = {
            name: (weight, fitted.get(name) or fit_scorer(interactions, name, parameters))
            for name, weight in parameters.weights.items()
            if weight
        }
        return cls(scorers, faded(interactions, parameters.fade), lifted(interactions, parameters), parameters)

    def scores(self, rows: sparse.csr_array) -> Floats:
        """Of every item, for each row; known items come out as minus infinity."""
        total: Floats = np.zeros(rows.shape)
        for weight, scorer in self.scorers.values():
            found = normalised(scorer.scores(rows), rows)
            found *= weight
            total += found
        total *= self.lift
        np.round(total, _DECIMALS, out=total)
        total[rows.nonzero()] = -np.inf
        return total

    def because(self, rows: sparse.csr_array, lists: Sequence[Indices]) -> Iterator[list[list[int]]]:
        """For each row and each item of its list, the known ones that add most to its score, the greatest first."""
        count = max(1, _TOGETHER // (max(map(len, lists), default=0) or 1))
        for start in range(0, len(lists), count):
            some = lists[start : start + count]
            items, places = np.unique(np.concatenate(some), return_inverse=True)
            scorers = [(weight, scorer.parts(items)) for weight, scorer in self.scorers.values()]
            ends = np.cumsum([len(each) for each in some])
            for row, at in enumerate(np.split(places, ends[:-1]), start=start):
                own = slice(rows.indptr[row], rows.indptr[row + 1])
                yield _reasons(scorers, np.asarray(rows.indices[own], dtype=np.int64), rows.data[own], at)


def _reasons(scorers: Sequence[tuple[float, Parts]], known: Indices, worth: Floats, at: Indices) -> list[list[int]]:
    parts = np.zeros((len(known), len(at)))
    for weight, scorer in scorers:
        found = scorer(known, at) * worth[:, None]
        size = np.abs(found).sum(axis=0)
        parts += weight * found / np.where(size > 0, size, 1.0)
    order = np.argsort(-np.round(parts, _DECIMALS), axis=0, kind="stable")[:_REASONS]
    return [
        [int(known[each]) for each in column if parts[each, item] > 0] for item, column in enumerate(order.T.tolist())
    ]


def fit_scorer(interactions: Interactions, name: str, parameters: Parameters) -> Scorer:
    """One of the three."""
    match name:
        case "ease":
            return ease(interactions.matrix, parameters.penalty)
        case "walk":
            return walk(interactions.matrix, *parameters.step)
        case _:
            return walk(interactions.matrix, 0.5, 0.0, 0.5)


def normalised(scores: Floats, rows: sparse.csr_array) -> Floats:
    """Each row's best unknown item is worth 1, and nothing less than 0: models of different scales can be added.

    In place: where items are many, asking for memory at each step costs as much as the step.
    """
    np.maximum(scores, 0.0, out=scores)
    scores[rows.nonzero()] = 0.0
    best = scores.max(axis=1, keepdims=True, initial=0.0)
    scores /= np.where(best > 0, best, 1.0)
    return scores


def faded(interactions: Interactions, fade: float | None) -> sparse.csr_array:
    """The matrix with what lies back weighing less."""
    if fade is None or interactions.last is None:
        return interactions.matrix
    matrix = interactions.matrix.copy()
    matrix.data = np.maximum(_halved(interactions, interactions.last, fade), 1e-6)
    return matrix


def lifted(interactions: Interactions, parameters: Parameters) -> Floats:
    """The factor of each item: how many members it has won, the latest counting most."""
    if not parameters.lift or interactions.first is None:
        return np.ones(len(interactions.items))
    won = np.bincount(
        interactions.matrix.indices,
        weights=_halved(interactions, interactions.first, parameters.surge),
        minlength=len(interactions.items),
    )
    return np.asarray((won + _SMOOTH) ** parameters.lift)


def _halved(interactions: Interactions, times: Floats, share: float) -> Floats:
    """One for what is of the last moment, a half for what lies a half-life back, 0 for what has no time."""
    if interactions.first is None or interactions.last is None or not len(interactions.last):
        return np.ones(len(times))
    end = interactions.last.max()
    starts = interactions.first[np.isfinite(interactions.first)]
    span = max(end - starts.min(), 1.0) if len(starts) else 1.0
    return np.asarray(0.5 ** ((end - times) / (span * share)), dtype=float)


def top(scores: Floats, depth: int) -> Indices:
    """``tops`` of one row."""
    (found,) = tops(scores[np.newaxis], depth)
    return found


def tops(scores: Floats, depth: int) -> list[Indices]:
    """The best items of each row, ties in the order of the items; those never to be shown are left out."""
    rows, count = scores.shape
    depth = min(depth, count)
    if not depth:
        return [np.zeros(0, dtype=np.int64)] * rows
    size = max(1, _SORTED_CELLS // count)
    return [found for start in range(0, rows, size) for found in _tops(scores[start : start + size], depth)]


def _tops(scores: Floats, depth: int) -> list[Indices]:
    least = np.partition(scores, -depth, axis=1)[:, [-depth]]
    rows, items = (scores >= least).nonzero()
    best = scores[rows, items]
    order = np.lexsort((-best, rows))  # stable, and the items of a row are in order: ties stay so
    first = np.searchsorted(rows, np.arange(len(scores)))
    kept = order[(np.arange(len(rows)) - first[rows] < depth) & np.isfinite(best[order])]
    ends = np.cumsum(np.bincount(rows[kept], minlength=len(scores)))
    return np.split(items[kept], ends[:-1])
