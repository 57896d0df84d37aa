"""What an answer says about points that are gone: until when, and how many were consumed. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from meetupkit.http.retry_after import retry_after_seconds

from meetup_gateway.translating.values import Untranslatable, ms

_LIMIT_SECONDS: Final = 60.0
"""The window of points; waited when the answer does not say until when."""
_MOST_LIMIT_SECONDS: Final = 3600.0
"""The REST API punished by the hour."""
_LIMITED: Final = frozenset({"RATE_LIMITED", "TOO_MANY_REQUESTS", "THROTTLED"})
"""The documented code, and what other layers of Meetup were seen to say."""
_MOST_POINTS: Final = 1e9
"""The window holds 500; anything near this is no number of points."""
_FAR: Final = 1e15
"""Beyond every time in milliseconds; bounded before it meets a float, which 10**400 cannot."""


@dataclass(frozen=True, slots=True)
class Limit:
    """RATE_LIMITED: for how long, and how many points the server says were consumed."""

    seconds: float
    consumed: float | None


def limit_of(errors: Sequence[Mapping[str, Any]], now: float) -> Limit | None:
    """The first error that says so."""
    return next((_limit(error, now) for error in errors if code_of(error) in _LIMITED), None)


def told_limit(headers: Mapping[str, str], limit: Limit | None, now: float) -> Limit:
    """``Retry-After`` is the layer's in front, and goes first."""
    seconds = retry_after_seconds(headers.get("Retry-After"), now=now)
    if seconds is None:
        return limit or Limit(_LIMIT_SECONDS, None)
    return Limit(seconds, limit.consumed if limit else None)


def _limit(error: Mapping[str, Any], now: float) -> Limit:
    extensions = error.get("extensions")
    told: dict[str, Any] = extensions if isinstance(extensions, dict) else {}
    seconds = _seconds_until(told.get("resetAt"), now)
    consumed = told.get("consumedPoints")
    return Limit(min(max(seconds, 1.0), _MOST_LIMIT_SECONDS), _points(consumed))


def _seconds_until(reset: Any, now: float) -> float:
    """A time, or seconds or milliseconds since the epoch; a window for what is neither, or far from now."""
    if isinstance(reset, int | float) and not isinstance(reset, bool):
        if not -_FAR < reset < _FAR:
            return _LIMIT_SECONDS
        near = (at - now for at in (reset, reset / 1000) if abs(at - now) <= _MOST_LIMIT_SECONDS)
        return _near(next(near, _LIMIT_SECONDS))
    try:
        return _near(ms(reset) / 1000 - now)
    except Untranslatable:
        return _LIMIT_SECONDS


def _near(seconds: float) -> float:
    """A time that is past, or hours away, is not when the window ends: to ask again at once would be refused again."""
    return seconds if 0 < seconds <= _MOST_LIMIT_SECONDS else _LIMIT_SECONDS


def _points(consumed: Any) -> float | None:
    """Bounded before it becomes a float, which 10**400 cannot."""
    if isinstance(consumed, bool) or not isinstance(consumed, int | float):
        return None
    return float(consumed) if 0 < consumed < _MOST_POINTS else None


def code_of(error: Mapping[str, Any]) -> str:
    """In the extensions, or as the REST API wrote it; in capitals."""
    extensions = error.get("extensions")
    code = extensions.get("code") if isinstance(extensions, dict) else None
    return str(code or error.get("code") or "").upper()
