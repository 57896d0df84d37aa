"""Notifies a worker of the same process that ids have come, so that it need not ask the store all the time."""

import threading


class Wakeup:
    """A notification with a counter. Only a hint: the store decides what is in the queue."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._closed = False
        self._count = 0

    @property
    def count(self) -> int:
        """How many ids have come since the start."""
        with self._changed:
            return self._count

    def notify(self, ids: int) -> None:
        """So many ids have been queued."""
        with self._changed:
            self._count += ids
            self._changed.notify_all()

    def wait(self, until: int, seconds: float) -> None:
        """Return when the count has reached ``until``, after so many seconds, or when it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._count >= until, seconds)

    def close(self) -> None:
        """Nobody waits any more: the service stops."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
