"""Which feed is to be looked at next: a level-triggered queue with back-off.

A feed is in the queue once, however often it is woken, and with one worker at a time. A failed feed waits by the
retry policy's curve (``meetupkit.retry``), one that was dealt with rests a moment, and no event shortens the wait: a
throttled API server is left alone.
"""

import asyncio
import heapq
import random
import time
from collections.abc import Callable
from typing import Final

from meetupkit.retry import CEILING_SECONDS, INITIAL_SECONDS, doubled

from meetup_feed_operator.resources.meetupfeed import FeedKey

_REST_SECONDS: Final = 1.0
"""Of a feed that was dealt with. Without it two that want different things of one object (another controller, for one)
would answer each other as fast as the API server can. Drift has 30 s to be repaired in."""


class WorkQueue:
    """Belongs to one event loop. Times are seconds of ``clock``."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: dict[FeedKey, float] = {}
        self._order: list[tuple[float, FeedKey]] = []
        """A heap of what is due when; entries that ``_due`` contradicts are passed over."""
        self._not_before: dict[FeedKey, float] = {}
        self._failures: dict[FeedKey, int] = {}
        self._busy: set[FeedKey] = set()
        self._changed = asyncio.Event()

    def wake(self, key: FeedKey, *, after: float = 0.0) -> None:
        """The feed is due ``after`` seconds from now, unless it is due earlier."""
        due = max(self._clock() + after, self._not_before.get(key, 0.0))
        self._schedule(key, min(due, self._due.get(key, due)))

    async def take(self, within: float) -> FeedKey | None:
        """The feed that is due longest, or ``None`` when none is due within so many seconds."""
        end = self._clock() + within
        while True:
            first, now = self._first(), self._clock()
            if first is not None and first[0] <= now:
                heapq.heappop(self._order)
                del self._due[first[1]]
                self._busy.add(first[1])
                return first[1]
            if now >= end:
                return None
            self._changed.clear()
            try:
                async with asyncio.timeout((min(end, first[0]) if first else end) - now):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def done(self, key: FeedKey) -> None:
        """The feed was dealt with."""
        self._failures.pop(key, None)
        rested = self._not_before[key] = self._clock() + _REST_SECONDS
        if key in self._due:
            self._due[key] = max(rested, self._due[key])
        self._release(key)

    def forget(self, key: FeedKey) -> None:
        """The feed is gone."""
        self._failures.pop(key, None)
        self._not_before.pop(key, None)
        self._release(key)

    def failed(self, key: FeedKey, retry_after: float | None = None) -> float:
        """The feed is to be tried again, and in how many seconds."""
        count = self._failures[key] = self._failures.get(key, 0) + 1
        ceiling = doubled(count, first=2 * INITIAL_SECONDS, longest=CEILING_SECONDS)
        wait = max(retry_after or 0.0, random.uniform(ceiling / 2, ceiling))
        self._not_before[key] = self._clock() + wait
        self._due[key] = self._not_before[key]
        self._release(key)
        return wait

    def depth(self) -> int:
        """How many feeds are due now."""
        now = self._clock()
        return sum(due <= now for due in self._due.values())

    def _first(self) -> tuple[float, FeedKey] | None:
        """What is due first and with no worker; a feed comes back into the order when its worker lets it go."""
        while self._order:
            due, key = self._order[0]
            if key not in self._busy and self._due.get(key) == due:
                return self._order[0]
            heapq.heappop(self._order)
        return None

    def _schedule(self, key: FeedKey, due: float) -> None:
        if self._due.get(key) != due:
            self._due[key] = due
            if key not in self._busy:
                heapq.heappush(self._order, (due, key))
        self._changed.set()

    def _release(self, key: FeedKey) -> None:
        self._busy.discard(key)
        if key in self._due:
            heapq.heappush(self._order, (self._due[key], key))
        self._changed.set()
