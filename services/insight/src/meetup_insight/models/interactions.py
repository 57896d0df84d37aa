"""Who took an interest in what, as a matrix of members and items. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


class Interaction(NamedTuple):
    """One row: opaque texts, and when, in milliseconds since the epoch, if that is known."""

    member: str
    item: str
    time: float | None = None


@dataclass(frozen=True, slots=True)
class Interactions:
    """Each pair of a member and an item once.

    Items are in order of how many members have them, then of their text: a stable sort by score then breaks its ties
    in favour of the item that more members have, the same way on every machine. ``first`` and ``last`` say when a pair
    was first and last seen, in the order of the matrix' data; ``None`` if no row has a time.
    """

    members: Sequence[str]
    items: Sequence[str]
    matrix: sparse.csr_array
    first: Floats | None
    last: Floats | None

    @classmethod
    def of(cls, rows: Iterable[Interaction]) -> Self:
        """From rows in any order; equal pairs are one pair."""
        first, last = _pairs(rows)
        counts = Counter(item for _, item in first)
        items = sorted(counts, key=lambda item: (-counts[item], item))
        members = sorted({member for member, _ in first})
        row_of = {member: row for row, member in enumerate(members)}
        column_of = {item: column for column, item in enumerate(items)}
        pairs = sorted((row_of[member], column_of[item], (member, item)) for member, item in first)
        rows_at = np.array([row for row, _, _ in pairs], dtype=np.int64)
        columns = np.array([column for _, column, _ in pairs], dtype=np.int64)
        shape = (len(members), len(items))
        matrix = sparse.csr_array((np.ones(len(pairs)), (rows_at, columns)), shape=shape)
        timed = any(np.isfinite(list(first.values()))) if first else False
        return cls(
            members,
            items,
            matrix,
            np.array([first[pair] for _, _, pair in pairs]) if timed else None,
            np.array([last[pair] for _, _, pair in pairs]) if timed else None,
        )

    @property
    def popularity(self) -> Floats:
        """How many members have each item."""
        counts: Floats = np.bincount(self.matrix.indices, minlength=len(self.items)).astype(float)
        return counts

    def kept(self, keep: NDArray[np.bool_]) -> "Interactions":
        """The same members and items with some of the pairs: what a split leaves for training."""
        coordinates = self.matrix.tocoo()
        at = (coordinates.row[keep], coordinates.col[keep])
        matrix = sparse.csr_array((np.ones(int(keep.sum())), at), shape=self.matrix.shape)
        return Interactions(
            self.members,
            self.items,
            matrix,
            None if self.first is None else self.first[keep],
            None if self.last is None else self.last[keep],
        )


def _pairs(rows: Iterable[Interaction]) -> tuple[dict[tuple[str, str], float], dict[tuple[str, str], float]]:
    """When each pair was first and last seen; a time that is not known is before all others."""
    first: dict[tuple[str, str], float] = {}
    last: dict[tuple[str, str], float] = {}
    for member, item, time in rows:
        pair = (member, item)
        at = -np.inf if time is None else time
        first[pair] = min(first.get(pair, at), at)
        last[pair] = max(last.get(pair, at), at)
    return first, last
