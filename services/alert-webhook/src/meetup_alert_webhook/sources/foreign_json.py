"""Reads JSON as other programs write it: with a byte order mark, in Latin-1, with halves of characters. No I/O.

What is not needed must not decide: a field of another type than expected is read as what it can mean, or as absent.
"""

import codecs
import json
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BeforeValidator

from meetup_alert_webhook.sources.malformed import Malformed

_DEEPEST: Final = 24
"""Levels that are kept of a value; nobody reads deeper, and Python's own recursion ends not far above."""
_LONGEST: Final = 20_000
"""Characters kept of a value that is no text; what is shown of it is far shorter."""
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""UTF-32's mark begins as UTF-16's does, so it is looked for first."""


def read_json(octets: bytes, what: str) -> Any:
    """The value; raises ``Malformed`` if it is none, in words that repeat nothing of it."""
    try:
        return _whole(json.loads(_decoded(octets)))
    except json.JSONDecodeError as error:
        raise Malformed(f"{what} is not JSON: {error.msg} at character {error.pos}") from None
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{what} is not JSON: {type(error).__name__}") from None


def _decoded(octets: bytes) -> str:
    for mark, encoding in _MARKS:
        if octets.startswith(mark):
            return octets[len(codecs.BOM_UTF8) if encoding == "utf-8" else 0 :].decode(encoding, "replace")
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")  # every byte is a character of it; UTF-8 is hardly ever this by accident


def _whole(value: Any, depth: int = 0) -> Any:
    """The value without lone surrogates, cut where it is too deep to be read."""
    match value:
        case str():
            return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case dict() if depth < _DEEPEST:
            return {_whole(name): _whole(inner, depth + 1) for name, inner in value.items()}
        case list() if depth < _DEEPEST:
            return [_whole(inner, depth + 1) for inner in value]
        case dict() | list():
            return "…"
        case _:
            return value


def as_text(value: Any) -> str:
    """Any JSON value as text; ``null`` is nothing, a whole number has no fraction."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # in a jsonPayload every number has become a float
    return json.dumps(value, ensure_ascii=False)[:_LONGEST]


def as_texts(value: Any) -> dict[str, str]:
    """A map of texts, such as labels; what is no map is an empty one, ``null`` values are absent."""
    if not isinstance(value, Mapping):
        return {}
    return {str(name): as_text(inner) for name, inner in value.items() if inner is not None}


def as_count(value: Any) -> int:
    """A whole number that is not negative, also as text; anything else is 0."""
    try:
        return min(max(0, int(value)), 2**53 - 1)
    except (TypeError, ValueError, OverflowError):
        return 0


def as_object(value: Any) -> dict[str, Any]:
    """An object; anything else is an empty one."""
    return value if isinstance(value, dict) else {}


def as_word(value: Any) -> str:
    """A text or number; a list or an object is no word."""
    return "" if isinstance(value, dict | list) else as_text(value)


Text = Annotated[str, BeforeValidator(as_text)]
Word = Annotated[str, BeforeValidator(as_word)]
Texts = Annotated[dict[str, str], BeforeValidator(as_texts)]
Count = Annotated[int, BeforeValidator(as_count)]
