"""The one guard of the API: every call of every worker waits for it; one breaker and one rate limiter decide when.

Both kinds use the same key and the same servers, so what one worker learns holds for the other.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from meetupkit.errors import Throttled, UpstreamRefused, UpstreamUnavailable
from meetupkit.limited_log import LimitedLog

from meetup_enricher.meetup.breaker import Breaker, State
from meetup_enricher.meetup.rate_limit import RateLimiter, read_budget
from meetup_enricher.meetup.responses import IdsRefused, ThrottledRepeatedly
from meetup_enricher.metrics import Metrics

log = logging.getLogger(__name__)
limited = LimitedLog(log)
T = TypeVar("T")

_LONGEST_WAIT_SECONDS: Final = 5.0
"""A waiting worker reports at least this often that it is alive and for how long it still waits."""


class GuardClosed(Exception):
    """The service stops; no further call is made."""


class ApiGuard:
    """Thread-safe. ``waiting`` is told the seconds of each wait before it."""

    def __init__(
        self,
        *,
        breaker: Breaker,
        rate_limiter: RateLimiter,
        metrics: Metrics,
        stopping: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._breaker = breaker
        self._rate_limiter = rate_limiter
        self._metrics = metrics
        self._stopping = stopping
        self._clock = clock
        self._lock = threading.Lock()
        metrics.breaker(State.CLOSED)

    @property
    def refusal(self) -> str | None:
        """Why Meetup refuses every call, while it does."""
        with self._lock:
            return self._breaker.refusal

    def wait(self, waiting: Callable[[float], None], *, enter: bool = False) -> None:
        """Return when a call may be made; with ``enter``, it has begun. ``GuardClosed`` when the service stops."""
        while not self._stopping.is_set():
            with self._lock:
                now = self._clock()
                seconds = max(self._breaker.wait(now), self._rate_limiter.wait(now))
                if seconds <= 0:
                    if enter:
                        self._enter(now)
                    return
            waiting(seconds)
            self._stopping.wait(min(seconds, _LONGEST_WAIT_SECONDS))
        raise GuardClosed

    def call(self, request: Callable[[], T], waiting: Callable[[float], None]) -> T:
        """Make the call when it may be made, and learn from how it ends; raises what it raises."""
        self.wait(waiting, enter=True)
        try:
            answer = request()
        except Throttled as error:
            self._throttled(error)
            raise
        except IdsRefused:
            self._changed(self._breaker.answered)
            raise
        except UpstreamRefused as error:
            self.refused(str(error), getattr(error, "retry_after", None))
            raise
        except UpstreamUnavailable:
            self._changed(lambda: self._breaker.failed(self._clock()))
            raise
        else:
            self._changed(self._breaker.succeeded, self._rate_limiter.succeeded)
            return answer
        finally:
            with self._lock:
                self._rate_limiter.left()
                self._breaker.abandoned()

    def observe(self, headers: Mapping[str, str]) -> None:
        """The headers of an answer, whatever its status; before the call that got them ends."""
        budget = read_budget(headers)
        if budget is None:
            return
        with self._lock:
            self._rate_limiter.observed(budget, self._clock())
        self._metrics.rate_limit_remaining.set(budget.remaining)

    def refused(self, why: str, retry_after: float | None = None) -> None:
        """Meetup refuses the key, or everything that is asked for: nobody calls for a while."""
        self._changed(lambda: self._breaker.refused(self._clock(), why, retry_after))
        if self.refusal is None:
            limited.warning("refused", "Meetup refused a call, trying again: %s", why, extra={"event": "call_refused"})

    def _enter(self, now: float) -> None:
        before, refusal = self._breaker.state, self._breaker.refusal
        self._breaker.entered()
        self._rate_limiter.entered(now)
        self._report(before, refusal)

    def _throttled(self, error: Throttled) -> None:
        """Throttling pauses everyone, but it is an answer: the breaker stays out of it."""
        with self._lock:
            error.retry_after = self._rate_limiter.throttled(
                self._clock(), retry_after=error.retry_after, repeatedly=isinstance(error, ThrottledRepeatedly)
            )
        self._changed(self._breaker.answered)

    def _changed(self, *changes: Callable[[], None]) -> None:
        with self._lock:
            before, refusal = self._breaker.state, self._breaker.refusal
            for change in changes:
                change()
            self._report(before, refusal)

    def _report(self, before: State, refusal: str | None) -> None:
        state = self._breaker.state
        self._metrics.api_refused.set(1 if self._breaker.refusal else 0)
        if self._breaker.refusal and not refusal:
            log.error(
                "Meetup refuses every call, ids stay queued: %s",
                self._breaker.refusal,
                extra={"event": "api_refused"},
            )
        if state is before:
            return
        self._metrics.breaker(state)
        self._metrics.breaker_changes.labels(state.value).inc()
        level = logging.WARNING if state is State.OPEN else logging.INFO
        extra = {"event": "breaker", "state": state.value}
        limited.line(level, f"breaker {state}", "API breaker: %s -> %s", before, state, extra=extra)
