"""Which feed is to be looked at next: a level-triggered queue with backoff.

A feed is in the queue once, however often it is woken, and with one worker at a time. A failed feed waits by the
retry policy's curve (``meetupkit.retry``), one that was dealt with rests a moment, and no event shortens the wait: a
throttled API server is left alone.
"""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Final

from meetupkit.retry import CEILING_SECONDS, INITIAL_SECONDS

from meetup_feed_operator.resource import FeedKey

_REST_SECONDS: Final = 1.0
"""Of a feed that was dealt with. Without it two that want different things of one object (another controller, an
operator of other settings) would answer each other as fast as the API server can. Drift has 30 s to be repaired in."""


class WorkQueue:
    """Belongs to one event loop. Times are seconds of ``clock``."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: dict[FeedKey, float] = {}
        self._not_before: dict[FeedKey, float] = {}
        self._failures: dict[FeedKey, int] = {}
        self._busy: set[FeedKey] = set()
        self._changed = asyncio.Event()

    def wake(self, key: FeedKey, *, after: float = 0.0) -> None:
        """The feed is due ``after`` seconds from now, unless it is due earlier."""
        due = max(self._clock() + after, self._not_before.get(key, 0.0))
        self._due[key] = min(due, self._due.get(key, due))
        self._changed.set()

    async def take(self, within: float) -> FeedKey | None:
        """The feed that is due longest, or ``None`` when none is due within so many seconds."""
        end = self._clock() + within
        while True:
            waiting = {key: due for key, due in self._due.items() if key not in self._busy}
            now = self._clock()
            first = min(waiting, key=waiting.__getitem__, default=None)
            if first is not None and waiting[first] <= now:
                del self._due[first]
                self._busy.add(first)
                return first
            if now >= end:
                return None
            self._changed.clear()
            pause = min(end, waiting[first] if first is not None else end) - now
            try:
                async with asyncio.timeout(pause):
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
        ceiling = min(CEILING_SECONDS, INITIAL_SECONDS * 2 ** min(count, 16))
        wait = max(retry_after or 0.0, random.uniform(ceiling / 2, ceiling))
        self._not_before[key] = self._clock() + wait
        self._due[key] = self._not_before[key]
        self._release(key)
        return wait

    def depth(self) -> int:
        """How many feeds are due now."""
        now = self._clock()
        return sum(due <= now for due in self._due.values())

    def _release(self, key: FeedKey) -> None:
        self._busy.discard(key)
        self._changed.set()
