"""What a connection asks for, read from its address. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

_FILTERED: Final = ("rsvps", "event_comments", "photos")
_LONG_POLL: Final = ("rsvps", "event_comments", "photos")
_CALLBACK: Final = re.compile(r"[A-Za-z_$][\w$.]{0,127}\Z", re.ASCII)
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}\Z", re.ASCII)
_MOST_EVENTS: Final = 500
"""SQLite takes more; a URL hardly does."""
_MOST_PARAMETERS: Final = 64


class QueryError(ValueError):
    """A parameter cannot be read; the message says which."""


@dataclass(frozen=True, slots=True)
class StreamQuery:
    """Of a stream."""

    since_mtime: int | None = None
    since_count: int | None = None
    event_ids: tuple[str, ...] = ()
    trickle: bool = False
    callback: str | None = None


def parameters(query: bytes) -> dict[str, str]:
    """The last value of each, those without a value too."""
    try:
        pairs = parse_qsl(query.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        raise QueryError("too many parameters") from None
    return dict(pairs)


def read_stream_query(feed: str, query: Mapping[str, str]) -> StreamQuery:
    """The parameters that the feed documented; others are ignored."""
    callback = query.get("callback") if feed in _LONG_POLL else None
    if callback is not None and not _CALLBACK.match(callback):
        raise QueryError("callback is not the name of a function")
    since_mtime, since_count = _number(query, "since_mtime"), _number(query, "since_count")
    if since_mtime is not None and since_count is not None:
        raise QueryError("since_mtime and since_count cannot be used together")
    filters = feed in _FILTERED and (callback is not None or feed != "photos")
    events = tuple(filter(None, query.get("event_id", "").split(","))) if filters else ()
    if len(events) > _MOST_EVENTS:
        raise QueryError(f"event_id holds more than {_MOST_EVENTS} ids")
    return StreamQuery(since_mtime, since_count, events, feed == "open_venues" and "trickle" in query, callback)


def _number(query: Mapping[str, str], name: str) -> int | None:
    if name not in query:
        return None
    if not _NUMBER.match(query[name]):
        raise QueryError(f"{name} is not a number")
    return int(query[name])
