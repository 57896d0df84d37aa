"""Times as other programs write them, and as Slack shows them. No I/O; never an exception."""

import re
from datetime import UTC, datetime
from typing import Final

_EARLIEST: Final = 1.0
"""Unix seconds. Before 1970 nothing fired: Go's zero time, year 1, is no time, and neither is the epoch itself."""
_LATEST: Final = 253_402_128_000.0
"""Two days before year 10000, which Python has not: no zone's offset leads beyond."""
_LONGEST: Final = 40
_FRACTION: Final = re.compile(r"([.,]\d{6})\d{1,30}")
_LEAP: Final = re.compile(r"(?<=\d{2}:\d{2}:)60")
_NUMBER: Final = re.compile(r"\d{9,13}(?:\.\d{1,9})?")
_MILLISECONDS: Final = 100_000_000_000.0
"""A number as large as this counts milliseconds: as seconds it would be year 5138."""


def unix_of(text: str) -> float | None:
    """RFC 3339 with Go's nanoseconds, or a count since the epoch, as Unix seconds; ``None`` for anything else."""
    text = text.strip()[:_LONGEST].upper()
    try:
        unix = float(text) if _NUMBER.fullmatch(text) else _of_rfc3339(text)
    except (ValueError, OverflowError):
        return None
    unix = unix / 1000 if unix >= _MILLISECONDS and _NUMBER.fullmatch(text) else unix
    return unix if _EARLIEST <= unix <= _LATEST else None


def _of_rfc3339(text: str) -> float:
    """A leap second is the last second before it: no clock here counts it."""
    moment = datetime.fromisoformat(_LEAP.sub("59", _FRACTION.sub(r"\1", text)))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def is_set(text: str) -> bool:
    """Whether the text is a time that somebody set."""
    return unix_of(text) is not None


def for_slack(unix: float) -> str:
    """In the reader's own zone; in UTC where Slack cannot."""
    in_utc = datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"<!date^{int(unix)}^{{date_short_pretty}} {{time_secs}}|{in_utc}>"


def lasted(seconds: float) -> str:
    """The largest two units that matter: ``2 d 3 h``, ``14 min 5 s``."""
    whole = round(seconds)
    units = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    counts = [
        (whole % above // size, unit) for (size, unit), above in zip(units, (10**12, 86400, 3600, 60), strict=True)
    ]
    told = [f"{count} {unit}" for count, unit in counts if count][:2]
    return " ".join(told) or "0 s"
