"""What one batch of what was read changes in the warehouse: rows and their books, written together or not at all."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from meetup_insight.loading.batch import Ready
from meetup_insight.schema import FeedTable, Table
from meetup_insight.schema.feeds import TOPICS_SEEN
from meetup_insight.schema.tables import READ, REJECTS, SOURCES, UNREADABLE
from meetup_insight.warehouse.arrow_rows import arrow
from meetup_insight.warehouse.changes import Append, Change, Delete, Kept, Merge, Newest

_SEEN: Final = {"first_seen": Kept.LEAST, "last_seen": Kept.GREATEST}
"""Merging is the same in any order and any number."""


class Finished:
    """Objects whose last line is in the batch, and what is counted of each."""

    def __init__(self) -> None:
        self.objects: list[tuple[str, str]] = []
        self.read: list[tuple[str, str, int, int]] = []
        self.rejects: list[tuple[str, str, str, str, int]] = []
        self.again: list[tuple[str, str]] = []
        """Segments that were broken when they were read before: what was counted of them then is no more."""


def changes(feed_table: FeedTable, ready: Ready, finished: Finished) -> Iterator[Change]:
    """Of a batch; in this order, since newest versions are found among all."""
    yield Merge(feed_table.versions, ready.versions, feed_table.versions.key)
    yield Newest(feed_table.newest, ready.versions, feed_table.versions)
    for part in feed_table.parts:
        if seen := ready.parts.get(part.table.name):
            facts = tuple(name for name in part.table.names if name not in _SEEN)
            yield Merge(part.table, seen.facts, facts, _SEEN)
            yield Merge(TOPICS_SEEN, seen.topics, TOPICS_SEEN.key, {"name": Kept.GREATEST, **_SEEN})
    yield from _books(feed_table.feed.name, ready, finished)


def _books(feed: str, ready: Ready, finished: Finished) -> Iterator[Change]:
    yield insert_new(UNREADABLE, [(feed, *each) for each in ready.unreadable])
    for table in (READ, REJECTS):
        yield Delete(table, arrow(table, finished.again, ("object", "feed")))
    yield Merge(READ, arrow(READ, finished.read), READ.key, {"records": Kept.SUM})
    yield Append(REJECTS, arrow(REJECTS, finished.rejects))
    yield Append(SOURCES, arrow(SOURCES, finished.objects))


def insert_new(table: Table, rows: Sequence[Sequence[Any]]) -> Change:
    """Rows whose key is not there yet."""
    return Merge(table, arrow(table, rows), table.key)
