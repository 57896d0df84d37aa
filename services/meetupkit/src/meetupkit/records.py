"""Reads a line of a stream by its feed's row. No I/O.

A line becomes a ``Record`` or a ``Rejection`` that says why it is not one; neither ever raises, because one bad line
must not stop a feed. Nearly every line is a record, and only what its row names is made into Python objects
(``row_fields``); a line that does not pass that way is read whole, to say what is wrong with it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Final, NamedTuple

from pydantic_core import from_json

from meetupkit.feeds import Feed, IdType, Path
from meetupkit.integers import INT64
from meetupkit.row_fields import MAX_MTIME, TEXT_ID, RowFields

MAX_LINE_BYTES: Final = 1024 * 1024
"""The longest recorded line (an open event with a long description) is 21 kB; fifty times that is not a record."""
_is_text_id: Final = re.compile(TEXT_ID).match


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


Reader = Callable[[bytes], Record | Rejection]
"""Reads one line of at most ``MAX_LINE_BYTES``, without its newline."""


def read_line(feed: Feed, line: bytes) -> Record | Rejection:
    """Read one line; who reads many of one feed takes ``reader_of``."""
    return reader_of(feed)(line)


@cache
def reader_of(feed: Feed) -> Reader:
    """Made once for each row: what is the same for all its lines is looked up here, not at each line."""
    fields = RowFields(feed)
    read, members_at, groups_at = fields.read, fields.members, fields.groups

    def read_one(line: bytes) -> Record | Rejection:
        values = read(line)
        if values is None:
            return _read_whole(feed, line)
        members, groups = values[members_at], values[groups_at]
        if not all(values):
            members, groups = tuple(filter(None, members)), tuple(filter(None, groups))
        return Record(str(values[0]), values[1], line, members, groups)

    return read_one


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
        return type(value) is int and -INT64 <= value < INT64
    return isinstance(value, str) and _is_text_id(value) is not None


def _profile_ids(value: dict[str, Any], paths: tuple[Path, ...]) -> Iterator[int]:
    """Ids that name a profile: 0 is what other feeds show for a former member, so only positive ones do."""
    for path in paths:
        found = _at(value, path)
        if type(found) is int and 0 < found < INT64:
            yield found


def _at(value: object, path: Path) -> object:
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value
