"""The bounded space between the reader of the socket and the writer of objects.

While the store is down it fills; then the reader stands still, the socket fills, and the server waits or hangs up. What
it has sent and nobody read is asked for again at the reconnect. A reader that stood still goes on when half is taken:
if it went on at once, the two threads would change places for every few lines of a stream that catches up.
"""

import threading
from collections import deque
from collections.abc import Sequence
from typing import Final

from meetup_stream.lines import Line, OversizedLine

MAX_BYTES: Final = 8 * 1024 * 1024
"""About 5,700 rsvps, an hour of that feed: room for any hiccup of a store, and a tenth of the container's memory."""
MAX_LINES: Final = 20_000
"""A bound for feeds of tiny lines, whose cost is in their number."""

TimedLine = tuple[Line, float]
"""A line and the monotonic time at which it was read, in seconds."""


class Intake:
    """Lines in the order they were read; one reader puts, one writer takes."""

    def __init__(self, *, max_bytes: int = MAX_BYTES, max_lines: int = MAX_LINES) -> None:
        self._max_bytes = max_bytes
        self._max_lines = max_lines
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._emptied = threading.Condition(self._lock)
        self._lines: deque[TimedLine] = deque()
        self._bytes = 0
        self._full = False
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many lines are read and not yet taken."""
        return len(self._lines)

    @property
    def closed(self) -> bool:
        """Whether nothing more will come in."""
        return self._closed

    def put(self, lines: Sequence[Line], read_at: float, *, timeout: float) -> bool:
        """Hand over what one read brought, all or nothing; ``False`` if there was no room within ``timeout`` seconds.

        There is room until a bound is reached, so they are exceeded by at most one read, and then again below half.
        """
        with self._lock:
            if self._full and not self._emptied.wait_for(lambda: self._closed or not self._full, timeout):
                return False
            if not self._closed:
                self._lines.extend([(line, read_at) for line in lines])
                self._bytes += sum(map(_size, lines))
                self._full = self._bytes >= self._max_bytes or len(self._lines) >= self._max_lines
                self._arrived.notify()
            return True

    def take(self, most: int, *, timeout: float) -> list[TimedLine]:
        """Up to ``most`` lines, as soon as there is one; none if none came within ``timeout`` seconds."""
        with self._lock:
            self._arrived.wait_for(lambda: self._closed or bool(self._lines), timeout)
            taken = [self._lines.popleft() for _ in range(min(most, len(self._lines)))]
            self._bytes -= sum([_size(line) for line, _ in taken])
            if self._full and self._bytes <= self._max_bytes // 2 and len(self._lines) <= self._max_lines // 2:
                self._full = False
                self._emptied.notify()
            return taken

    def close(self) -> None:
        """Nothing more comes in; what is there can still be taken."""
        with self._lock:
            self._closed = True
            self._arrived.notify_all()
            self._emptied.notify_all()


def _size(line: Line) -> int:
    return len(line.beginning) if isinstance(line, OversizedLine) else len(line)
