"""The bucket of points: what may be spent now, and what a request is thought to cost. The clock is an argument.

Nobody published the price of a query, and no answer tells it. So each request is estimated, the estimates of the last
window are kept below the budget, and the one figure that the API ever gives (``consumedPoints``, when it refuses)
corrects all estimates at once.
"""

import threading
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

WINDOW_SECONDS: Final = 60.0
"""Documented: 500 points in 60 seconds. Whether the window rolls is not; a sum over any 60 seconds holds for both."""
POINTS: Final = 500
_USABLE: Final = 0.8
"""A fifth is never touched: estimates err, and others may use the same account."""
_LIVE: Final = 0.68
"""Sweeps and deltas; the rest of what is usable waits for the enricher, whose ids somebody waits for."""
_GREATEST_CORRECTION: Final = 8.0
"""One refusal must be enough: of the four prices that are thought of, the dearest is three times the first guess."""
_TELLING_SHARE: Final = 0.1
"""Refused after so little of the budget was spent by estimate, and without a figure: that is not our price."""
_DEAREST_SHARE: Final = 0.1
"""A root field that costs more than a tenth of the budget could not be worked with; nobody ever saw one."""
_LEAST_CORRECTION: Final = 1.1
"""Refused is refused, whatever the figure says."""
_CHEAP_REQUEST: Final = 0.1
"""Of a root field's price: so little hardly counts."""
_DAY: Final = 86_400.0
_TICK: Final = 0.001
"""Beyond the window's end by a hair, so that the next look finds it past."""
_RELAXATION: Final = 0.98
"""After a day without a refusal the estimates shrink by so much: a price that fell is found out again."""


class Share(StrEnum):
    """Who spends."""

    LIVE = "live"
    LOOKUPS = "lookups"
    BACKFILL = "backfill"


@dataclass(frozen=True, slots=True)
class Price:
    """Points per request and per root field."""

    per_request: float
    per_root: float

    def of(self, roots: int) -> float:
        """A request of so many root fields."""
        return self.per_request + self.per_root * roots

    def times(self, factor: float) -> "Price":
        """All of it so much dearer."""
        return Price(self.per_request * factor, self.per_root * factor)


@dataclass(frozen=True, slots=True)
class BudgetState:
    """What outlives a restart. ``floor`` is what was measured: estimates never fall below it."""

    price: Price
    floor: Price | None = None
    relaxed_at: float = 0.0


class Budget:
    """Thread-safe. Times are seconds since the epoch."""

    def __init__(self, state: BudgetState, *, points: int = POINTS) -> None:
        self._lock = threading.Lock()
        self._state = state
        self._points = points
        self._spent: deque[tuple[float, float, Share]] = deque()
        self._closed_until = 0.0
        self.estimated = 0.0
        """Points spent since the start, as estimated."""

    @property
    def state(self) -> BudgetState:
        """To be kept."""
        return self._state

    def reserve(self, roots: int, share: Share, now: float) -> float:
        """Take the points for a request; 0, or the seconds after which to ask again (nothing is taken then)."""
        with self._lock:
            self._relax(now)
            self._forget(now)
            cost = self._state.price.of(roots)
            wait = max(self._closed_until - now, self._wait(cost, share, now))
            if wait <= 0:
                self._spent.append((now, cost, share))
                self.estimated += cost
            return max(wait, 0.0)

    def most_roots(self, share: Share) -> int:
        """How many root fields one request of this share may have at all."""
        price = self._state.price
        if not price.per_root:
            return 1 << 30
        return max(1, int((self._limit(share) - price.per_request) / price.per_root))

    def roots_that_fit(self, share: Share, now: float) -> int:
        """How many root fields a request may have without waiting for points; at least one, which may have to wait.

        Where requests have a price of their own, to send fewer root fields in more of them would be dearer.
        """
        price = self._state.price
        if price.per_request > _CHEAP_REQUEST * price.per_root:
            return self.most_roots(share)
        with self._lock:
            self._forget(now)
            total, own = self._totals(share)
            room = min(self._points * _USABLE - total, self._limit(share) - own)
        return max(1, int((room - price.per_request) / price.per_root))

    def left(self, now: float) -> float:
        """Points of the budget that are not spent in the last window."""
        with self._lock:
            self._forget(now)
            return max(0.0, self._points * _USABLE - sum(cost for _, cost, _ in self._spent))

    def refused(self, seconds: float, consumed: float | None, now: float) -> None:
        """The API says that the points are gone: nobody spends for so long, and all estimates rise.

        A refusal while the bucket is closed already is another request's, and says nothing new.
        """
        with self._lock:
            known = now < self._closed_until
            self._closed_until = max(self._closed_until, now + seconds)
            if known:
                return
            self._forget(now)
            estimated = sum(cost for _, cost, _ in self._spent)
            if consumed is None and estimated < _TELLING_SHARE * self._points:
                return
            told = max(consumed or 0.0, self._points)
            dearest = _DEAREST_SHARE * self._points / max(self._state.price.of(1), 0.001)
            factor = min(max(told / max(estimated, 1.0), _LEAST_CORRECTION), _GREATEST_CORRECTION, max(dearest, 1.0))
            self._state = BudgetState(self._state.price.times(factor), self._state.floor, now)

    def pause(self, seconds: float, now: float) -> None:
        """The API asks for a rest, and says nothing of points."""
        with self._lock:
            self._closed_until = max(self._closed_until, now + seconds)

    def measured(self, price: Price, now: float) -> None:
        """The price was measured."""
        with self._lock:
            self._state = BudgetState(price, price, now)

    def points_a_minute(self) -> float:
        """What sweeps and deltas may spend."""
        return self._points * _LIVE * 60 / WINDOW_SECONDS

    def cost(self, roots: int) -> float:
        """The estimate for a request."""
        return self._state.price.of(roots)

    def _limit(self, share: Share) -> float:
        return self._points * (_USABLE if share is Share.LOOKUPS else _LIVE)

    def _wait(self, cost: float, share: Share, now: float) -> float:
        """Seconds until enough of the window is past; a request dearer than the limit goes alone."""
        total, own = self._totals(share)
        usable, limit = self._points * _USABLE, self._limit(share)
        for at, spent, of in self._spent:
            if total + cost <= usable and own + cost <= limit:
                return 0.0
            total -= spent
            own -= spent if share is Share.LOOKUPS or of is not Share.LOOKUPS else 0.0
            if (total + cost <= usable and own + cost <= limit) or at == self._spent[-1][0]:
                return at + WINDOW_SECONDS - now + _TICK
        return 0.0

    def _totals(self, share: Share) -> tuple[float, float]:
        """Spent in the window: by all, and by those who share this one's limit."""
        total, own = 0.0, 0.0
        for _, spent, of in self._spent:
            total += spent
            own += spent if share is Share.LOOKUPS or of is not Share.LOOKUPS else 0.0
        return total, own

    def _forget(self, now: float) -> None:
        while self._spent and self._spent[0][0] <= now - WINDOW_SECONDS:
            self._spent.popleft()

    def _relax(self, now: float) -> None:
        state = self._state
        if not state.relaxed_at:
            self._state = BudgetState(state.price, state.floor, now)
        elif now - state.relaxed_at >= _DAY:
            relaxed = state.price.times(_RELAXATION)
            if state.floor and relaxed.of(1) < state.floor.of(1):
                relaxed = state.price
            self._state = BudgetState(relaxed, state.floor, now)
