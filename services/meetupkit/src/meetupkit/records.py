"""Reads a line of a stream by its feed's row. No I/O.

A line becomes a ``Record`` or a ``Rejection`` that says why it is not one; neither ever raises, because one bad line
must not stop a feed. Nearly every line is a record, and only what its row names is made into Python objects; a line
that does not pass that way is read whole, to say what is wrong with it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Final, NamedTuple

from pydantic_core import SchemaValidator, ValidationError, from_json
from pydantic_core import core_schema as schema

from meetupkit.feeds import Feed, IdType, Path

MAX_LINE_BYTES: Final = 1024 * 1024
"""The longest recorded line (an open event with a long description) is 21 kB; fifty times that is not a record."""
MAX_MTIME: Final = 253_402_300_799_999
"""The last millisecond of the year 9999: what lies beyond is not a time any reader of the objects can show."""
_INT64: Final = 1 << 63
_TEXT_ID: Final = re.compile(r"\A[A-Za-z0-9_-]{1,128}\Z")
"""An id becomes part of an object's name, so it may hold no path and no control character."""


class Reason(StrEnum):
    """Why a line is not a record; a bounded set, because it is a metric's label."""

    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    ERRORS = "errors"
    """``{"errors": ...}``, the only error body of the streams that is known."""
    NO_ID = "no_id"
    BAD_ID = "bad_id"
    NO_MTIME = "no_mtime"
    BAD_MTIME = "bad_mtime"
    TOO_LARGE = "too_large"


class Record(NamedTuple):
    """One record: its bytes as received (without the newline), and what its row says of them.

    ``mtime`` is in milliseconds since the epoch. ``members`` and ``groups`` are the ids worth a look-up.
    """

    data_id: str
    mtime: int
    body: bytes
    members: tuple[int, ...]
    groups: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rejection:
    """A line that is not a record; ``detail`` is for a person."""

    reason: Reason
    detail: str
    line: bytes


def read_line(feed: Feed, line: bytes) -> Record | Rejection:
    """Read one line of at most ``MAX_LINE_BYTES``, without its newline."""
    if b"NaN" not in line and b"Infinity" not in line:  # which the validator lets pass where it reads nothing
        fields = _fields_of(feed)
        try:
            data_id, mtime, *ids = fields.validator.validate_json(line).values()
        except ValidationError:
            return _read_whole(feed, line)
        return Record(
            str(data_id),
            mtime,
            line,
            tuple(filter(None, ids[: fields.members])),
            tuple(filter(None, ids[fields.members :])),
        )
    return _read_whole(feed, line)


@dataclass(frozen=True, slots=True)
class _Fields:
    """What a row names, in its order: id, mtime, then so many member ids, then group ids (``None``: no profile)."""

    validator: SchemaValidator
    members: int


@cache
def _fields_of(feed: Feed) -> _Fields:
    profile_id = schema.with_default_schema(
        schema.int_schema(strict=True, gt=0, lt=_INT64), default=None, on_error="default"
    )
    if feed.id_type is IdType.INTEGER:
        data_id: schema.CoreSchema = schema.int_schema(strict=True, ge=-_INT64, lt=_INT64)
    else:
        data_id = schema.str_schema(strict=True, pattern=_TEXT_ID, regex_engine="python-re")
    kinds = [(feed.id_path, data_id), (feed.mtime_path, schema.int_schema(strict=True, ge=0, le=MAX_MTIME))]
    kinds += [(path, profile_id) for path in (*feed.member_paths, *feed.group_paths)]
    fields: dict[str, schema.TypedDictField] = {}
    for path, kind in kinds:
        keys: list[str | int] = [*path]
        fields[str(len(fields))] = schema.typed_dict_field(kind, validation_alias=[keys])
    return _Fields(SchemaValidator(schema.typed_dict_schema(fields)), len(feed.member_paths))


def _read_whole(feed: Feed, line: bytes) -> Record | Rejection:
    def rejected(reason: Reason, detail: str) -> Rejection:
        return Rejection(reason, detail, line)

    try:
        value = from_json(line, allow_inf_nan=False)
    except ValueError as error:  # also: not UTF-8, NaN, nested too deep
        return rejected(Reason.NOT_JSON, str(error))
    if not isinstance(value, dict):
        return rejected(Reason.NOT_AN_OBJECT, f"a JSON {type(value).__name__}")
    raw_id = _at(value, feed.id_path)
    if raw_id is None:
        if "errors" in value:
            return rejected(Reason.ERRORS, "the server sent errors in place of a record")
        return rejected(Reason.NO_ID, f"nothing at {'.'.join(feed.id_path)}")
    if not _is_id(feed.id_type, raw_id):
        return rejected(Reason.BAD_ID, f"{'.'.join(feed.id_path)} is not {feed.id_type} of a sane size")
    mtime = _at(value, feed.mtime_path)
    if mtime is None:
        return rejected(Reason.NO_MTIME, f"nothing at {'.'.join(feed.mtime_path)}")
    if type(mtime) is not int or not 0 <= mtime <= MAX_MTIME:
        return rejected(Reason.BAD_MTIME, f"{'.'.join(feed.mtime_path)} is not milliseconds since the epoch")
    return Record(
        data_id=str(raw_id),
        mtime=mtime,
        body=line,
        members=tuple(_profile_ids(value, feed.member_paths)),
        groups=tuple(_profile_ids(value, feed.group_paths)),
    )


def _is_id(id_type: IdType, value: object) -> bool:
    if id_type is IdType.INTEGER:
        return type(value) is int and -_INT64 <= value < _INT64
    return isinstance(value, str) and _TEXT_ID.match(value) is not None


def _profile_ids(value: dict[str, Any], paths: tuple[Path, ...]) -> Iterator[int]:
    """Ids that name a profile: 0 is what other feeds show for a former member, so only positive ones do."""
    for path in paths:
        found = _at(value, path)
        if type(found) is int and 0 < found < _INT64:
            yield found


def _at(value: object, path: Path) -> object:
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value
