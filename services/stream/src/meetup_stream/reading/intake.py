"""The bounded space between the reader of the socket and the writer of objects, and what travels through it in order.

While the store is down it fills; then the reader stands still, the socket fills, and the server waits or hangs up. What
it has sent and nobody read is asked for again at the reconnect. A reader that stood still goes on when half is taken:
if it went on at once, the two threads would change places for every few lines of a stream that catches up.
"""

import threading
from collections import deque
from dataclasses import dataclass
from typing import Final

from meetup_stream.reading.lines import Line, OversizedLine

MAX_BYTES: Final = 8 * 1024 * 1024
"""About 5,700 rsvps, an hour of that feed: room for any hiccup of a store, and a tenth of the container's memory."""
MAX_LINES: Final = 20_000
"""A bound for feeds of tiny lines, whose cost is in their number."""
MAX_MARKS: Final = 1_000
"""Beginnings and ends of connections: a server that flaps while the store is down."""

TimedLine = tuple[Line, float]
"""A line and the monotonic time at which it was read, in seconds."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection is open; ``at`` in seconds since the epoch. ``whole``: the whole database was asked for."""

    at: float
    whole: bool


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of the connection that was opened last."""

    timed: list[TimedLine]


@dataclass(frozen=True, slots=True)
class Closed:
    """That connection has ended, and why."""

    at: float
    cause: str


Event = Opened | Lines | Closed


class Intake:
    """Events in the order in which they came; one reader puts, one writer takes."""

    def __init__(self, *, max_bytes: int = MAX_BYTES, max_lines: int = MAX_LINES, max_marks: int = MAX_MARKS) -> None:
        self._max_bytes = max_bytes
        self._max_lines = max_lines
        self._max_marks = max_marks
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._emptied = threading.Condition(self._lock)
        self._lines: deque[TimedLine] = deque()
        self._marks: deque[tuple[int, Opened | Closed]] = deque()
        """With the number of lines that were put before each."""
        self._put = 0
        self._taken = 0
        self._bytes = 0
        self._full = False
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many lines are read and not yet taken."""
        return len(self._lines)

    @property
    def drained(self) -> bool:
        """Whether nothing more will come out."""
        return self._closed and not self._lines and not self._marks

    def put(self, event: Event, *, timeout: float) -> bool:
        """Hand over what one read brought, all or nothing; ``False`` if there was no room within ``timeout`` seconds.

        There is room until a bound is reached, so they are exceeded by at most one read, and then again below half.
        """
        with self._lock:
            if self._full and not self._emptied.wait_for(lambda: self._closed or not self._full, timeout):
                return False
            if not self._closed:
                self._add(event)
                self._full = self._is_at_least(self._max_bytes, self._max_lines, self._max_marks)
                self._arrived.notify()
            return True

    def take(self, most: int, *, timeout: float) -> Event | None:
        """The next event, as soon as there is one, lines up to ``most``; ``None`` if none came within ``timeout``."""
        with self._lock:
            self._arrived.wait_for(lambda: self._closed or bool(self._lines or self._marks), timeout)
            event = self._next(most)
            half = (self._max_bytes // 2 + 1, self._max_lines // 2 + 1, self._max_marks // 2 + 1)
            if self._full and not self._is_at_least(*half):
                self._full = False
                self._emptied.notify()
            return event

    def close(self) -> None:
        """Nothing more comes in; what is there can still be taken."""
        with self._lock:
            self._closed = True
            self._arrived.notify_all()
            self._emptied.notify_all()

    def _add(self, event: Event) -> None:
        if isinstance(event, Lines):
            self._lines.extend(event.timed)
            self._put += len(event.timed)
            self._bytes += sum([_size(line) for line, _ in event.timed])
        else:
            self._marks.append((self._put, event))

    def _next(self, most: int) -> Event | None:
        before_mark = self._marks[0][0] - self._taken if self._marks else len(self._lines)
        if self._marks and not before_mark:
            return self._marks.popleft()[1]
        taken = [self._lines.popleft() for _ in range(min(most, before_mark))]
        self._taken += len(taken)
        self._bytes -= sum([_size(line) for line, _ in taken])
        return Lines(taken) if taken else None

    def _is_at_least(self, size: int, lines: int, marks: int) -> bool:
        return self._bytes >= size or len(self._lines) >= lines or len(self._marks) >= marks


def _size(line: Line) -> int:
    return len(line.beginning) if isinstance(line, OversizedLine) else len(line)
