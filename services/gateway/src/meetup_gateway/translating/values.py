"""How one value of the new API becomes one of the old: times, durations, ids, texts. Pure.

Each converter takes what JSON gives and returns what the old record held; ``Untranslatable`` says why it cannot.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from meetupkit.integers import INT64
from meetupkit.row_fields import MAX_MTIME

_MINUTES_ONLY: Final = re.compile(r"(T\d\d:\d\d)(?=$|[Z+-])")
_FRACTION: Final = re.compile(r"\.(\d+)")
_HOURS_ZONE: Final = re.compile(r"([+-]\d\d)$")
_PLAIN_ZONE: Final = re.compile(r"([+-]\d\d)(\d\d)$")
_NAMED_ZONE: Final = re.compile(r"\[[^\]]*\]$")
_DURATION: Final = re.compile(
    r"(?P<sign>-?)P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?\Z"
)
_TEXT_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")
_MOST: Final = 1.7e308
"""Nearly the greatest float; asked by comparing, because a greater whole number cannot even become one."""
_NUMBER: Final = re.compile(r"-?\d{1,19}(?:\.\d{1,19})?\Z", re.ASCII)
_FLAGS: Final = {"true": True, "false": False}
_LONGEST_DURATION: Final = timedelta(days=3660)
"""Ten years: what lasts longer is not an event."""
_MOST_DIGITS: Final = 19
"""Digits of the greatest 64-bit number."""


class Untranslatable(ValueError):
    """The value has no place in an old record; the message says why, without repeating a long one."""


def moment(value: Any) -> datetime:
    """ISO-8601 with an offset or Z; seconds may be missing, fractions may have any number of digits."""
    if not isinstance(value, str) or len(value) > 64:
        raise Untranslatable("not a time")
    text = _NAMED_ZONE.sub("", value.strip())
    text = _PLAIN_ZONE.sub(r"\1:\2", _HOURS_ZONE.sub(r"\1:00", text))
    text = _FRACTION.sub(lambda digits: "." + digits[1][:6].ljust(6, "0"), text)
    try:
        when = datetime.fromisoformat(_MINUTES_ONLY.sub(r"\1:00", text))
    except ValueError:
        raise Untranslatable("not a time") from None
    if when.tzinfo is None:
        raise Untranslatable("a time without its zone")
    return when


def ms(value: Any) -> int:
    """A time in milliseconds since the epoch."""
    try:
        since = moment(value) - datetime(1970, 1, 1, tzinfo=UTC)
    except OverflowError:
        raise Untranslatable("not a time") from None
    milliseconds = since // timedelta(milliseconds=1)
    if not 0 <= milliseconds <= MAX_MTIME:
        raise Untranslatable("a time out of bounds")
    return milliseconds


def offset_ms(value: Any) -> int:
    """A time's offset from UTC in milliseconds."""
    offset = moment(value).utcoffset() or timedelta()
    return offset // timedelta(milliseconds=1)


def duration_ms(value: Any) -> int:
    """An ISO-8601 duration (``PT2H30M``) in milliseconds."""
    found = _DURATION.match(value) if isinstance(value, str) and len(value) <= 64 else None
    parts = {name: float(text) for name, text in found.groupdict().items() if name != "sign" and text} if found else {}
    if not found or not parts or found["sign"]:
        raise Untranslatable("not a duration")
    try:
        length = timedelta(**parts)
    except OverflowError:
        raise Untranslatable("a duration out of bounds") from None
    if length > _LONGEST_DURATION:
        raise Untranslatable("a duration out of bounds")
    return length // timedelta(milliseconds=1)


def zone_offset_ms(timezone: Any, now_ms: int) -> int:
    """The offset that a zone has now."""
    try:
        zone = ZoneInfo(text(timezone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Untranslatable("not a time zone") from None
    offset = datetime.fromtimestamp(now_ms / 1000, zone).utcoffset() or timedelta()
    return offset // timedelta(milliseconds=1)


def number_id(value: Any) -> int:
    """An id of digits as the whole number it was; the API writes them as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.isascii() or not value.isdecimal() or len(value) > _MOST_DIGITS:
        raise Untranslatable("not an id of digits")
    number = int(value)
    if not 0 < number < INT64:
        raise Untranslatable("an id out of bounds")
    return number


def text_id(value: Any) -> str:
    """An event's id: digits or letters. What follows a ``!`` is a mark of old clients and no part of it."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    found = value.partition("!")[0] if isinstance(value, str) else ""
    if not _TEXT_ID.match(found):
        raise Untranslatable("not an event's id")
    return found


def text(value: Any) -> str:
    """A text; half of a surrogate pair is no character, and no record could hold it."""
    if not isinstance(value, str):
        raise Untranslatable("not a text")
    return value.encode("utf-8", "replace").decode() if not value.isascii() and _lone(value) else value


def filled(value: Any) -> str:
    """A text that says something: an empty one was left out of the old records."""
    found = text(value)
    if not found.strip():
        raise Untranslatable("empty")
    return found


def lower(value: Any) -> str:
    """In small letters: enum values, and countries of the streams."""
    return filled(value).lower()


def upper(value: Any) -> str:
    """In capitals: countries of ``/2/groups``."""
    return filled(value).upper()


def locale(value: Any) -> str:
    """``en-US`` was ``en_US``."""
    return filled(value).replace("-", "_")


def number(value: Any) -> int | float:
    """A finite number; also one that was written as a text."""
    if isinstance(value, str) and _NUMBER.match(value):
        value = float(value) if "." in value else int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_MOST <= value <= _MOST:
        raise Untranslatable("not a number")
    return value


def count(value: Any) -> int:
    """A whole number of 0 or more."""
    found = number(value)
    if not 0 <= found < INT64 or found != int(found):
        raise Untranslatable("not a count")
    return int(found)


def rating(value: Any) -> int | float:
    """With the two decimals it had."""
    return round(number(value), 2)


def flag(value: Any) -> bool:
    """True or false; also written as a text."""
    found = flag_if_any(value)
    if found is None:
        raise Untranslatable("neither true nor false")
    return found


def flag_if_any(value: Any) -> bool | None:
    """``flag``, or ``None`` for what says neither."""
    found = _FLAGS.get(value.lower()) if isinstance(value, str) else value
    return found if isinstance(found, bool) else None


def visibility(is_private: Any) -> str:
    """Who may see what a group shows."""
    return "members" if flag(is_private) else "public"


def _lone(value: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in value)
