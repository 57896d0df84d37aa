"""When a server's no is its last word. Pure."""

from typing import Final

REFUSALS: Final = 4
"""In a row; a gateway that is being replaced may answer 403 or 404 to a few requests."""
REFUSED_SECONDS: Final = 10.0
"""From the first to the last of them: a rollout of a gateway or a rule that was wrong for a moment lasts seconds. Who
is refused for longer is told so by the end of the process, and its restarts go on asking."""


class Refusals:
    """Counts refusals until anything else comes."""

    def __init__(self) -> None:
        self._count = 0
        self._first_at = 0.0

    def final(self, now: float) -> bool:
        """One more, at ``now`` in seconds; whether there have been enough of them for long enough."""
        if not self._count:
            self._first_at = now
        self._count += 1
        return self._count >= REFUSALS and now - self._first_at >= REFUSED_SECONDS

    def over(self) -> None:
        """The server did something else."""
        self._count = 0
