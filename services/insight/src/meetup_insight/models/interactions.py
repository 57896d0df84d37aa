"""Who took an interest in what, as a matrix of members and items. Pure."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
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
        """From rows in any order, each looked at once; equal pairs are one pair."""
        seen = _Seen.of(rows)
        pairs, place = np.unique(seen.pairs, return_inverse=True)
        members_at, items_at = np.divmod(pairs, max(1, len(seen.items)))
        counts = np.bincount(items_at, minlength=len(seen.items)).tolist()
        items = sorted(seen.items, key=lambda item: (-counts[seen.items[item]], item))
        members = sorted(seen.members)
        at = _ranks(seen.members, members)[members_at], _ranks(seen.items, items)[items_at]
        order = np.lexsort(at[::-1])
        shape = (len(members), len(items))
        matrix = sparse.csr_array((np.ones(len(order)), (at[0][order], at[1][order])), shape=shape)
        if not np.isfinite(seen.times).any():
            return cls(members, items, matrix, None, None)
        first, last = np.full(len(pairs), np.inf), np.full(len(pairs), -np.inf)
        np.minimum.at(first, place, seen.times)
        np.maximum.at(last, place, seen.times)
        return cls(members, items, matrix, first[order], last[order])

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


class _Seen(NamedTuple):
    """Rows as numbers: texts are kept once each, with a number in the order in which they came."""

    members: dict[str, int]
    items: dict[str, int]
    pairs: Indices
    """Member and item of each row in one number: the member's times how many items there are, and the item's."""
    times: Floats
    """A time that is not known is before all others."""

    @classmethod
    def of(cls, rows: Iterable[Interaction]) -> Self:
        members: dict[str, int] = {}
        items: dict[str, int] = {}
        whose, what, times = array("q"), array("q"), array("d")
        for member, item, time in rows:
            whose.append(members.setdefault(member, len(members)))
            what.append(items.setdefault(item, len(items)))
            times.append(-np.inf if time is None else time)
        pairs = np.array(whose, np.int64) * len(items) + np.array(what, np.int64)
        return cls(members, items, pairs, np.array(times, np.float64))


def _ranks(numbers: Mapping[str, int], order: Sequence[str]) -> Indices:
    """Where the text of each number stands in the order."""
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[[numbers[text] for text in order]] = np.arange(len(order))
    return ranks
