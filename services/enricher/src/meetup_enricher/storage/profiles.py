"""The fields of the documents that are stored. No I/O.

Times are whole milliseconds since the epoch, as Meetup's own.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from meetupkit.integers import INT64
from meetupkit.stores.documents import Fields

from meetup_enricher.kinds import Kind, MissingReason

MAX_DEPTH: Final = 16
"""Stores hold 20 levels (``meetupkit.stores.documents.limits``); a profile begins two levels down. What lies deeper is
kept as JSON text. Recorded profiles have 4 levels."""
_REDACTED: Final = "[redacted]"
_TOO_DEEP: Final = "[nested too deep]"
_KEY_LETTERS: Final = 8
"""A key shorter than this is a stand-in's, and replacing it would tear up ordinary words. Meetup's have 28 or more."""
_FIELD_BYTES: Final = 1400
"""Firestore's limit of a field's name is 1,500 bytes."""


def profile_fields(kind: Kind, profile_id: int, profile: Fields, *, fetched_at: int) -> Fields:
    """A profile's document. ``profile`` is a ``storable`` one."""
    return {"id": profile_id, "kind": kind.name, "fetched_at": fetched_at, "profile": profile}


def missing_fields(kind: Kind, profile_id: int, reason: MissingReason, *, missing_at: int, expires_at: int) -> Fields:
    """The document of an id without a profile. After ``expires_at`` the id is looked up again when it is asked for."""
    return {
        "id": profile_id,
        "kind": kind.name,
        "reason": reason.value,
        "missing_at": missing_at,
        "expires_at": expires_at,
    }


def storable(profile: Mapping[str, Any], secret: str) -> dict[str, Any]:
    """The profile as every document store can hold it, without the API key wherever an answer may have echoed it.

    Recorded profiles come through unchanged. A list directly in a list becomes ``{"items": [...]}``, a number beyond
    64 bits its digits, what is not finite ``None``, a lone surrogate ``?``, and a field that stores reserve
    (empty, ``__x__``) gets a ``k`` before its name.
    """
    redact = secret if len(secret) >= _KEY_LETTERS else ""
    return {_field(name, redact): _value(value, redact, 1) for name, value in profile.items()}


def _value(value: Any, redact: str, depth: int, *, in_list: bool = False) -> Any:
    match value:
        case str():
            return _text(value, redact)
        case None | bool():
            return value
        case int():
            return value if -INT64 <= value < INT64 else str(value)
        case float():
            return value if value - value == 0 else None  # NaN and the infinities are the floats for which it is not
        case _ if depth >= MAX_DEPTH:
            return _text(_as_text(value), redact)
        case list():
            # A list in a list takes a level more, for the object between the two.
            items = [_value(item, redact, depth + 1 + in_list, in_list=True) for item in value]
            return {"items": items} if in_list else items
        case _:
            return {_field(name, redact): _value(item, redact, depth + 1) for name, item in value.items()}


def _as_text(value: Any) -> str:
    """JSON, if Python's stack holds it: what was just read may be nested deeper than can be written from here."""
    try:
        return json.dumps(value)
    except RecursionError:
        return _TOO_DEEP


def _text(text: str, redact: str) -> str:
    if redact and redact in text:
        text = text.replace(redact, _REDACTED)
    return text if text.isascii() else text.encode(errors="replace").decode()


def _field(name: str, redact: str) -> str:
    name = _text(name, redact)
    if not name or (name.startswith("__") and name.endswith("__")):
        name = f"k{name}"
    return name if len(name) * 4 <= _FIELD_BYTES else name.encode()[:_FIELD_BYTES].decode(errors="ignore")
