"""The feed table: one row for each Meetup stream.

Source of every row: ``GET http://stream.meetup.com/2/<feed>`` as Meetup documented it until 2019 and as recordings
show it. A new feed is a row here, a sample generator in the simulator and a line in the chart's values.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

Path = tuple[str, ...]
"""Keys from the outermost object inwards: ``("member", "member_id")``."""


CUSTOM_READ_TIMEOUT: Final = 900.0
"""Seconds for a custom feed that names none: nothing is known of its rate, so that of the quieter known feeds."""


def path_of(dotted: str) -> Path:
    """The path that settings and specs write with dots: ``member.member_id``."""
    return tuple(dotted.strip().split("."))


class IdType(StrEnum):
    """How a feed writes the id of its records on the wire."""

    INTEGER = "integer"
    """A whole number, which may be negative (event_comments)."""
    TEXT = "text"
    """Letters, digits, ``-`` and ``_`` (open_events: occurrences of recurring events have alphanumeric ids)."""


@dataclass(frozen=True, slots=True)
class Feed:
    """Where one stream is and how its records are read.

    ``read_timeout`` is in seconds: silence longer than this means the connection is dead. The streams have no
    heartbeat, so it lies far above the feed's usual gap.
    """

    name: str
    url: str
    id_path: Path
    id_type: IdType
    mtime_path: Path
    member_paths: tuple[Path, ...]
    group_paths: tuple[Path, ...]
    read_timeout: float

    def __hash__(self) -> int:
        """Of the name alone, in which rows differ: each line looks up what was made of its row."""
        return hash(self.name)


_ORIGIN: Final = "http://stream.meetup.com/2"

_ROWS: Final = (
    Feed(
        name="open_events",
        url=f"{_ORIGIN}/open_events",
        id_path=("id",),
        id_type=IdType.TEXT,
        mtime_path=("mtime",),
        member_paths=(),
        group_paths=(("group", "id"),),
        read_timeout=300,  # 0.15 records/s recorded live: a silence of 45 mean gaps
    ),
    Feed(
        name="open_venues",
        url=f"{_ORIGIN}/open_venues?trickle",
        id_path=("id",),
        id_type=IdType.INTEGER,
        mtime_path=("mtime",),
        member_paths=(),
        group_paths=(),
        read_timeout=3600,  # never recorded; venues change seldom, and a pass of the database ends in silence
    ),
    Feed(
        name="event_comments",
        url=f"{_ORIGIN}/event_comments",
        id_path=("id",),
        id_type=IdType.INTEGER,
        mtime_path=("mtime",),
        member_paths=(("member", "member_id"),),
        group_paths=(("group", "id"),),
        read_timeout=900,  # rate never recorded, known only to be well below rsvps
    ),
    Feed(
        name="photos",
        url=f"{_ORIGIN}/photos",
        id_path=("photo_id",),
        id_type=IdType.INTEGER,
        mtime_path=("mtime",),
        member_paths=(("member", "member_id"),),
        group_paths=(("photo_album", "group", "id"),),
        read_timeout=900,  # rate never recorded, known only to be well below rsvps
    ),
    Feed(
        name="rsvps",
        url=f"{_ORIGIN}/rsvps",
        id_path=("rsvp_id",),
        id_type=IdType.INTEGER,
        mtime_path=("mtime",),
        member_paths=(("member", "member_id"),),
        group_paths=(("group", "group_id"),),
        read_timeout=60,  # 1.3 records/s recorded over six years: a silence of 80 mean gaps
    ),
)

FEEDS: Final[Mapping[str, Feed]] = MappingProxyType({row.name: row for row in _ROWS})
