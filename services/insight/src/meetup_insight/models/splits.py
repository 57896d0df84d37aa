"""What is hidden from a model to see how well it finds it again. Pure and deterministic."""

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from meetup_insight.models.interactions import Floats, Interactions

HIDDEN_SHARE: Final = 0.2
"""Of each member's items, where there is no time."""
LATE_SHARE: Final = 0.15
"""Of all first meetings, where there is time: the latest. As three months are to twenty."""
_LEAST_ITEMS: Final = 3
"""A member with fewer keeps them all: what is left must say something of the member."""
_LEAST_TIMED: Final = 0.5
"""With fewer pairs that have a time, the times say nothing of the rest."""


@dataclass(frozen=True, slots=True)
class Split:
    """What a model may see, and what of each member (by row) it is to find."""

    train: Interactions
    held: dict[int, frozenset[int]]
    by_time: bool


def is_timed(interactions: Interactions) -> bool:
    """Whether a split by time makes sense: most pairs have a time, and not all the same."""
    if interactions.first is None:
        return False
    finite = interactions.first[np.isfinite(interactions.first)]
    return len(finite) >= _LEAST_TIMED * len(interactions.first) and bool(np.ptp(finite) > 0)


def split(interactions: Interactions) -> Split:
    """By time if there is time, otherwise by hiding a share of each member's items."""
    if interactions.first is not None and is_timed(interactions):
        keep = _early(interactions.first)
    else:
        keep = _shown(interactions)
    return _split(interactions, keep, by_time=is_timed(interactions))


def _early(first: Floats) -> NDArray[np.bool_]:
    cut = np.quantile(first[np.isfinite(first)], 1.0 - LATE_SHARE)
    return np.asarray(first < cut)


def _shown(interactions: Interactions) -> NDArray[np.bool_]:
    """A share of each member's items is hidden, chosen by a hash of the two texts: no other member matters to it."""
    matrix = interactions.matrix
    keep = np.ones(matrix.nnz, dtype=bool)
    for row, member in enumerate(interactions.members):
        start, stop = int(matrix.indptr[row]), int(matrix.indptr[row + 1])
        if stop - start < _LEAST_ITEMS:
            continue
        order = sorted(range(start, stop), key=lambda at: _draw(member, interactions.items[int(matrix.indices[at])]))
        keep[order[: max(1, round((stop - start) * HIDDEN_SHARE))]] = False
    return keep


def _draw(member: str, item: str) -> bytes:
    return hashlib.blake2b(f"{member}\0{item}".encode(errors="surrogateescape"), digest_size=8).digest()


def _split(interactions: Interactions, keep: NDArray[np.bool_], *, by_time: bool) -> Split:
    train = interactions.kept(keep)
    known = np.diff(train.matrix.indptr) > 0
    seen = train.popularity > 0
    held: dict[int, set[int]] = defaultdict(set)
    coordinates = interactions.matrix.tocoo()
    for row, item in zip(coordinates.row[~keep].tolist(), coordinates.col[~keep].tolist(), strict=True):
        if known[row] and seen[item]:  # nobody can find what nobody was seen with
            held[row].add(item)
    return Split(train, {row: frozenset(items) for row, items in held.items()}, by_time)
