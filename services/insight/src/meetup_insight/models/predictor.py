"""From interactions to the best items of each member, with reasons. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from scipy import sparse

from meetup_insight.models.blend import Model, lifted, tops
from meetup_insight.models.interactions import Floats, Indices, Interactions
from meetup_insight.models.newcomers import cover
from meetup_insight.models.selection import Chosen, choose
from meetup_insight.models.splits import split

_BATCH_CELLS: Final = 2_000_000
"""Scores held at once: 16 MB for each of the models. From 32 MB on, glibc returns memory at once and asks anew."""
_Ranked = tuple[int, float, tuple[str, ...]]
"""An item, its score, and the reasons. What fills a list up because no model says anything of it scores 0."""


class Recommendation(NamedTuple):
    """One item for one member; ``because`` are items that the member has."""

    member: str
    item: str
    rank: int
    score: float
    because: tuple[str, ...]


class Predictor:
    """A model chosen and fitted by the interactions alone."""

    def __init__(self, interactions: Interactions, chosen: Chosen | None = None) -> None:
        self.interactions = interactions
        self.chosen = chosen or choose(split(interactions))
        self.model = Model.fit(interactions, self.chosen.parameters)
        self._row_of = {member: row for row, member in enumerate(interactions.members)}

    def recommend(self, members: Iterable[str], most: int) -> Iterator[Recommendation]:
        """Up to ``most`` items for each member, whether the interactions know the member or not."""
        newcomer = self._newcomer(most)
        batch: list[str] = []
        size = max(1, _BATCH_CELLS // max(1, len(self.interactions.items)))
        for member in members:
            batch.append(member)
            if len(batch) == size:
                yield from self._batch(batch, most, newcomer)
                batch = []
        yield from self._batch(batch, most, newcomer)

    def _newcomer(self, most: int) -> list[_Ranked]:
        """What anybody is shown of whom nothing is known, with falling scores below 1."""
        worth: Floats = lifted(self.interactions, self.chosen.parameters)
        items = cover(self.interactions.matrix, worth, most).tolist()
        return [(item, 1.0 / (rank + 1), ()) for rank, item in enumerate(items)]

    def _batch(self, members: Sequence[str], most: int, newcomer: Sequence[_Ranked]) -> Iterator[Recommendation]:
        known = [member for member in members if member in self._row_of]
        ranked: Iterator[Sequence[_Ranked]] = iter(())
        if known:
            rows = self.model.profiles[[self._row_of[member] for member in known]]
            ranked = self._ranked(rows, most)
        for member in members:
            found = next(ranked) if member in self._row_of else newcomer
            for rank, (item, score, because) in enumerate(found, start=1):
                yield Recommendation(member, self.interactions.items[item], rank, score, because)

    def _ranked(self, rows: sparse.csr_array, most: int) -> Iterator[list[_Ranked]]:
        """The best items of each row."""
        names = self.interactions.items
        found = self.model.scores(rows)
        lists = tops(found, most)
        for scores, items, reasons in zip(found, lists, self.model.because(rows, lists), strict=True):
            yield [
                (int(item), float(scores[item]), tuple(names[each] for each in because) if scores[item] > 0 else ())
                for item, because in zip(items.tolist(), reasons, strict=True)
            ]


def rankings(model: Model, rows: Sequence[int], depth: int) -> dict[int, Indices]:
    """The best items of each row, as indices."""
    found: dict[int, Indices] = {}
    size = max(1, _BATCH_CELLS // max(1, model.profiles.shape[1]))
    for start in range(0, len(rows), size):
        part = list(rows[start : start + size])
        found |= zip(part, tops(model.scores(model.profiles[part]), depth), strict=True)
    return found
