"""The fast way through a record: the columns that the schema names become Python values, and nothing else of it.

As ``meetupkit.row_fields`` does for a stream, and by its rules of what a record is; parts that records share (a group)
are not read at all but kept as their bytes, by which they are known when they come again.
"""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Annotated, Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
from meetupkit.feeds import IdType, Path
from meetupkit.integers import INT64
from meetupkit.row_fields import MAX_MTIME, TEXT_ID

from meetup_insight.schema import Column, FeedTable, Kind, Part

_MAX_BRACKETS: Final = 200
"""As in ``meetupkit.row_fields``: more than that is read by the reader that says what is wrong."""
_MOST_DIGITS: Final = 4_300
"""Of a whole number that Python reads. What a longer one is, the careful reader says: where another value of the same
name follows it, this way would not see it."""
_DIGITS: Final = b"0123456789"
_CASE: Final = np.uint8(0x20)
_BRACE: Final = np.uint8(ord("{"))
"""``{`` and ``[`` are told apart by one bit, that of the case, and no other letter is like them without it."""
_NOT_THIS_WAY: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_TOGETHER: Final = 64
"""Lines of which one that cannot be read this way costs a second reading."""
_WORD: Final = 64
"""Letters whose brackets are counted by one instruction."""
_BLOCK: Final = 1 << 17
_INTEGER = Annotated[int, msgspec.Meta(ge=-INT64, le=INT64 - 1)]
_TYPES: Final[dict[Kind, Any]] = {
    Kind.INTEGER: _INTEGER | None,
    Kind.MEMBER: _INTEGER | None,
    Kind.TIME: Annotated[int, msgspec.Meta(ge=0, le=MAX_MTIME)] | None,
    Kind.FLOAT: float | None,
    Kind.LATITUDE: Annotated[float, msgspec.Meta(ge=-90, le=90)] | None,
    Kind.LONGITUDE: Annotated[float, msgspec.Meta(ge=-180, le=180)] | None,
    Kind.FLAG: bool | None,
}
_RECORD_ID: Final[dict[IdType, Any]] = {
    IdType.INTEGER: _INTEGER,
    IdType.TEXT: Annotated[str, msgspec.Meta(pattern=TEXT_ID)],
}
_Leaf = tuple[Path, Any, bool]
"""Where a value lies, its type, and whether a record must have it."""


class Shape:
    """Reads objects with values at the given paths."""

    def __init__(self, leaves: Sequence[_Leaf]) -> None:
        self._decode = msgspec.json.Decoder(_struct(list(leaves))).decode
        getter = attrgetter(*(".".join(map(_attribute, path)) for path, *_ in leaves))
        self._values: Callable[[Any], tuple[Any, ...]] = getter if len(leaves) > 1 else lambda found: (getter(found),)

    def read(self, body: bytes) -> tuple[Any, ...] | None:
        """The values in the order of the leaves; ``None`` if they cannot be had this way."""
        try:
            return self._values(self._decode(body))
        except _NOT_THIS_WAY:
            return None

    def read_all(self, bodies: Sequence[bytes]) -> list[tuple[Any, ...]]:
        """The same of several; raises what ``read`` does not."""
        for body in bodies:
            if not body.isascii():
                body.decode()
        decode, values = self._decode, self._values
        return [values(decode(body)) for body in bodies]


class RecordShape:
    """A record of a feed: its own columns, then the bytes of its parts."""

    def __init__(self, feed_table: FeedTable) -> None:
        feed = feed_table.feed
        leaves: list[_Leaf] = []
        for column in own_columns(feed_table):
            match column.path:
                case feed.id_path:
                    leaves.append((column.path, _RECORD_ID[feed.id_type], True))
                case feed.mtime_path:
                    leaves.append((column.path, Annotated[int, msgspec.Meta(ge=0, le=MAX_MTIME)], True))
                case path:
                    leaves.append((path, _TYPES.get(column.kind, _text_type(column)), False))
        leaves += [(part.path, msgspec.Raw, False) for part in feed_table.parts]
        self._shape = Shape(leaves)

    def read_all(self, lines: Sequence[bytes]) -> list[tuple[Any, ...] | None]:
        """The values of each line; ``None`` if it is no record, or one that cannot be read this way."""
        found: list[tuple[Any, ...] | None] = []
        for start in range(0, len(lines), _TOGETHER):
            some = lines[start : start + _TOGETHER]
            try:
                found += self._shape.read_all(some)
            except _NOT_THIS_WAY:
                found += map(self._read, some)
        for where in (*_nested(lines), *_long_numbers(lines)):
            found[where] = None
        return found

    def _read(self, line: bytes) -> tuple[Any, ...] | None:
        try:
            return self._shape.read_all([line])[0]
        except _NOT_THIS_WAY:
            return None


