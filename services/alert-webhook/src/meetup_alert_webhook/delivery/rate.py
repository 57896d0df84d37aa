"""The pace of each channel: whose turn it is, how long a line is, and when Slack asked for a pause. No I/O.

Slack takes about one message a second and channel (https://api.slack.com/web-api/rate-limits). The pace is kept by each
replica for itself; what several replicas together send too fast, Slack answers 429, and the pause is kept.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

_KINDS: Final = 1000
"""Kinds of log lines remembered a channel; the oldest are forgotten, which costs at most a message more."""


@dataclass(slots=True)
class _Line:
    next_at: float = 0.0
    paused_until: float = 0.0
    overflowed_at: float = float("-inf")
    kinds: OrderedDict[str, float] = field(default_factory=OrderedDict)


class RateLimiter:
    """Turns are given in the order they are asked for. ``clock`` is in seconds and never runs backwards."""

    def __init__(self, *, seconds_per_message: float, longest_wait: float, clock: Callable[[], float]) -> None:
        self._gap = seconds_per_message
        self._longest_wait = longest_wait
        self._clock = clock
        self._lock = threading.Lock()
        self._lines: dict[str, _Line] = {}

    def paused(self, channel: str) -> float:
        """Seconds for which Slack has asked us, or its trouble has taught us, to leave the channel alone."""
        with self._lock:
            return max(0.0, self._line(channel).paused_until - self._clock())

    def is_long(self, channel: str) -> bool:
        """Whether a turn is further off than an alert may wait for it."""
        with self._lock:
            line, now = self._line(channel), self._clock()
            if line.next_at - now <= self._longest_wait:
                return False
            line.overflowed_at = now
            return True

    def was_long(self, channel: str, within: float) -> bool:
        """Whether the channel's line was too long so lately: a storm is on."""
        with self._lock:
            return self._clock() - self._line(channel).overflowed_at < within

    def slot(self, channel: str, *, longest_wait: float | None = None) -> float | None:
        """Seconds until the turn that is now ours, or ``None``, without taking one, if it is too far off."""
        limit = self._longest_wait if longest_wait is None else longest_wait
        with self._lock:
            now = self._clock()
            line = self._line(channel)
            wait = max(0.0, line.next_at - now)
            if wait > limit:
                return None
            line.next_at = now + wait + self._gap
            return wait

    def pause(self, channel: str, seconds: float) -> None:
        """Leave the channel alone for so long, at least."""
        with self._lock:
            line = self._line(channel)
            line.paused_until = max(line.paused_until, self._clock() + seconds)

    def sent(self, channel: str, kind: str) -> None:
        """Something of this kind has been sent to the channel."""
        if not kind:
            return
        with self._lock:
            kinds = self._line(channel).kinds
            kinds[kind] = self._clock()
            kinds.move_to_end(kind)
            if len(kinds) > _KINDS:
                kinds.popitem(last=False)

    def is_more_of_the_same(self, channel: str, kind: str, within: float) -> bool:
        """Whether something of this kind was sent to the channel so lately."""
        with self._lock:
            at = self._line(channel).kinds.get(kind)
            return at is not None and self._clock() - at < within

    def _line(self, channel: str) -> _Line:
        return self._lines.setdefault(channel, _Line())  # bounded: channels come from the route file
