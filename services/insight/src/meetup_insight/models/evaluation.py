"""How good a predictor is: on what it did not see, with intervals, beside simpler ones. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import sparse

from meetup_insight.models.accuracy import DEPTH, Estimate, estimate, ndcgs, recalls
from meetup_insight.models.blend import COSINE, EASE, Model, Parameters, top
from meetup_insight.models.interactions import Floats, Indices, Interactions
from meetup_insight.models.predictor import rankings
from meetup_insight.models.selection import Chosen, choose
from meetup_insight.models.splits import Split, split

_LEAST_JUDGES: Final = 30
"""Members with something to find; below it a mean says nothing."""
_MOST_JUDGES: Final = 5_000
"""The interval is then a hundredth wide."""
POPULARITY: Final = "popularity"


@dataclass(frozen=True, slots=True)
class Report:
    """One predictor: what it was judged on, its figures, and those of the simpler ones."""

    split: str
    members: int
    items: int
    judges: int
    ndcg: Mapping[str, Estimate]
    recall: Mapping[str, Estimate]
    above_popularity: Estimate
    """The difference of NDCG to popularity, member by member."""
    above_ease: Estimate
    coverage: float
    """Share of all items that are recommended to somebody."""
    chosen: Chosen
    """Inside what was left; good enough for the model that sees all."""

    @property
    def holds(self) -> bool:
        """Whether it beats popularity for sure: only then is it shown as a prediction."""
        return self.judges >= _LEAST_JUDGES and self.above_popularity.low > 0


def evaluate(interactions: Interactions) -> Report:
    """Hide, choose and fit inside what is left, find, count."""
    outer = split(interactions)
    rows = sorted(outer.held)
    rows = rows[:: max(1, -(-len(rows) // _MOST_JUDGES))]
    held = {row: outer.held[row] for row in rows}
    chosen = choose(split(outer.train))
    model = Model.fit(outer.train, chosen.parameters)
    fitted = {name: scorer for name, (_, scorer) in model.scorers.items()}
    models = {
        "model": model,
        "EASE": Model.fit(outer.train, Parameters({EASE: 1.0}, penalty=chosen.parameters.penalty), fitted),
        "item-kNN cosine": Model.fit(outer.train, Parameters({COSINE: 1.0}), fitted),
    }
    ranked = {name: rankings(model, rows, DEPTH) for name, model in models.items()}
    ranked[POPULARITY] = _popular(outer.train, rows)
    quality = {name: ndcgs(each, held) for name, each in ranked.items()}
    return Report(
        split=_described(outer),
        members=len(interactions.members),
        items=len(interactions.items),
        judges=len(rows),
        ndcg={name: estimate(values) for name, values in quality.items()},
        recall={name: estimate(recalls(each, held)) for name, each in ranked.items()},
        above_popularity=_difference(quality, POPULARITY),
        above_ease=_difference(quality, "EASE"),
        coverage=_coverage(ranked["model"], len(interactions.items)),
        chosen=chosen,
    )


def _difference(quality: Mapping[str, Floats], other: str) -> Estimate:
    return estimate(quality["model"] - quality[other])


def _popular(train: Interactions, rows: list[int]) -> dict[int, Indices]:
    counts = train.popularity
    found = {}
    for row in rows:
        known = sparse.csr_array(train.matrix[[row]]).indices
        scores = counts.copy()
        scores[known] = -np.inf
        found[row] = top(scores, DEPTH)
    return found


def _coverage(ranked: Mapping[int, Indices], items: int) -> float:
    return len({int(item) for found in ranked.values() for item in found}) / items if items else 0.0


def _described(outer: Split) -> str:
    if outer.by_time:
        return "by time: the latest 15 % of first meetings are hidden"
    return "20 % of each member's items are hidden"
