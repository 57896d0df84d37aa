"""From what JSON holds to what a column holds, where the fast way through a record does not fit. Pure."""

import math
from typing import Any, Final

from meetupkit.feeds import Path
from meetupkit.integers import INT64
from meetupkit.row_fields import MAX_MTIME

from meetup_insight.schema import Kind

_NUMBER_LETTERS: Final = 40
"""A number written as text is no longer than this."""
_BOUNDS: Final = {Kind.LATITUDE: 90.0, Kind.LONGITUDE: 180.0}


class Unreadable(ValueError):
    """The column cannot hold the value."""


def coerced(kind: Kind, value: Any) -> Any:
    """The value as the column holds it; numbers may be written as text. Raises ``Unreadable``."""
    if value is None:
        return None
    match kind:
        case Kind.INTEGER | Kind.MEMBER:
            return _integer(value, -INT64, INT64 - 1)
        case Kind.TIME:
            return _integer(value, 0, MAX_MTIME)
        case Kind.FLOAT | Kind.LATITUDE | Kind.LONGITUDE:
            return _float(value, _BOUNDS.get(kind, math.inf))
        case Kind.FLAG:
            if isinstance(value, bool):
                return value
            raise Unreadable
        case _:
            return _text(value)


def at(value: object, path: Path) -> Any:
    """What lies at the path, if anything does."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def _integer(value: Any, least: int, most: int) -> int:
    match value:
        case bool():
            raise Unreadable
        case int():
            number = value
        case float() if value.is_integer():
            number = int(value)
        case str() if len(value) <= _NUMBER_LETTERS and value.strip().removeprefix("-").isdecimal():
            number = int(value)
        case _:
            raise Unreadable
    if not least <= number <= most:
        raise Unreadable
    return number


def _float(value: Any, bound: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Unreadable
    if isinstance(value, str) and (len(value) > _NUMBER_LETTERS or "_" in value):
        raise Unreadable
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise Unreadable from None
    if not math.isfinite(number) or abs(number) > bound:
        raise Unreadable
    return number


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Unreadable
    if isinstance(value, float) and not math.isfinite(value):
        raise Unreadable
    return str(value).encode(errors="replace").decode()
