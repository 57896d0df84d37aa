"""How well a ranking hits what was held out: NDCG and recall at ten, with intervals. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from meetup_insight.models.interactions import Floats, Indices

DEPTH: Final = 10
"""Ranks that count: what a person looks at."""
_RESAMPLES: Final = 1_000
"""Of a bootstrap: the ends of a 95 % interval then rest on 25 resamples each."""
_CELLS: Final = 100_000
"""Drawn at once: 1 MB, which stays near the processor."""
_SEED: Final = 20_170_701
"""Resampling is part of the figure, so it is the same at each run."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float
    count: int


def ndcg(ranked: Indices, held: frozenset[int], depth: int = DEPTH) -> float:
    """Binary NDCG of one member: 1 when the held-out items lead the ranking."""
    hits = np.array([item in held for item in ranked[:depth].tolist()], dtype=float)
    if not hits.any():
        return 0.0
    gains, best = _gains(depth)
    return float((hits * gains[: len(hits)]).sum() / best[min(depth, len(held))])


@cache
def _gains(depth: int) -> tuple[Floats, Sequence[float]]:
    """Of each rank, and of the first ranks together."""
    gains = 1.0 / np.log2(np.arange(2, depth + 2))
    return gains, [float(gains[:count].sum()) for count in range(depth + 1)]


def recall(ranked: Indices, held: frozenset[int], depth: int = DEPTH) -> float:
    """Hits among the first, of what could have been hit."""
    return sum(item in held for item in ranked[:depth].tolist()) / min(depth, len(held))


def ndcgs(rankings: Mapping[int, Indices], held: Mapping[int, frozenset[int]]) -> Floats:
    """One figure per member with something held out, in order of the members."""
    return np.array([ndcg(rankings[member], held[member]) for member in sorted(held)])


def recalls(rankings: Mapping[int, Indices], held: Mapping[int, frozenset[int]]) -> Floats:
    """As ``ndcgs``."""
    return np.array([recall(rankings[member], held[member]) for member in sorted(held)])


def estimate(values: Sequence[float] | Floats) -> Estimate:
    """The mean over members, with an interval by bootstrap over members."""
    found = np.asarray(values, dtype=float)
    if not len(found):
        return Estimate(0.0, 0.0, 0.0, 0)
    generator = np.random.default_rng(_SEED)
    count = max(1, _CELLS // len(found))
    drawn = (
        generator.integers(0, len(found), (min(count, _RESAMPLES - start), len(found)))
        for start in range(0, _RESAMPLES, count)
    )
    low, high = np.percentile(np.concatenate([found[each].mean(axis=1) for each in drawn]), [2.5, 97.5])
    return Estimate(float(found.mean()), float(low), float(high), len(found))
