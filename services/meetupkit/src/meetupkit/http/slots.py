"""How many requests of a kind are worked on at once: one too many is told to come back, and waits for nobody."""

from collections.abc import Iterator
from contextlib import contextmanager


class NoSlot(Exception):
    """As many are worked on as may be."""


class Slots:
    """For one event loop."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """A slot until the end of the block; raises ``NoSlot``."""
        if self._taken >= self._limit:
            raise NoSlot(f"{self._taken} requests of this kind are being worked on")
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
