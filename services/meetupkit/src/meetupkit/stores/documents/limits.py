"""What may be written: the rules every back end holds documents and commits to, checked before any I/O.

They are Cloud Firestore's (https://firebase.google.com/docs/firestore/quotas), applied to SQLite as well, so that what
is stored on one machine can be stored in the cloud. A document that breaks one is data and raises ``DocumentRefused``;
a name, a field to order by or a commit that breaks one is a bug and raises ``ValueError``.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from meetupkit.errors import DocumentRefused, DocumentTooLarge
from meetupkit.integers import INT64
from meetupkit.stores.documents import MAX_WRITES, AtMost, Delete, Fields, Write

MAX_BYTES: Final = 1024 * 1024 - 4 * 1024
"""Firestore's limit is 1 MiB; 4 KiB are left for what it counts beside the fields: the document's path and headers."""
MAX_DEPTH: Final = 20
"""Firestore's limit of nesting, which also ends the walk below long before Python's own stack would."""
MAX_NAME_BYTES: Final = 1500
"""Firestore's limit of a document id, and of a field's name."""
_IDENTIFIER: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
"""Collections and queried fields go into SQL, index names and field paths as they are."""


def check_collection(collection: str) -> None:
    """``ValueError`` unless the collection is named like a variable."""
    if not _IDENTIFIER.fullmatch(collection):
        raise ValueError(f"{collection!r} cannot be the name of a collection")


def check_fields(fields: Iterable[str]) -> None:
    """``ValueError`` unless each field asked for is named like a variable."""
    for field in fields:
        if not _IDENTIFIER.fullmatch(field):
            raise ValueError(f"{field!r} cannot be queried by name")


def check_query(collection: str, where: AtMost | None, order_by: Sequence[str], limit: int) -> None:
    """``ValueError`` for a name that cannot be queried by, and for a limit that asks for nothing."""
    check_collection(collection)
    check_fields([*order_by, *([where.field] if where else [])])
    if limit < 1:
        raise ValueError(f"a query for {limit} documents")


def check_page(collection: str, after: str, limit: int) -> None:
    """``ValueError`` for a name that no document has, and for a limit that asks for nothing."""
    check_query(collection, None, (), limit)
    if after:
        _check_name(after)


def check_writes(writes: Sequence[Write]) -> None:
    """Raise for the first write that no back end takes, or for a commit that is too long or names a document twice."""
    if len(writes) > MAX_WRITES:
        raise ValueError(f"{len(writes)} writes in one commit, at most {MAX_WRITES}")
    if len({(write.collection, write.name) for write in writes}) < len(writes):
        raise ValueError("a commit writes the same document twice")
    for collection in {write.collection for write in writes}:
        check_collection(collection)
    for write in writes:
        _check_name(write.name)
        if not isinstance(write, Delete):
            _check_document(write.name, write.fields)


def _check_name(name: str) -> None:
    if not name or "/" in name or name in {".", ".."} or _reserved(name) or _length(name) > MAX_NAME_BYTES:
        raise ValueError(f"{name[:50]!r} cannot be the name of a document")


def _check_document(name: str, fields: Fields) -> None:
    try:
        size = _size_of_object(fields, 0)
    except UnicodeEncodeError:
        raise DocumentRefused(f"{name} holds a lone surrogate, which is not text", name=name) from None
    except _Unstorable as reason:
        raise DocumentRefused(f"{name} {reason}", name=name) from None
    if size > MAX_BYTES:
        raise DocumentTooLarge(f"{name} has {size} bytes, at most {MAX_BYTES} can be stored", name=name)


class _Unstorable(Exception):
    """What is wrong with a document, to be read after its name; never the value itself, which may be personal."""


def _size(value: Any, depth: int) -> int:
    """The bytes Firestore counts for the value (https://firebase.google.com/docs/firestore/storage-size)."""
    if isinstance(value, str):
        return _length(value) + 1
    if value is None or isinstance(value, bool):
        return 1
    if isinstance(value, int):
        if -INT64 <= value < INT64:
            return 8
        raise _Unstorable("holds a whole number of more than 64 bits")
    if isinstance(value, float):
        if math.isfinite(value):
            return 8
        raise _Unstorable("holds a number that is not finite")
    if isinstance(value, dict):
        return _size_of_object(value, depth)
    if isinstance(value, list):
        return _size_of_list(value, depth)
    raise _Unstorable(f"holds a {type(value).__name__}, which JSON does not have")


def _size_of_object(fields: Mapping[Any, Any], depth: int) -> int:
    _check_depth(depth)
    size = 32
    for field, value in fields.items():
        size += _size_of_name(field)
        kind = type(value)  # the two that most fields have are told without a call
        if kind is int and -INT64 <= value < INT64:
            size += 8
        elif kind is str and value.isascii():
            size += len(value) + 1
        else:
            size += _size(value, depth + 1)
    return size


@lru_cache(maxsize=1024)  # documents of a kind have the same few names
def _size_of_name(field: object) -> int:
    if not isinstance(field, str) or not field or _reserved(field):
        raise _Unstorable("has a field whose name cannot be stored")
    length = _length(field)
    if length > MAX_NAME_BYTES:
        raise _Unstorable(f"has a field whose name has {length} bytes")
    return length + 1


def _size_of_list(items: list[Any], depth: int) -> int:
    _check_depth(depth)
    size = 0
    for item in items:
        if isinstance(item, list):
            raise _Unstorable("holds a list directly in a list")
        size += _size(item, depth + 1)
    return size


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise _Unstorable(f"is nested more than {MAX_DEPTH} deep")


def _reserved(name: str) -> bool:
    return name.startswith("__") and name.endswith("__") and len(name) >= 4
