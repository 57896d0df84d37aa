"""The call limit of the REST API: so many calls of one key in a window of some seconds."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

_FORM = re.compile(r"([0-9]+)/([0-9]+(?:\.[0-9]+)?)\Z")


@dataclass(frozen=True, slots=True)
class RateLimit:
    """``calls`` in a window of ``seconds``; 0 calls means no limit."""

    calls: int
    seconds: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """``30/10``; raises ``ValueError``."""
        match = _FORM.match(text)
        if match is None or not float(match[2]):
            raise ValueError(f"{text!r} is not CALLS/SECONDS")
        return cls(int(match[1]), float(match[2]))


class Window:
    """One key's calls. The window opens with the first call and is empty again when it ends."""

    def __init__(self, limit: RateLimit, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._ends = 0.0
        self._used = 0

    def call(self) -> bool:
        """Count a call; false when it is one too many."""
        now = self._clock()
        if now >= self._ends:
            self._ends = now + self._limit.seconds
            self._used = 0
        self._used += 1
        return not self._limit.calls or self._used <= self._limit.calls

    def headers(self) -> tuple[tuple[str, str], ...]:
        """``X-RateLimit-*`` after the call; Reset is in whole seconds, rounded up."""
        if not self._limit.calls:
            return ()
        return (
            ("X-RateLimit-Limit", str(self._limit.calls)),
            ("X-RateLimit-Remaining", str(max(0, self._limit.calls - self._used))),
            ("X-RateLimit-Reset", str(max(0, math.ceil(self._ends - self._clock())))),
        )
