"""Whether two records say the same. Pure."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

_UNCOUNTED: Final = frozenset({"mtime", "yes_rsvp_count", "group"})
"""When it was, how many come, and what its group is called: none of it is a change of the event."""


def fingerprint(record: Mapping[str, Any], without: Iterable[str] = _UNCOUNTED) -> bytes:
    """SHA-256 of the record in one canonical form."""
    left_out = frozenset(without)
    kept = {name: value for name, value in record.items() if name not in left_out}
    text = json.dumps(kept, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


def same_but_for(record: Mapping[str, Any], other: Mapping[str, Any], keys: Iterable[str]) -> bool:
    """Whether they differ in nothing but these keys."""
    left_out = _UNCOUNTED | frozenset(keys)
    return fingerprint(record, left_out) == fingerprint(other, left_out)
