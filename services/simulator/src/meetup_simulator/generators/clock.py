"""The time that generated records are modified at."""

import random
from typing import Final

_JITTER: Final = 0.4
"""Share of the gap by which an mtime lies off its exact place; below one half it never passes its neighbour's."""


class MtimeClock:
    """Milliseconds since the epoch, one mean gap further with each record of the feed."""

    def __init__(self, start: int, per_second: float, dice: random.Random) -> None:
        self._start = start
        self._gap = 1000 / per_second
        self._dice = dice
        self._records = 0

    def advance(self) -> None:
        """A record is published."""
        self._records += 1

    def now(self) -> int:
        """When the record that is published next was modified."""
        return int(self._start + (self._records + self._dice.uniform(-_JITTER, _JITTER)) * self._gap)
