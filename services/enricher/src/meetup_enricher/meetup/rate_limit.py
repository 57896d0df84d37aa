"""Keeps to the API's rate limit as its ``X-RateLimit-*`` headers tell it. Pure: the time is an argument.

The limit belongs to the key, so every worker shares one rate limiter. What this process has under way is subtracted
from what the server says remains, because the server may not have counted it yet.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from meetupkit.retry import doubled

LONGEST_SECONDS: Final = 86_400.0
"""Clients of the time tell of waits of "an hour, ... a day" after repeated throttling; more than a day is an error."""
LONGEST_WINDOW_SECONDS: Final = 3600.0
"""Meetup's windows were of seconds (30 calls in 10 s was seen) to an hour. A ``Reset`` beyond is no window: a date
where the seconds until then belong, or a clock gone wrong. Believed, it would stop all calls for a day."""
LONGEST_BACKOFF_SECONDS: Final = 3600.0
"""Meetup counts throttling "in one hour", so after an hour of silence the count is gone."""
REPEATED_SECONDS: Final = 60.0
"""The least wait after "throttled more than the allowed times in one hour": further calls make it worse."""
_FIRST_SECONDS: Final = 1.0
"""Without a word of how long: of the 30 calls in 10 s that were seen, some are free again by then."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a server's headers say: ``remaining`` calls of ``limit`` until so many seconds from then."""

    limit: int
    remaining: int
    reset_seconds: float


def read_budget(headers: Mapping[str, str]) -> Budget | None:
    """The budget in an answer's headers; ``None`` if they do not hold a whole one that makes sense."""
    limit = _number(headers.get("X-RateLimit-Limit"))
    remaining = _number(headers.get("X-RateLimit-Remaining"))
    reset = _number(headers.get("X-RateLimit-Reset"))
    if limit is None or remaining is None or reset is None or limit < 1 or reset > LONGEST_WINDOW_SECONDS:
        return None
    return Budget(int(limit), int(remaining), reset)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


class RateLimiter:
    """Not thread-safe: its guard holds a lock. Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._budget: Budget | None = None
        self._resets_at = 0.0
        self._in_flight = 0
        self._not_before = 0.0
        self._throttled_in_a_row = 0

    @property
    def remaining(self) -> int | None:
        """Calls left in this window; ``None`` while no answer has told."""
        return self._budget.remaining if self._budget else None

    def wait(self, now: float) -> float:
        """Seconds until the next call may be made; 0 is now."""
        wait = max(0.0, self._not_before - now)
        budget = self._budget
        if budget and now < self._resets_at and budget.remaining < 1:
            wait = max(wait, self._resets_at - now)
        return wait

    def entered(self, now: float) -> None:
        """A call begins.

        The first half of a window is spent as it is needed, the second half evenly until the window ends: so a short
        burst is not held up, and a long one leaves something for others with the same key.
        """
        self._in_flight += 1
        budget = self._budget
        if budget is None:
            return
        if now >= self._resets_at:
            # A new window, of which nothing is known but that the server opens it: its answer will say.
            self._budget = Budget(budget.limit, budget.limit - self._in_flight, budget.reset_seconds)
            self._resets_at = now + budget.reset_seconds
            return
        left = budget.remaining - 1
        self._budget = Budget(budget.limit, left, budget.reset_seconds)
        if 0 < left < budget.limit / 2:
            self._not_before = max(self._not_before, now + (self._resets_at - now) / (left + 1))

    def left(self) -> None:
        """The call ended, however it did."""
        self._in_flight -= 1

    def observed(self, budget: Budget, now: float) -> None:
        """An answer's headers came; the call they belong to is still under way."""
        others = self._in_flight - 1
        self._budget = Budget(budget.limit, max(0, budget.remaining - others), budget.reset_seconds)
        self._resets_at = now + budget.reset_seconds

    def throttled(self, now: float, *, retry_after: float | None, repeatedly: bool) -> float:
        """The server answered that this was too often; returns the seconds for which nobody calls.

        Without a ``Retry-After`` it is the end of the window that the headers told, and at least twice the wait of
        the throttling before this one.
        """
        self._throttled_in_a_row += 1
        if retry_after is None:
            backoff = doubled(self._throttled_in_a_row, first=_FIRST_SECONDS, longest=LONGEST_BACKOFF_SECONDS)
            window = self._resets_at - now if self._budget and self._budget.remaining < 1 else 0.0
            retry_after = max(backoff, window, REPEATED_SECONDS if repeatedly else 0.0)
        self._not_before = max(self._not_before, now + retry_after)
        return retry_after

    def succeeded(self) -> None:
        """A call was answered with profiles: the throttling is over."""
        self._throttled_in_a_row = 0
