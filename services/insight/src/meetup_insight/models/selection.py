"""Chooses a model's parameters inside the data it is given: nothing but those data is looked at. Pure.

A departure from the default must win by more than its own standard error over the same members, so that few members
choose nothing and many choose well.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy import sparse

from meetup_insight.models.accuracy import ndcg
from meetup_insight.models.blend import (
    COSINE,
    EASE,
    TIMED,
    UNTIMED,
    WALK,
    Parameters,
    faded,
    fit_scorer,
    lifted,
    normalised,
    tops,
)
from meetup_insight.models.interactions import Floats
from meetup_insight.models.splits import Split

_PENALTIES: Final = (20.0, 50.0, 100.0, 200.0, 400.0, 1_000.0)
_STEPS: Final = ((0.6, 0.6, 0.3), (0.8, 0.8, 0.4), (0.5, 0.8, 0.5), (1.0, 1.0, 0.5))
_WEIGHTS: Final[Sequence[Mapping[str, float]]] = (
    {EASE: 1.0},
    {EASE: 1.0, WALK: 0.3},
    {EASE: 1.0, WALK: 0.5},
    {EASE: 1.0, WALK: 1.0},
    {EASE: 0.5, WALK: 1.0},
    {EASE: 0.25, WALK: 1.0},
    {WALK: 1.0},
    {WALK: 1.0, COSINE: 1.0},
    {EASE: 1.0, WALK: 1.0, COSINE: 1.0},
)
_FADES: Final = (None, 0.1, 0.3)
_SURGES: Final = (0.0125, 0.025, 0.05, 0.1, 0.2)
_LIFTS: Final = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
_MOST_CELLS: Final = 6_000_000
"""Scores kept at once for the members chosen by: 50 MB for each model."""
_MOST_MEMBERS: Final = 2_500
"""Beyond it the standard error of a difference is below what matters."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The parameters and what the members they were chosen by say of them."""

    parameters: Parameters
    default: Parameters
    members: int


def choose(split: Split) -> Chosen:
    """The parameters that find best what the split hides."""
    default = TIMED if split.by_time else UNTIMED
    rows = _members(split)
    if not len(rows):
        return Chosen(default, default, 0)
    parameters = default
    for step in (_by_model, _by_weights, _by_time):
        parameters = step(_Trial(split, rows), parameters)
    return Chosen(parameters, default, len(rows))


class _Trial:
    """The members to choose by: what is hidden of each, and how well scores find it."""

    def __init__(self, split: Split, rows: Sequence[int]) -> None:
        self.train = split.train
        self.by_time = split.by_time
        self.rows = rows
        self._held = [split.held[row] for row in rows]

    def known(self, fade: float | None) -> sparse.csr_array:
        """What the members are known to have."""
        return faded(self.train, fade)[self.rows]

    def normalised(self, name: str, parameters: Parameters) -> Floats:
        """One model's scores for them."""
        known = self.known(parameters.fade)
        return normalised(fit_scorer(self.train, name, parameters).scores(known), known)

    def quality(self, scores: Floats) -> Floats:
        """NDCG of each member."""
        known = self.known(None)
        scores = np.round(scores, 9)
        scores[known.nonzero()] = -np.inf
        return np.array([ndcg(found, held) for found, held in zip(tops(scores, 10), self._held, strict=True)])


def _members(split: Split) -> list[int]:
    """Spread evenly over all that have something hidden."""
    rows = sorted(split.held)
    most = min(_MOST_MEMBERS, max(50, _MOST_CELLS // max(1, len(split.train.items))))
    stride = max(1, -(-len(rows) // most))
    return rows[::stride]


def best(default: Parameters, qualities: Iterator[tuple[Parameters, Floats]]) -> Parameters:
    """The best of them, or the default if that is not clearly worse."""
    found = list(qualities)
    base = next(quality for parameters, quality in found if parameters == default)
    winner, quality = max(found, key=lambda each: float(each[1].mean()))
    gain = quality - base
    error = float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else np.inf
    return winner if gain.mean() > error else default


def _by_model(trial: _Trial, default: Parameters) -> Parameters:
    """Each model's own parameters, by that model alone."""
    penalties = [replace(default, penalty=each) for each in dict.fromkeys((default.penalty, *_PENALTIES))]
    chosen = best(default, ((each, trial.quality(trial.normalised(EASE, each))) for each in penalties))
    steps = [replace(chosen, step=each) for each in dict.fromkeys((chosen.step, *_STEPS))]
    return best(chosen, ((each, trial.quality(trial.normalised(WALK, each))) for each in steps))


def _by_weights(trial: _Trial, default: Parameters) -> Parameters:
    factor = lifted(trial.train, default)
    scores = {name: trial.normalised(name, default) for name in (EASE, WALK, COSINE)}
    weights = [default.weights, *(each for each in _WEIGHTS if each != default.weights)]
    return best(
        default,
        ((replace(default, weights=each), trial.quality(_blended(scores, each) * factor)) for each in weights),
    )


def _by_time(trial: _Trial, default: Parameters) -> Parameters:
    """How fast what members did fades, and how much what items have won lately counts."""
    if not trial.by_time:
        return default
    timed = _Faded(trial, default)
    chosen = best(default, timed.each(default, (replace(default, fade=each) for each in _FADES)))
    options = [replace(chosen, surge=surge, lift=lift) for surge in _SURGES for lift in _LIFTS]
    return best(chosen, timed.each(chosen, iter(options)))


class _Faded:
    """The models fitted once, and the blended scores of each way to fade made once."""

    def __init__(self, trial: _Trial, parameters: Parameters) -> None:
        self._trial = trial
        self._weights = parameters.weights
        self._scorers = {name: fit_scorer(trial.train, name, parameters) for name in parameters.weights}
        self._made: dict[float | None, Floats] = {}

    def each(self, default: Parameters, options: Iterator[Parameters]) -> Iterator[tuple[Parameters, Floats]]:
        """The quality of each option."""
        for option in _distinct((default, *options)):
            yield option, self._trial.quality(self._scores(option.fade) * lifted(self._trial.train, option))

    def _scores(self, fade: float | None) -> Floats:
        if fade not in self._made:
            known = self._trial.known(fade)
            scores = {name: normalised(scorer.scores(known), known) for name, scorer in self._scorers.items()}
            self._made[fade] = _blended(scores, self._weights)
        return self._made[fade]


def _distinct(options: Sequence[Parameters]) -> list[Parameters]:
    return [option for at, option in enumerate(options) if option not in options[:at]]


def _blended(scores: Mapping[str, Floats], weights: Mapping[str, float]) -> Floats:
    return np.asarray(sum(weight * scores[name] for name, weight in weights.items()))
