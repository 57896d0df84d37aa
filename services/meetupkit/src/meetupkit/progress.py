"""Alive means moving: a loop says by when it will move again, and is stalled if it did not.

A loop that waits on purpose (for a record, for a store that is down) says how long it will wait, so an outage of
somebody else never looks like a stall, and a restart is asked for only when one would help.
"""

import threading
import time
from collections.abc import Callable


class Progress:
    """The promises of a service's loops, each under its own name."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._due: dict[str, float] = {}

    def moving(self, loop: str, within: float) -> None:
        """The loop has moved, and will again within so many seconds."""
        with self._lock:
            self._due[loop] = self._clock() + within

    def ended(self, loop: str) -> None:
        """The loop ended as it should; nothing more is expected of it."""
        with self._lock:
            self._due.pop(loop, None)

    def stalled(self) -> dict[str, float]:
        """The loops that are late, and by how many seconds."""
        now = self._clock()
        with self._lock:
            return {loop: now - due for loop, due in self._due.items() if now > due}
