"""The circuit breaker of the API: closed, open, half-open. Pure: the time is an argument.

While it is open nobody calls; then one call tries, and its end decides. An API that refuses the key is left alone for
longer, because only a person can change that.
"""

from enum import StrEnum
from typing import Final

FIRST_SECONDS: Final = 1.0
"""The first pause; each further one is twice as long. So a short outage never costs a long pause."""
_TRIAL_POLL_SECONDS: Final = 0.25
"""How soon others look again for the end of the one call that tries."""


class State(StrEnum):
    """What the breaker allows; a bounded set, because it is a metric's label."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Not thread-safe: its gate holds a lock. Times are seconds of one monotonic clock."""

    def __init__(self, *, failures: int, longest_seconds: float, refused_seconds: float) -> None:
        self._limit = failures
        self._longest = longest_seconds
        self._refused_seconds = refused_seconds
        self._failed_in_a_row = 0
        self._openings = 0
        self._until = 0.0
        self._trial = False
        self.state = State.CLOSED
        self.refusal: str | None = None

    def wait(self, now: float) -> float:
        """Seconds until a call may be made, or until it is worth asking again; 0 is now."""
        match self.state:
            case State.CLOSED:
                return 0.0
            case State.OPEN:
                return max(0.0, self._until - now)
            case State.HALF_OPEN:
                return _TRIAL_POLL_SECONDS if self._trial else 0.0

    def entered(self) -> None:
        """A call begins; after a pause it is the one that tries."""
        if self.state is not State.CLOSED:
            self.state = State.HALF_OPEN
            self._trial = True

    def abandoned(self) -> None:
        """The call ended without telling anything about the API: somebody else may try."""
        self._trial = False

    def answered(self) -> None:
        """The API answered, if only that it is throttled or does not like the ids."""
        self.state = State.CLOSED
        self._trial = False
        self._failed_in_a_row = self._openings = 0

    def succeeded(self) -> None:
        """The API answered with profiles, so it refuses neither the key nor everything that is asked for."""
        self.answered()
        self.refusal = None

    def failed(self, now: float) -> None:
        """The API did not answer, or not with sense."""
        self._failed_in_a_row += 1
        self._trial = False
        if self.state is State.HALF_OPEN or self._failed_in_a_row >= self._limit:
            doublings = min(self._openings, 32)  # 2**32 s is far beyond any longest pause, and no overflow
            self._open(now, min(self._longest, FIRST_SECONDS * 2**doublings))

    def refused(self, now: float, why: str) -> None:
        """The API says that a person must change something: the key, or the address."""
        self._trial = False
        self.refusal = why
        self._open(now, self._refused_seconds)

    def _open(self, now: float, seconds: float) -> None:
        # A call that was under way when the breaker opened must not shorten the pause.
        self._until = max(self._until, now + seconds)
        self._openings += 1
        self.state = State.OPEN
