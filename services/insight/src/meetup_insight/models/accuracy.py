"""How well a ranking hits what was held out: NDCG and recall at ten, with intervals. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from meetup_insight.models.interactions import Floats, Indices

DEPTH: Final = 10
"""Ranks that count: what a person looks at."""
_RESAMPLES: Final = 1_000
"""Of a bootstrap: the ends of a 95 % interval then rest on 25 resamples each."""
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
    gains = 1.0 / np.log2(np.arange(2, depth + 2))
    hits = np.array([item in held for item in ranked[:depth].tolist()], dtype=float)
    return float((hits * gains[: len(hits)]).sum() / gains[: min(depth, len(held))].sum())


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
    means = [found[generator.integers(0, len(found), len(found))].mean() for _ in range(_RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return Estimate(float(found.mean()), float(low), float(high), len(found))
