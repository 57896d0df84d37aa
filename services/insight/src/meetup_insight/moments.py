"""Times as milliseconds since the epoch. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def milliseconds(at: datetime) -> float:
    """Of a time, exactly, with what it has beyond a whole one; without a zone it is UTC, as in the warehouse."""
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) / _MILLISECOND


def from_iso(text: str) -> float:
    """Of a time as ISO 8601 writes it, or of the beginning of a day; raises ``ValueError``."""
    return milliseconds(datetime.fromisoformat(text))
