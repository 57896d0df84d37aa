"""What the token endpoint answers, read without trust. Pure."""

import json
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

from meetup_gateway.translating.values import Untranslatable, number

_DEFAULT_EXPIRES: Final = 3600.0
_LEAST_EXPIRES: Final = 60.0
_MOST_EXPIRES: Final = 86_400.0
_TOKEN: Final = re.compile(r"[\x21-\x7e]+\Z")
_MOST_SKEW: Final = 60.0


def json_object(body: bytes) -> dict[str, Any]:
    """The object that it is; an empty one for what is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def is_token(value: Any) -> bool:
    """As RFC 6750 has it: anything else could not stand in a header."""
    return isinstance(value, str) and _TOKEN.match(value) is not None


def expires_in(answer: Mapping[str, Any]) -> float:
    """Seconds that a token is good for, within reason."""
    try:
        seconds = number(answer.get("expires_in"))
    except Untranslatable:
        return _DEFAULT_EXPIRES
    return float(min(max(seconds, _LEAST_EXPIRES), _MOST_EXPIRES))


def skew_hint(date: str | None, now: float) -> str:
    """What to add to a refusal if the clocks differ: an assertion is bound to them."""
    try:
        ahead = parsedate_to_datetime(date or "").timestamp() - now
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""
    return f"; Meetup's clock is {ahead:+.0f} s from this one" if abs(ahead) > _MOST_SKEW else ""
