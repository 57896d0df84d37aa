"""The circuit breaker of the API: closed, open, half-open. Pure: the time is an argument.

While it is open nobody calls; then one call tries, and its end decides. An API that refuses the key is left alone for
longer, because only the operator can change that; but one refusal is no refusal, a firewall or a deployment sends them
too: it is believed after several in a row over some time.
"""

from enum import StrEnum
from typing import Final

from meetupkit.retry import doubled

FIRST_SECONDS: Final = 1.0
"""The first pause; each further one is twice as long. So a short outage never costs a long pause."""
REFUSALS: Final = 4
"""In a row, before they are believed."""
REFUSED_SHARE: Final = 0.1
"""And over this share of the time that the API is then left alone for: 30 s of 300, longer than a deployment's blip."""
_TRIAL_POLL_SECONDS: Final = 0.25
"""How soon others look again for the end of the one call that tries."""


class State(StrEnum):
    """What the breaker allows; a bounded set, because it is a metric's label."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Not thread-safe: its guard holds a lock. Times are seconds of one monotonic clock."""

    def __init__(self, *, failures: int, longest_seconds: float, refused_seconds: float) -> None:
        self._limit = failures
        self._longest = longest_seconds
        self._refused_seconds = refused_seconds
        self._failed_in_a_row = 0
        self._openings = 0
        self._refusals = 0
        self._refused_since = 0.0
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
        self._refusals = 0

    def failed(self, now: float) -> None:
        """The API did not answer, or not with sense."""
        self._failed_in_a_row += 1
        self._trial = False
        if self.state is State.HALF_OPEN or self._failed_in_a_row >= self._limit:
            self._open(now, doubled(self._openings + 1, first=FIRST_SECONDS, longest=self._longest))

    def refused(self, now: float, why: str, retry_after: float | None = None) -> None:
        """The API says that something must be changed: the key, or the address. ``refusal`` is set once it lasts."""
        self._trial = False
        self._refusals += 1
        if self._refusals == 1:
            self._refused_since = now
        lasted = now - self._refused_since >= self._refused_seconds * REFUSED_SHARE
        if self._refusals >= REFUSALS and lasted:
            self.refusal = why
            pause = self._refused_seconds
        else:
            pause = doubled(self._refusals, first=FIRST_SECONDS, longest=self._refused_seconds)
        self._open(now, max(pause, retry_after or 0.0))

    def _open(self, now: float, seconds: float) -> None:
        # A call that was under way when the breaker opened must not shorten the pause.
        self._until = max(self._until, now + seconds)
        self._openings += 1
        self.state = State.OPEN
