"""The time that generated records are modified at."""

import random
from dataclasses import dataclass
from typing import Final

_JITTER: Final = 0.4
"""Share of the gap by which an mtime lies off its exact place; below one half it never passes its neighbour's."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A stop that a world has to make up for: so many records since then, in milliseconds."""

    records: int
    since: int


class MtimeClock:
    """Milliseconds since the epoch, one mean gap further with each record of the feed.

    The records of a ``pause`` before ``start`` come first, evenly spread over it. ``before`` is how many records the
    feed has sent already, for numbers that go on.
    """

    def __init__(
        self, start: int, per_second: float, dice: random.Random, *, pause: Pause | None = None, before: int = 0
    ) -> None:
        self._start = start
        self._gap = 1000 / per_second
        self._dice = dice
        self._pause = pause or Pause(0, start)
        self._records = 0
        self.before = before

    def advance(self) -> None:
        """A record is published."""
        self._records += 1

    def now(self) -> int:
        """When the record that is published next was modified."""
        place = self._records - self._pause.records + self._dice.uniform(-_JITTER, _JITTER)
        if self._records >= self._pause.records:
            return int(self._start + place * self._gap)
        gap = (self._start - self._pause.since) / (self._pause.records + 1)
        return int(self._start + place * gap)