def _long_numbers(lines: Sequence[bytes]) -> list[int]:
    """Lines that hold one: it lies across a place that is a multiple of its least length, and few others do."""
    return [
        number
        for number, line in enumerate(lines)
        if len(line) > _MOST_DIGITS
        and any(_digits_around(line, at) > _MOST_DIGITS for at in range(0, len(line), _MOST_DIGITS))
    ]


def _digits_around(line: bytes, at: int) -> int:
    before, after = line[max(0, at - _MOST_DIGITS) : at], line[at : at + _MOST_DIGITS + 1]
    return len(before) - len(before.rstrip(_DIGITS)) + len(after) - len(after.lstrip(_DIGITS))


def _nested(lines: Sequence[bytes]) -> list[int]:
    """Lines that hold more brackets than are allowed. Few are suspected, and counted one by one."""
    before = _brackets(np.frombuffer(b"\n".join(lines), np.uint8))
    ends = np.cumsum(np.fromiter(map(len, lines), np.int64, len(lines)) + 1)
    starts = np.append(0, ends[:-1])
    counts = before[np.minimum(ends // _WORD + 1, len(before) - 1)] - before[starts // _WORD]
    suspects = np.flatnonzero(counts > _MAX_BRACKETS).tolist()
    return [at for at in suspects if lines[at].count(b"{") + lines[at].count(b"[") > _MAX_BRACKETS]


def _brackets(text: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """How many lie before each 64th letter. In blocks, whose copies stay in the processor's cache."""
    bits = np.zeros((len(text) // _WORD + 1) * 8, np.uint8)
    for start in range(0, len(text), _BLOCK):
        found = np.packbits((text[start : start + _BLOCK] | _CASE) == _BRACE)
        bits[start // 8 : start // 8 + len(found)] = found
    return np.append(0, np.cumsum(np.bitwise_count(bits.view(np.uint64)), dtype=np.int64))


def part_shape(part: Part) -> Shape:
    """A part: its columns in order, and its topics as ``(urlkey, name)`` structs, if it has any."""
    columns = part.table.columns[: len(part.paths)]
    leaves: list[_Leaf] = [
        (path, _TYPES.get(column.kind, _text_type(column)), False)
        for column, path in zip(columns, part.paths, strict=True)
    ]
    if part.topics:
        path, key, name = part.topics
        topic = msgspec.defstruct(
            "Topic",
            [
                ("key", str | None, msgspec.field(name=key, default=None)),
                ("name", str | None, msgspec.field(name=name, default=None)),
            ],
            gc=False,
        )
        leaves.append((path, list[topic] | None, False))  # type: ignore[valid-type]  # made just above
    return Shape(leaves)


def own_columns(feed_table: FeedTable) -> list[Column]:
    """The columns that the record itself fills: not its checksum, not the ids of its parts."""
    shared = {part.table.columns[0].name for part in feed_table.parts}
    return [column for column in feed_table.versions.columns if column.path and column.name not in shared]


def _text_type(column: Column) -> Any:
    return str | _INTEGER | None if column.kind is Kind.ID else str | None


def _struct(leaves: list[_Leaf]) -> type[msgspec.Struct]:
    """The type of an object with these values in it, at any depth; what else it holds is skipped."""
    fields = []
    for key in dict.fromkeys(path[0] for path, *_ in leaves):
        below = [(path[1:], of, required) for path, of, required in leaves if path[0] == key]
        fields.append(_field(key, below))
    return msgspec.defstruct("Fields", fields, frozen=True, gc=False)


def _field(key: str, below: list[_Leaf]) -> tuple[str, Any, Any]:
    (path, kind, required), *_ = below
    default: Any = msgspec.Raw(b"null") if kind is msgspec.Raw else None
    if path:
        kind, required = _struct(below), any(needed for *_, needed in below)
        default = msgspec.NODEFAULT if required else kind()
    field = msgspec.field(name=key) if required else msgspec.field(name=key, default=default)
    return _attribute(key), kind, field


def _attribute(key: str) -> str:
    """A name that Python takes, whatever the key is."""
    return f"of_{key.encode().hex()}"
