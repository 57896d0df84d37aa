"""The bounded space between the reader of the socket and the writer of objects.

While the store is down it fills; then the reader stands still, the socket fills, and the server waits or hangs up. What
it has sent and nobody read is asked for again at the reconnect.
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
        self._changed = threading.Condition()
        self._lines: deque[TimedLine] = deque()
        self._bytes = 0
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

        There is room while the bounds are not reached, so they are exceeded by at most one read.
        """
        with self._changed:
            if self._full() and not self._changed.wait_for(lambda: self._closed or not self._full(), timeout):
                return False
            if not self._closed:
                self._lines.extend([(line, read_at) for line in lines])
                self._bytes += sum(map(_size, lines))
                self._changed.notify_all()
            return True

    def take(self, most: int, *, timeout: float) -> list[TimedLine]:
        """Up to ``most`` lines, as soon as there is one; none if none came within ``timeout`` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or bool(self._lines), timeout)
            taken = [self._lines.popleft() for _ in range(min(most, len(self._lines)))]
            self._bytes -= sum(_size(line) for line, _ in taken)
            self._changed.notify_all()
            return taken

    def close(self) -> None:
        """Nothing more comes in; what is there can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _full(self) -> bool:
        return self._bytes >= self._max_bytes or len(self._lines) >= self._max_lines


def _size(line: Line) -> int:
    return len(line.beginning) if isinstance(line, OversizedLine) else len(line)
