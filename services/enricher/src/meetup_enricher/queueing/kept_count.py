"""How often a queue is counted: less often the longer that takes.

Firestore counts a queue entry by entry and is paid by them, so counting a long one takes no more than a twentieth of
the time, whoever asks.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

LONGEST_SECONDS: Final = 60.0
"""Two scrapes; an alert on the age of the oldest id looks back over hours."""
SHARE: Final = 20
"""Times as long as a count took, it is used again."""
_FREE_SECONDS: Final = 0.25
"""A faster one is made each time that somebody asks: it is a short queue's, or SQLite's."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits: how many ids, and the age of the oldest in seconds (0 if none waits)."""

    depth: int
    oldest_seconds: float


class KeptCount:
    """The latest count, and what this process has queued since. Thread-safe; those who ask at once share one count."""

    def __init__(self, count: Callable[[], Waiting], *, timer: Callable[[], float] = time.monotonic) -> None:
        self._count = count
        self._timer = timer
        self._counting, self._adding = threading.Lock(), threading.Lock()
        self._kept = Waiting(0, 0.0)
        self._since = 0
        self._good_until = -1.0

    def get(self) -> Waiting:
        """Raises what counting raises."""
        with self._counting:
            if self._timer() >= self._good_until:
                self._recount()
            return replace(self._kept, depth=self._kept.depth + self._since)

    def queued(self, ids: int) -> None:
        """So many more wait; those queued during a count are added to it, though it may hold them, until the next."""
        with self._adding:
            self._since += ids

    def _recount(self) -> None:
        with self._adding:
            before = self._since
        began = self._timer()
        self._kept = self._count()
        ended = self._timer()
        self._good_until = ended + _good_for(ended - began)
        with self._adding:
            self._since -= before


def _good_for(seconds: float) -> float:
    """How long a count is used again that took so long."""
    return min(LONGEST_SECONDS, SHARE * seconds) if seconds >= _FREE_SECONDS else 0.0
