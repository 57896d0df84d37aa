"""JSON as Meetup's Java servers wrote it: the order of the keys, the escapes, the numbers.

Read off recorded traffic: compact, ``/`` as ``\\/``, letters raw in UTF-8, whole-number coordinates as integers, and
the keys of every object in the iteration order of ``java.util.HashMap`` (Java 8), copied by ``new HashMap<>(map)``.
"""

import json
from functools import cache, lru_cache
from typing import Any, Final

_LOAD_FACTOR: Final = 0.75
"""HashMap's default: the table is the next power of two above n / 0.75 + 1."""
_SHAPES: Final = 4096
"""Distinct key sets whose order is remembered; the feeds show some hundreds."""


@cache
def _spread(key: str) -> int:
    """``HashMap.hash``: ``String.hashCode`` with its upper half folded into the lower."""
    units = key.encode("utf-16-be")
    code = 0
    for high, low in zip(units[::2], units[1::2], strict=True):
        code = (31 * code + (high << 8 | low)) & 0xFFFFFFFF
    return code ^ (code >> 16)


def table_size(keys: int) -> int:
    """Buckets of ``new HashMap<>(map)`` for a map of so many keys."""
    wanted = int(keys / _LOAD_FACTOR + 1)
    return 1 << (wanted - 1).bit_length()


def bucket(key: str, keys: int) -> int:
    """Which bucket the key falls in when the map holds so many keys."""
    return _spread(key) & (table_size(keys) - 1)


@lru_cache(maxsize=_SHAPES)
def java_order(keys: tuple[str, ...]) -> tuple[str, ...]:
    """The keys as a Java 8 HashMap iterates them: by bucket, and within one bucket as they were given."""
    return tuple(sorted(keys, key=lambda key: bucket(key, len(keys))))


def _as_java(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_java(value[key]) for key in java_order(tuple(value))}
    if isinstance(value, list):
        return [_as_java(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def encode(value: dict[str, Any] | list[Any]) -> bytes:
    """The value as the servers sent it, without a newline."""
    text = json.dumps(_as_java(value), ensure_ascii=False, separators=(",", ":"))
    return text.replace("/", "\\/").encode()  # a slash stands only inside strings
