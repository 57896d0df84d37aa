"""The ``Retry-After`` header (RFC 9110, section 10.2.3): seconds or a date, from a server that may say anything."""

import math
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from meetupkit.retry import LONGEST_ASKED_SECONDS

_LONGEST_VALUE: Final = 64
"""Characters; an HTTP date has 29."""


def retry_after_seconds(
    value: str | None, *, now: float | None = None, longest: float = LONGEST_ASKED_SECONDS
) -> float | None:
    """Seconds from ``now`` (a Unix time; default: this moment) that ``value`` asks to wait, from 0 to ``longest``.

    ``None`` if there is no value or it says nothing of sense.
    """
    if not value or len(value) > _LONGEST_VALUE:
        return None
    seconds = _number(value)
    if seconds is None:
        seconds = _until(value, time.time() if now is None else now)
    return None if seconds is None else min(max(seconds, 0.0), longest)


def _number(text: str) -> float | None:
    """RFC 9110 allows whole seconds alone; Slack and others send fractions."""
    if not text.isascii() or "_" in text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _until(text: str, now: float) -> float | None:
    """An HTTP date is in GMT whatever it says."""
    try:
        moment = parsedate_to_datetime(text)
        return (moment.timestamp() if moment.tzinfo else moment.replace(tzinfo=UTC).timestamp()) - now
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
