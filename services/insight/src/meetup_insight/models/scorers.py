"""Item-to-item models: each says how much every item is worth to who has a given row of items. Pure.

Two closed forms, each solved where it is smaller, over items or over members:

- ``Ease``: EASE^R (Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", 2019). Over members it uses
  ``P = (I - X'(XX' + lambda I)^-1 X) / lambda``, which gives the same scores.
- ``Walk``: ``D^-a X' D^-c X D^-b``. With a = b = 1/2 and c = 0 it is item-kNN by cosine, with a = c it is RP3beta.

A score is a sum over the items that a member has, so it explains itself (``parts``). What a model says of an item
that the member has already is meaningless: whoever ranks leaves those out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from scipy import linalg, sparse

from meetup_insight.models.interactions import Floats, Indices

MAX_SIDE: Final = 5_000
"""Rows of a dense matrix that is inverted: 200 MB, and half a minute on one processor. Beyond it, on both sides, EASE
is fitted to the items that most members have."""

_DENSE_CELLS: Final = 10_000_000
"""Held at once beside it: 80 MB, and three times that while they are multiplied."""


Parts = Callable[[Indices, Indices], Floats]
"""How much each of the known items (rows) adds to the score of some others (columns), for a row of ones. Known ones are
named by their numbers, the others by their places among those that were asked for."""


class Scorer(Protocol):
    """A fitted model."""

    def scores(self, rows: sparse.csr_array) -> Floats:
        """The worth of every item (columns) to each row of known items."""

    def parts(self, items: Indices) -> Parts:
        """What adds to the scores of these items. What is the same whoever asks is worked out here, once."""


@dataclass(frozen=True, slots=True)
class ItemWeights:
    """A model over items: one dense matrix, from the known (rows) to the worth (columns)."""

    weights: Floats

    def scores(self, rows: sparse.csr_array) -> Floats:
        """See ``Scorer``."""
        return np.asarray(rows @ self.weights)

    def parts(self, items: Indices) -> Parts:
        """See ``Scorer``."""
        return lambda known, at: np.asarray(self.weights[np.ix_(known, items[at])])


@dataclass(frozen=True, slots=True)
class MemberEase:
    """EASE over members: ``inverse`` is ``(XX' + lambda I)^-1``, ``diagonal`` that of ``lambda P``."""

    owners: sparse.csr_array
    """Items to who has them."""
    items: sparse.csc_array
    """Members to their items."""
    inverse: Floats
    diagonal: Floats

    def scores(self, rows: sparse.csr_array) -> Floats:
        """See ``Scorer``."""
        common = np.asarray((rows @ self.owners).todense())
        return np.asarray((common @ self.inverse) @ self.items) / self.diagonal

    def parts(self, items: Indices) -> Parts:
        """See ``Scorer``. A dense row of members for each of the items."""
        solved, diagonal = np.asarray(self.items[:, items].T @ self.inverse), self.diagonal[items]
        return lambda known, at: np.asarray(self.owners[known] @ solved[at].T) / diagonal[at]


@dataclass(frozen=True, slots=True)
class MemberWalk:
    """A walk over members: from items to who has them, and on to what those have."""

    back: sparse.csr_array
    """Items to members."""
    forth: sparse.csc_array
    """Members to items."""

    def scores(self, rows: sparse.csr_array) -> Floats:
        """See ``Scorer``."""
        common = np.asarray((rows @ self.back).todense())
        return np.asarray(common @ self.forth)

    def parts(self, items: Indices) -> Parts:
        """See ``Scorer``."""
        forth = self.forth[:, items]
        return lambda known, at: np.asarray((self.back[known] @ forth[:, at]).todense())


@dataclass(frozen=True, slots=True)
class Head:
    """A model of the first ``width`` items alone, among many more."""

    inner: Scorer
    width: int

    def scores(self, rows: sparse.csr_array) -> Floats:
        """See ``Scorer``; nothing is known of the other items."""
        found = np.zeros(rows.shape)
        found[:, : self.width] = self.inner.scores(rows[:, : self.width])
        return found

    def parts(self, items: Indices) -> Parts:
        """See ``Scorer``."""
        inside = items < self.width
        inner, places = self.inner.parts(items[inside]), np.cumsum(inside) - 1

        def of(known: Indices, at: Indices) -> Floats:
            parts = np.zeros((len(known), len(at)))
            rows, columns = np.flatnonzero(known < self.width), np.flatnonzero(inside[at])
            parts[np.ix_(rows, columns)] = inner(known[rows], places[at[columns]])
            return parts

        return of


def ease(matrix: sparse.csr_array, penalty: float) -> Scorer:
    """EASE with the given lambda. The columns are in order of how many members have them."""
    members, items = matrix.shape
    if min(members, items) > MAX_SIDE:
        return Head(ease(matrix[:, :MAX_SIDE], penalty), MAX_SIDE)
    return _ease_over_items(matrix, penalty) if items <= members else _ease_over_members(matrix, penalty)


def _ease_over_items(matrix: sparse.csr_array, penalty: float) -> ItemWeights:
    """Row by row ("C"), as sparse rows are multiplied by it: in the other order, each product copies it whole."""
    gram = np.asarray((matrix.T @ matrix).todense(order="C"))
    gram[np.diag_indices_from(gram)] += penalty
    inverse = linalg.inv(gram, overwrite_a=True, check_finite=False)
    inverse /= -np.diag(inverse).copy()
    np.fill_diagonal(inverse, 0.0)
    return ItemWeights(inverse)


def _ease_over_members(matrix: sparse.csr_array, penalty: float) -> MemberEase:
    kernel = np.asarray((matrix @ matrix.T).todense())
    kernel[np.diag_indices_from(kernel)] += penalty
    inverse = linalg.inv(kernel, overwrite_a=True, check_finite=False)
    items = sparse.csc_array(matrix)
    return MemberEase(sparse.csr_array(matrix.T), items, inverse, np.maximum(1.0 - _taken(items, inverse), 1e-9))


def _taken(items: sparse.csc_array, inverse: Floats) -> Floats:
    """The diagonal of ``X'(XX' + lambda I)^-1 X``, some items at a time: each needs a dense column of members."""
    members, count = items.shape
    width = max(1, _DENSE_CELLS // members)
    found = [np.zeros(0)]
    for start in range(0, count, width):
        some = items[:, start : start + width]
        found.append(np.asarray(some.multiply(inverse @ some).sum(axis=0)).ravel())
    return np.concatenate(found)


def walk(matrix: sparse.csr_array, known: float, member: float, worth: float) -> Scorer:
    """A walk whose steps are damped: by how many members an item has (``known``, ``worth``), and items a member."""
    items = np.maximum(np.asarray(matrix.sum(axis=0)).ravel(), 1.0)
    members = np.maximum(np.asarray(matrix.sum(axis=1)).ravel(), 1.0)
    back = sparse.csr_array(sparse.diags_array(items**-known) @ matrix.T)
    forth = sparse.csr_array(sparse.diags_array(members**-member) @ matrix @ sparse.diags_array(items**-worth))
    if matrix.shape[1] > min(MAX_SIDE, matrix.shape[0]):
        return MemberWalk(back, sparse.csc_array(forth))
    weights = np.asarray((back @ forth).todense())
    np.fill_diagonal(weights, 0.0)
    return ItemWeights(weights)
