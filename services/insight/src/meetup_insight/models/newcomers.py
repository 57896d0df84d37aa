"""What is shown to who has nothing yet. Pure.

"Most popular is boring": the second most popular item mostly has the members of the first. So items are taken one
after another, each for the members it brings beside those already taken for: the more often a member was served, the
less serving that member again is worth (a greedy cover, which is within 1 - 1/e of the best possible).
"""

from typing import Final

import numpy as np
from scipy import sparse

from meetup_insight.models.interactions import Floats, Indices

_MOST_STEPS: Final = 200
"""Nobody reads further; what is left follows by how many members have it."""


def cover(matrix: sparse.csr_array, worth: Floats, depth: int) -> Indices:
    """The first ``depth`` items. ``worth`` multiplies what an item is worth to each of its members."""
    columns = sparse.csc_array(matrix)
    served = np.zeros(matrix.shape[0])
    left = np.ones(matrix.shape[1], dtype=bool)
    order: list[int] = []
    for _ in range(min(depth, matrix.shape[1], _MOST_STEPS)):
        gains = np.round(np.asarray((1.0 / (1.0 + served)) @ columns) * worth, 9)
        gains[~left] = -1.0
        item = int(np.argmax(gains))
        order.append(item)
        left[item] = False
        served[columns.indices[columns.indptr[item] : columns.indptr[item + 1]]] += 1.0
    rest = np.flatnonzero(left)[: max(0, depth - len(order))]
    return np.array([*order, *rest.tolist()], dtype=np.int64)
