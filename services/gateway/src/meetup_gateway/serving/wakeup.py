"""Tells the streams that the log grew: from the poller's thread into the server's event loop."""

import asyncio
import threading


class Wakeup:
    """``announce`` from any thread; ``grown`` in the event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._stopped = False

    def announce(self) -> None:
        """The log grew."""
        with self._lock:
            waiting, self._waiting = self._waiting, set()
        for loop, event in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    def stop(self) -> None:
        """Streams end."""
        self._stopped = True
        self.announce()

    @property
    def stopped(self) -> bool:
        """Whether streams are to end."""
        return self._stopped

    def register(self) -> asyncio.Event:
        """An event that the next announcement sets; made before the log is read, so that nothing is missed."""
        event = asyncio.Event()
        with self._lock:
            self._waiting.add((asyncio.get_running_loop(), event))
        return event

    def forget(self, event: asyncio.Event) -> None:
        """Whoever waited has gone."""
        with self._lock:
            self._waiting = {pair for pair in self._waiting if pair[1] is not event}
