"""The fast way through a line: the fields that a feed's row names become Python objects, and nothing else of it.

msgspec checks the rest of the line as JSON while it skips it, in a seventh of the time that reading all of it takes.
Where it is laxer than that reader, the line is not taken this way: bytes that are not UTF-8, and deep nesting.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Annotated, Any, Final

import msgspec

from meetupkit.feeds import Feed, IdType, Path
from meetupkit.integers import INT64

MAX_MTIME: Final = 253_402_300_799_999
"""The last millisecond of the year 9999: what lies beyond is not a time any reader of the objects can show."""
TEXT_ID: Final = r"\A[A-Za-z0-9_-]{1,128}\Z"
"""An id becomes part of an object's name, so it may hold no path and no control character."""
_MAX_BRACKETS: Final = 200
"""As deep as pydantic's reader goes. The longest recorded lines have half as many brackets in all."""

_ProfileId = Annotated[int, msgspec.Meta(ge=0, le=INT64 - 1)] | None
_Mtime = Annotated[int, msgspec.Meta(ge=0, le=MAX_MTIME)]
_ID_TYPES: Final = {
    IdType.INTEGER: Annotated[int, msgspec.Meta(ge=-INT64, le=INT64 - 1)],
    IdType.TEXT: Annotated[str, msgspec.Meta(pattern=TEXT_ID)],
}


class RowFields:
    """What a row names: id, mtime, member ids, group ids (``None`` and 0: no profile)."""

    def __init__(self, feed: Feed) -> None:
        self.members = slice(2, 2 + len(feed.member_paths))
        self.groups = slice(self.members.stop, None)
        """Where they are in what ``read`` returns."""
        profiles = (*feed.member_paths, *feed.group_paths)
        leaves = [(feed.id_path, _ID_TYPES[feed.id_type], True), (feed.mtime_path, _Mtime, True)]
        leaves += [(path, _ProfileId, False) for path in profiles]
        self._decode = msgspec.json.Decoder(_struct(leaves)).decode if _apart([path for path, *_ in leaves]) else None
        self._values: Callable[[Any], tuple[Any, ...]] = attrgetter(
            *(".".join(map(_attribute, path)) for path, *_ in leaves)
        )

    def read(self, line: bytes) -> tuple[Any, ...] | None:
        """The values; ``None`` if they cannot be had this way."""
        others = len(line.replace(b"{", b"")) + len(line.replace(b"[", b""))  # in two thirds of the time of count()
        if (decode := self._decode) is None or 2 * len(line) - others > _MAX_BRACKETS:
            return None
        try:
            if not line.isascii():
                line.decode()
            return self._values(decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None


_Leaf = tuple[Path, Any, bool]
"""Where a value lies, its type, and whether a record must have it."""


def _struct(leaves: list[_Leaf]) -> type[msgspec.Struct]:
    """The type of an object with these values in it, at any depth; what else it holds is skipped."""
    fields = []
    for key in dict.fromkeys(path[0] for path, *_ in leaves):
        below: list[_Leaf] = [(path[1:], of, required) for path, of, required in leaves if path[0] == key]
        (path, kind, required), *_ = below
        default: object = None
        if path:
            kind, required = _struct(below), any(needed for *_, needed in below)
            default = msgspec.NODEFAULT if required else kind()
        field = msgspec.field(name=key) if required else msgspec.field(name=key, default=default)
        fields.append((_attribute(key), kind, field))
    return msgspec.defstruct("Fields", fields, frozen=True, gc=False)


def _attribute(key: str) -> str:
    """A name that Python takes, whatever the key is."""
    return f"of_{key.encode().hex()}"


def _apart(paths: list[Path]) -> bool:
    """Whether no two values lie at one place, or one within another."""
    return not any(a[: len(b)] == b for i, a in enumerate(paths) for j, b in enumerate(paths) if i != j)
