"""The bucket of points: what a query costs, and what is left in the window."""

from collections import deque
from dataclasses import dataclass
from typing import Final

from meetup_simulator.graphql_api.dials import PRICES, Dials

_MS: Final = 1000


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many of the root fields may be answered; ``consumed`` points of the window, which ends at ``resets`` (ms)."""

    answered: int
    consumed: float
    resets: int


class Bucket:
    """Counts what was taken. ``refusals`` counts the calls that were too much."""

    def __init__(self, dials: Dials) -> None:
        self._dials = dials
        self._taken: deque[tuple[int, float]] = deque()
        self.refusals = 0
        self.spent = 0.0
        self.greatest = 0.0
        """The most that any window held."""

    def take(self, roots: int, now: int) -> Verdict:
        """Pay for a request of so many root fields, as far as the points go."""
        per_request, per_root = PRICES[self._dials.price]
        self._forget(now)
        used = sum(points for _, points in self._taken)
        left = self._dials.points - used - per_request
        answered = roots if roots * per_root <= left else 0
        if not answered and self._dials.limit_mode == "partial" and per_root:
            answered = max(0, int(left // per_root))
        if answered:
            self._taken.append((now, per_request + answered * per_root))
            self.spent += self._taken[-1][1]
            self.greatest = max(self.greatest, used + self._taken[-1][1])
        if answered < roots:
            self.refusals += 1
        return Verdict(answered, sum(points for _, points in self._taken), self._resets(now))

    def _window(self) -> int:
        return int(self._dials.window_seconds * _MS)

    def _forget(self, now: int) -> None:
        begins = now - self._window() if self._dials.rolling else now // self._window() * self._window() - 1
        while self._taken and self._taken[0][0] <= begins:
            self._taken.popleft()

    def _resets(self, now: int) -> int:
        if self._dials.rolling:
            return (self._taken[-1][0] if self._taken else now) + self._window()
        return (now // self._window() + 1) * self._window()
