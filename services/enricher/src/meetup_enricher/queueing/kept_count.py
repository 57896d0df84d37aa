"""How often a queue is counted: less often the longer that takes.

Firestore counts a queue entry by entry and is paid by them, so counting takes no more than a twentieth of the time,
whoever asks. SQLite counts an index, which costs nothing worth keeping.
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
_FREE_SECONDS: Final = 0.1
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
        self._counting = threading.Lock()
        self._kept = Waiting(0, 0.0)
        self._good_until = -1.0

    def get(self) -> Waiting:
        """Raises what counting raises."""
        with self._counting:
            began = self._timer()
            if began >= self._good_until:
                self._kept = self._count()
                ended = self._timer()
                self._good_until = ended + _good_for(ended - began)
            return self._kept

    def queued(self, ids: int) -> None:
        """So many more wait; a count that is under way may hold them already, until the next."""
        self._kept = replace(self._kept, depth=self._kept.depth + ids)


def _good_for(seconds: float) -> float:
    """How long a count is used again that took so long."""
    return min(LONGEST_SECONDS, SHARE * seconds) if seconds >= _FREE_SECONDS else 0.0
