"""Which groups are alike, by their topics and by common members; and which of them form communities. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from scipy import sparse

_SWEEPS: Final = 30
"""Label propagation settles in a few sweeps, or swings between equals for ever."""
_MOST_SHARED: Final = 5
"""Topics named as reasons."""


class Alike(NamedTuple):
    """One group that is like another, and why."""

    group: int
    other: int
    rank: int
    score: float
    common: int | None
    shared: tuple[str, ...]


def alike(
    topics: Mapping[int, Sequence[str]], common: Iterable[tuple[int, int, int, float]], most: int
) -> Iterator[Alike]:
    """The most alike of each group: half by rare topics in common, half by common members.

    ``common`` has pairs of groups, how many members they share, and the cosine of the two sets.
    """
    groups = sorted(topics)
    place = {group: at for at, group in enumerate(groups)}
    vocabulary = {topic: at for at, topic in enumerate(sorted({each for found in topics.values() for each in found}))}
    weighted = _weighted(groups, topics, vocabulary)
    shared_members: dict[int, dict[int, tuple[int, float]]] = {}
    for group, other, count, cosine in common:
        shared_members.setdefault(group, {})[other] = (count, cosine)
        shared_members.setdefault(other, {})[group] = (count, cosine)
    for group in groups:
        by_topics = np.asarray((weighted[[place[group]]] @ weighted.T).todense()).ravel()
        by_members = shared_members.get(group, {})
        scores = by_topics / 2
        for other, (_, cosine) in by_members.items():
            if other in place:
                scores[place[other]] += cosine / 2
        scores[place[group]] = 0.0
        order = np.argsort(-np.round(scores, 9), kind="stable")[:most]
        yield from _named(group, [groups[at] for at in order if scores[at] > 0], scores, place, topics, by_members)


def _named(
    group: int,
    found: Sequence[int],
    scores: np.ndarray[tuple[int], np.dtype[np.float64]],
    place: Mapping[int, int],
    topics: Mapping[int, Sequence[str]],
    members: Mapping[int, tuple[int, float]],
) -> Iterator[Alike]:
    for rank, other in enumerate(found, start=1):
        shared = sorted(set(topics[group]) & set(topics[other]))[:_MOST_SHARED]
        count = members.get(other, (None, 0.0))[0]
        yield Alike(group, other, rank, float(scores[place[other]]), count, tuple(shared))


def _weighted(
    groups: Sequence[int], topics: Mapping[int, Sequence[str]], vocabulary: Mapping[str, int]
) -> sparse.csr_array:
    """Rows of length one, in which rare topics weigh more."""
    pairs = [(row, vocabulary[topic]) for row, group in enumerate(groups) for topic in topics[group]]
    counts = Counter(column for _, column in pairs)
    weights = [np.log1p(len(groups) / counts[column]) for _, column in pairs]
    at = ([row for row, _ in pairs], [column for _, column in pairs])
    matrix = sparse.csr_array((weights, at), shape=(len(groups), max(1, len(vocabulary))))
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return sparse.csr_array(sparse.diags_array(1.0 / np.where(lengths > 0, lengths, 1.0)) @ matrix)


def communities(edges: Iterable[tuple[int, int, float]]) -> dict[int, int]:
    """Each group's community, named by its least group: label propagation.

    In order of the groups, ties to the least, so that it is the same every time.
    """
    near: dict[int, dict[int, float]] = {}
    for group, other, weight in edges:
        near.setdefault(group, {})[other] = weight
        near.setdefault(other, {})[group] = weight
    labels = {group: group for group in near}
    for _ in range(_SWEEPS):
        moved = False
        for group in sorted(near):
            votes: Counter[int] = Counter()
            for other, weight in near[group].items():
                votes[labels[other]] += weight  # type: ignore[assignment]  # a Counter adds floats as well
            best = max(votes.values())
            label = min(each for each, vote in votes.items() if vote >= best - 1e-12)
            moved |= label != labels[group]
            labels[group] = label
        if not moved:
            break
    least: dict[int, int] = {}
    for group, label in sorted(labels.items()):
        least.setdefault(label, group)
    return {group: least[label] for group, label in labels.items()}
