"""What is known of the API beside its data: whether it answers, what it refuses, which fields it lost. Thread-safe."""

import logging
import threading
from collections.abc import Callable
from typing import Final, Protocol

from meetupkit.limited_log import LimitedLog
from prometheus_client import Counter

log = logging.getLogger(__name__)

_SKEW_SECONDS: Final = 30.0
"""Clocks that differ by so much make tokens invalid sooner or later."""


class ApiMetrics(Protocol):
    """What this module counts."""

    partial: Counter
    limited: Counter
    unavailable: Counter

    def reported(self, points: float) -> None:
        """The API said how many points were consumed."""


class ApiWatch:
    """The state of the API as the last answers showed it."""

    def __init__(
        self, metrics: ApiMetrics, *, removed: frozenset[str], keep_removed: Callable[[frozenset[str]], None]
    ) -> None:
        self._metrics = metrics
        self._limited = LimitedLog(log)
        self._lock = threading.Lock()
        self._keep_removed = keep_removed
        self._told = removed
        self.removed = removed
        """``Type.field`` that the API does not know any more."""
        self.refusal: str | None = None
        """Why operator action is required, or ``None``."""
        self.outage: str | None = "not asked yet"
        """Why the last request was not answered, or ``None``."""
        self.skew = 0.0
        self.consumed: float | None = None
        """Points of the window as the last refusal told them."""

    def answered(self, skew: float | None) -> None:
        """It answered."""
        if self.refusal:
            log.info("Meetup answers again", extra={"event": "api_available"})
        self.refusal = self.outage = None
        if skew is not None:
            self.skew = skew
            if abs(skew) > _SKEW_SECONDS:
                self._limited.warning("skew", "Meetup's clock is %+.0f s from this one", skew, extra={"event": "skew"})

    def refused(self, why: str) -> None:
        """It refuses until an operator acts."""
        if self.refusal != why:
            log.error("%s", why, extra={"event": "api_refused"})
        self.refusal = why

    def unavailable(self, why: str) -> None:
        """It did not answer."""
        self.outage = why
        self._metrics.unavailable.inc()
        self._limited.warning("unavailable", "Meetup did not answer: %s", why, extra={"event": "api_unavailable"})

    def partial(self) -> None:
        """It answered in part."""
        self._metrics.partial.inc()

    def limited(self, consumed: float | None, seconds: float) -> None:
        """The points are gone."""
        self._metrics.limited.inc()
        self.outage = None  # it did answer
        self.consumed = consumed
        if consumed is not None:
            self._metrics.reported(consumed)
        self._limited.warning(
            "limited", "the points are used up, waiting %.0f s", seconds, extra={"event": "rate_limited"}
        )

    def leave_out(self, fields: frozenset[str]) -> None:
        """These fields are not asked for any more."""
        with self._lock:
            self.removed |= fields
            self._keep_removed(self.removed)
            new, self._told = fields - self._told, self._told | fields
        if new:
            log.error(
                "Meetup's API lost %s: records go on without", ", ".join(sorted(new)), extra={"event": "contract"}
            )

    def ask_again(self) -> None:
        """Fields that were lost may be back: the next query names them all."""
        with self._lock:
            self.removed = frozenset()
