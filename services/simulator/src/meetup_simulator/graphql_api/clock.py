"""The time of the simulated world: an argument, so that a test can let a day pass in a second."""

import time
from collections.abc import Callable
from typing import Final

_MS: Final = 1000


class WorldClock:
    """Milliseconds since the epoch, from ``epoch`` on, ``speed`` times as fast as ``ticks`` (seconds).

    With ``speed`` 0 it stands still until ``advance`` moves it.
    """

    def __init__(self, epoch: int, speed: float = 1.0, ticks: Callable[[], float] = time.monotonic) -> None:
        self._ticks = ticks
        self._speed = speed
        self._began = ticks()
        self._epoch = epoch

    def now(self) -> int:
        """The time now."""
        return self._epoch + int((self._ticks() - self._began) * self._speed * _MS)

    def advance(self, seconds: float) -> int:
        """Let so many seconds pass at once; returns the time then."""
        self._epoch += int(seconds * _MS)
        return self.now()
